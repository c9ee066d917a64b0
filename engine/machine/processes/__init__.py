"""What works at the same time: several processes at one job, as torchrun starts them, and how threads wait.

Imports `contracts` and `machine`.
"""
