"""The noise of a person's own photos, learned from them: what it is like, drawn anew, saved and read.

Imports the measures of noise and the simulation, and for the twins the losses; nothing of trainings or runs.
"""
