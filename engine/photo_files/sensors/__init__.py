"""What the numbers of a camera's sensor mean: its colours, its white, and how light becomes a picture."""
