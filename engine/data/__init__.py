"""Reading, writing and sampling photos."""
