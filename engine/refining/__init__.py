"""Refining a network that restores already on the noise of a person's own photos, and deciding how far to go.

Imports the simulation with the learned noise, the data, the restorer and the losses; trainings import it.
"""
