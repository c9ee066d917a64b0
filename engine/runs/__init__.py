"""Runs as folders that survive crashes: found, read, written, thrown away and brought back.

Imports `contracts` and `machine`; no torch.
"""
