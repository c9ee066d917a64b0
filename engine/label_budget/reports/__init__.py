"""What came out of an experiment: scores put together, a verdict in words, chart and tables."""
