"""The Residua engine: training and restoration without a window.

Nothing in this package imports Qt or the front end (``app``).
"""

__version__ = "0.1.0"
