"""Plots that follow theme and language."""
