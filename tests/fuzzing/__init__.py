"""Fuzzing of all that opens files, see `docs/fuzzing.md`: `python -m tests.fuzzing LOADER`."""
