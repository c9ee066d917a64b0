"""Measurements that take minutes: run one with `python3 run.py bench NAME`."""
