"""Whether a microscope's channels are looked at together or one by one: for all pages, and for looking alone.

Pictures are read in background threads of several pages, which all ask here.
"""

import threading

_lock = threading.Lock()
_channel = 0


def shown_channel() -> int:
    """Return which channel of a page is looked at alone, from 1, or that pages of a stack are; 0: all together."""
    with _lock:
        return _channel


def show_channel(channel: int) -> None:
    """Say what `shown_channel` returns from here on."""
    global _channel
    with _lock:
        _channel = channel
