"""Folders of bounded size: what goes, what stays, and what is not theirs."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from engine.machine.atomic_files import TEMPORARY_PREFIX
from engine.machine.caches import BoundedFolder

BYTES = 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five files, the oldest first, and what is not the cache's."""
    for age in range(5):
        write(tmp_path / f"{age}.jpg", age)
    write(tmp_path / "mine.txt", 0)
    write(tmp_path / f"{TEMPORARY_PREFIX}0123456789abcdef.part.jpg", 0)
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "mine.txt")
    return tmp_path


def write(path: Path, seconds: int) -> None:
    path.write_bytes(bytes(BYTES))
    os.utime(path, (seconds, seconds))


def names(folder: Path) -> str:
    return "".join(sorted(path.stem for path in folder.glob("?.jpg")))


def others(folder: Path) -> Iterable[str]:
    return {path.name for path in folder.iterdir()} - {path.name for path in folder.glob("?.jpg")}


@pytest.mark.parametrize(
    ("limit", "added", "keep", "left", "has_room"),
    [
        (5 * BYTES, 0, (), "01234", True),
        (2 * BYTES + 500, 0, (), "34", True),
        (5 * BYTES, BYTES, (), "1234", True),
        (3 * BYTES, BYTES, ("0.jpg", "2.jpg"), "02", True),
        (0, 0, ("1.jpg",), "1", False),
        (BYTES, 2 * BYTES, (), "", False),
    ],
)
def test_the_longest_unused_go(
    folder: Path, limit: int, added: int, keep: tuple[str, ...], left: str, has_room: bool
) -> None:
    before = others(folder)
    assert BoundedFolder(folder, "*.jpg", limit).make_room(added, keep=keep) is has_room
    assert names(folder) == left
    assert others(folder) == before


def test_what_was_used_last_stays(folder: Path) -> None:
    os.utime(folder / "0.jpg")
    BoundedFolder(folder, "*.jpg", 2 * BYTES).make_room()
    assert names(folder) == "04"


def test_room_is_left_on_the_disk(folder: Path) -> None:
    cache = BoundedFolder(folder, "*.jpg", 10 * BYTES, reserve_bytes=2**60)
    assert cache.capacity() == 0
    assert not cache.make_room()
    assert names(folder) == ""


def test_only_the_own_files_are_counted_and_cleared(folder: Path) -> None:
    cache, before = BoundedFolder(folder, "*.jpg", 7 * BYTES), others(folder)
    assert (cache.num_bytes(), cache.capacity()) == (5 * BYTES, 7 * BYTES)
    cache.clear()
    assert (cache.num_bytes(), others(folder)) == (0, before)


def test_a_folder_that_is_none_has_room(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "nothing" / "there", tmp_path / "file"):
        cache = BoundedFolder(folder, "*.jpg", BYTES)
        assert cache.make_room(BYTES)
        cache.clear()
