"""Seeds: one for each step and each use of randomness, so that a resumed run draws what an uninterrupted one would."""

import numpy as np


def step_seed(seed: int, step: int, stream: int = 0) -> int:
    """A seed for one step and one use of randomness, unrelated to the seeds of other steps and uses."""
    return int(np.random.SeedSequence((seed, step, stream)).generate_state(1, np.uint64)[0] >> 1)
