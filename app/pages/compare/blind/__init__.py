"""The blind test: versions without their names, judged and counted."""
