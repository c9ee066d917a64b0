"""Cyclic garbage is collected, and on the main thread, however busy other threads are."""

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.core.garbage_collection import MainThreadCollector


class Node:
    """Part of a cycle."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def collector(qtbot: QtBot) -> Iterator[MainThreadCollector]:
    result = MainThreadCollector()
    result.start()
    yield result
    result.stop()
    gc.unfreeze()
    assert gc.isenabled()


def make_garbage(num_cycles: int) -> None:
    for _ in range(num_cycles):
        Node()


def test_cycles_end_on_the_main_thread(qtbot: QtBot, collector: MainThreadCollector) -> None:
    ended_in: list[int] = []
    node = Node()
    weakref.finalize(node, lambda: ended_in.append(threading.get_ident()))
    del node
    other = threading.Thread(target=make_garbage, args=(20_000,))
    other.start()
    other.join()
    assert ended_in == []
    qtbot.waitUntil(lambda: bool(ended_in), timeout=20_000)
    assert ended_in == [threading.main_thread().ident]


def test_loaded_modules_are_left_out_and_new_garbage_is_not(qtbot: QtBot, collector: MainThreadCollector) -> None:
    collector.keep_what_is_loaded()
    assert gc.get_freeze_count() > 10_000
    node = Node()
    gone = weakref.ref(node)
    del node
    make_garbage(5000)
    qtbot.waitUntil(lambda: gone() is None, timeout=20_000)
