"""Photos: the folders that were opened, looked through, filtered and picked."""
