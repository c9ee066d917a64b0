"""The label-budget experiment in the window."""
