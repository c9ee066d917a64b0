"""Runs: what was trained, looked at, compared, exported, thrown away."""
