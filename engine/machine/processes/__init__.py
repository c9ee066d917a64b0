"""Several processes at one job, as torchrun starts them: which of them this is, and what they tell each other.

Imports `contracts` and `machine`.
"""
