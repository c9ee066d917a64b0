"""Restoring photos with a model: tiles, memory, batches, the names and files of results.

Imports `models` and what lies below it.
"""
