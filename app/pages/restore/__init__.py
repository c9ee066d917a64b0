"""Restore: choose, look, restore a batch."""
