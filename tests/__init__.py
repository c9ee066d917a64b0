"""Tests of the engine, of the window and of the program as a whole."""
