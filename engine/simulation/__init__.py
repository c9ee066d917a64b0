"""Simulated cameras: what a clean picture would have looked like, had a noisy camera taken it."""
