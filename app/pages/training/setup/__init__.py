"""What is set before a training: photos, start, preset, numbers, and a look at whether it can work."""
