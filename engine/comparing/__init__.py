"""Judging restored photos: metrics, baselines, pictures and pages that set versions side by side.

Imports `restoring` and what lies below it.
"""
