"""pyqtgraph, loaded when the first plot is drawn.

Loading it takes a tenth of the window's start, at which no plot is seen. Modules that draw with it take it from here;
those that make classes of its classes are loaded by what first makes a plot.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyqtgraph
else:

    class _LoadedWhenUsed:
        def __getattr__(self, name: str) -> object:
            return getattr(import_module("pyqtgraph"), name)

    pyqtgraph = _LoadedWhenUsed()

__all__ = ["pyqtgraph"]
