"""The machine that all runs on: devices, memory, places, files that are whole or not there.

Imports `contracts` alone.
"""
