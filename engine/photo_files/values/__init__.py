"""What the numbers of a file mean: their types, and which of them are black and white."""
