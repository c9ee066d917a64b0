"""Classical methods that need no training, to measure models against."""
