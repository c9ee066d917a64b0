"""Labels: clean references, found, checked, made and chosen."""
