"""Mutation testing: whether the tests notice when the modules that must not be wrong are made wrong."""
