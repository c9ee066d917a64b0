"""A look at photos and settings before a training takes its time."""
