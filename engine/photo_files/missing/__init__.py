"""Data that a file should hold and does not, told with how much, by one rule for all formats."""
