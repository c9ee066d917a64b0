"""Restoration tasks: measurement operator, head and pair maker."""
