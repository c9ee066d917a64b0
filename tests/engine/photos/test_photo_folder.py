"""Listing folders: natural order, nothing hidden, no endless loops, a reason for what is left out."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts.errors import InvalidInputError
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import PhotoImage, write_image
from engine.photos.folder import find_usable_photos, list_image_files, natural_sort_key


def names(photos: list[PhotoRef], root: Path) -> list[str]:
    return [photo.file.relative_to(root).as_posix() for photo in photos]


def touch(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


def test_natural_order_and_files_before_subfolders(tmp_path: Path) -> None:
    touch(tmp_path, "img10.png", "IMG2.jpg", "img1.TIF", "b/1.png", "a 10/1.png", "a 2/1.png")
    assert names(list_image_files([tmp_path], True), tmp_path) == [
        "img1.TIF",
        "IMG2.jpg",
        "img10.png",
        "a 2/1.png",
        "a 10/1.png",
        "b/1.png",
    ]
    assert len(list_image_files([tmp_path], False)) == 3


def test_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, ".hidden.png", "._apple.jpg", ".thumbs/1.png", "notes.txt", "film.mov", "1.png", "raw.NEF")
    (tmp_path / "folder.png").mkdir()
    touch(tmp_path, "folder.png/2.png")
    assert names(list_image_files([tmp_path], True), tmp_path) == ["1.png", "raw.NEF", "folder.png/2.png"]


def test_a_file_given_itself_is_listed_whatever_its_name(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt", "1.png")
    assert list_image_files([tmp_path / "notes.txt", tmp_path, tmp_path / "1.png"], True) == [
        PhotoRef(tmp_path / "notes.txt"),
        PhotoRef(tmp_path / "1.png"),
    ]


@pytest.mark.timeout(20)
def test_links_that_lead_back_end(tmp_path: Path) -> None:
    touch(tmp_path, "a/b/1.png")
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "a/itself").symlink_to(tmp_path / "a/itself")
    (tmp_path / "broken.png").symlink_to(tmp_path / "missing.png")
    listed = list_image_files([tmp_path], True)
    assert [path.name for path in listed] == ["broken.png", "1.png"]
    usable, skipped = find_usable_photos(listed[:1])
    assert usable == []
    assert "not there" in skipped[0].reason


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="not there"):
        list_image_files([tmp_path / "missing"], True)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir(mode=0)
    with pytest.raises(InvalidInputError, match="may not be read"):
        list_image_files([tmp_path / "secret"], True)


def test_many_files_are_listed_as_a_person_counts(tmp_path: Path) -> None:
    for number in range(1_000):
        (tmp_path / f"photo {number}.jpg").touch()
    listed = list_image_files([tmp_path], True)
    assert len(listed) == 1_000
    assert listed[9].name == "photo 9.jpg"


def test_unusable_files_have_a_reason_and_a_hint(tmp_path: Path) -> None:
    write_image(tmp_path / "good.png", PhotoImage(np.zeros((5, 7, 3), np.float32)))
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.tif").write_text("hello")
    (tmp_path / "film.gif").write_bytes(b"GIF89a" + bytes(20))
    usable, skipped = find_usable_photos(list_image_files([tmp_path], True))
    assert [(path.name, info.width, info.height) for path, info in usable] == [("good.png", 7, 5)]
    assert [file.path.name for file in skipped] == ["empty.jpg", "film.gif", "text.tif"]
    assert [file.reason for file in skipped][:2] == [
        "The file is empty.",
        "This is a GIF file, which is not supported.",
    ]
    assert all(file.hint for file in skipped)


@given(st.lists(st.text(max_size=12), max_size=20))
def test_any_names_can_be_sorted(some_names: list[str]) -> None:
    assert sorted(sorted(some_names, key=natural_sort_key)) == sorted(some_names)


@pytest.mark.parametrize(
    ("name", "start", "told"),
    [
        ("cells.czi", b"ZISRAWFILE\x00", "CZI file of a Zeiss"),
        ("cells.nd2", b"\xda\xce\xbe\x0a\x10\x00", "ND2 file of a Nikon"),
        ("cells.lif", b"p\x00\x00\x00\x20\x00\x00\x00*", "LIF file of a Leica"),
        ("cells.oir", b"OLYMPUSRAWFORMAT", "OIR file of an Olympus"),
        ("cells.oib", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OIB"),
        ("cells.ims", b"\x89HDF\r\n\x1a\n", "HDF5"),
        ("cells.vsi", b"something else", "not a picture of a supported kind"),
    ],
)
def test_a_folder_of_microscopes_files_says_what_they_are(tmp_path: Path, name: str, start: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(start + bytes(40))
    usable, (skipped,) = find_usable_photos(list_image_files([tmp_path]))
    assert usable == []
    assert told in skipped.reason
    assert "OME-TIFF" in skipped.hint or name == "cells.vsi"


def test_an_ome_zarr_is_named_and_not_looked_into(tmp_path: Path) -> None:
    chunks = tmp_path / "slides" / "cells.ome.zarr" / "0"
    chunks.mkdir(parents=True)
    (chunks / "a.png").write_bytes(b"no picture")
    for place in (tmp_path / "slides", chunks.parent):
        usable, skipped = find_usable_photos(list_image_files([place]))
        assert usable == []
        assert [(file.path.name, "OME-Zarr" in file.reason, "OME-TIFF" in file.hint) for file in skipped] == [
            ("cells.ome.zarr", True, True)
        ]
