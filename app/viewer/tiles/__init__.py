"""Pictures of any size on screen: pyramids, tiles, colours."""
