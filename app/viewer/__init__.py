"""The comparison viewer."""
