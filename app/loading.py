"""Loading a thousand modules quickly: what Python and PySide do beside each import is switched off meanwhile.

A start is mostly imports. Python looks for garbage again and again while there is none, and PySide reads the source of
each imported module, torch's too, to find out whether it asks for PySide's naming features (`__feature__`), which
nothing here does: together a quarter of the time to the first picture.
"""

import builtins
import gc
from collections.abc import Iterator
from contextlib import contextmanager

import PySide6.QtCore  # noqa: F401 - it exchanges Python's import


@contextmanager
def quick_loading() -> Iterator[None]:
    """Leave out what only slows imports down. PySide's reading of sources stays off for good."""
    gc.disable()
    # Where PySide keeps it.
    builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)
    try:
        yield
    finally:
        # What has been loaded stays: later collections need not look at it.
        gc.freeze()
        gc.enable()
