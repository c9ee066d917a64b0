"""Compare: restored versions of a photo side by side."""
