"""Ways to learn from noisy photos alone."""
