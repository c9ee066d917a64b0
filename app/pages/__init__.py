"""The pages of the left rail."""
