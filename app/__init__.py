"""Residua's window: a Qt front end over the engine."""
