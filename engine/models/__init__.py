"""Trained weights with their card: files, starters, ONNX, models of other programs.

Imports `method` and what lies below it.
"""
