"""Draws that every part of the simulation needs."""

import numpy as np


def log_uniform(generator: np.random.Generator, lowest: float, highest: float) -> float:
    """Draw a number whose logarithm is uniform, so that each factor of two is as frequent as any other."""
    return float(np.exp(generator.uniform(np.log(lowest), np.log(highest))))


def sometimes(generator: np.random.Generator, share: float, lowest: float, highest: float) -> float:
    """Return a number of a range in a share of all cases, else 0."""
    value = float(generator.uniform(lowest, highest))
    return value if generator.random() < share else 0.0
