import os
import time

import cv2
import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from app.look.thumbnails import ThumbnailFiles, ThumbnailLoader
from engine.contracts.photo import PhotoRef


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    paths = []
    for index in range(12):
        path = folder / f"photo {index:02d}.png"
        cv2.imwrite(str(path), np.full((60, 90, 3), 20 * index, np.uint8))
        paths.append(PhotoRef(path))
    return paths


@pytest.fixture
def make_loader(tmp_path):
    loaders = []

    def make(**options):
        loader = ThumbnailLoader(**{"side_px": 32, "cache_folder": tmp_path / "cache", **options})
        loaders.append(loader)
        return loader

    yield make
    for loader in loaders:
        loader.shut_down()


def wait_for(qtbot, loader, paths):
    qtbot.waitUntil(lambda: all(loader.pixmap(path) or loader.failure(path) for path in paths), timeout=20_000)


def test_only_wanted_files_are_read(qtbot, photos, make_loader):
    loader = make_loader()
    arrived = []
    loader.ready.connect(arrived.append)
    loader.want(photos[3:6])
    wait_for(qtbot, loader, photos[3:6])
    qtbot.wait(50)
    assert sorted(arrived) == photos[3:6]
    assert loader.pixmap(photos[0]) is None
    assert max(loader.pixmap(photos[3]).width(), loader.pixmap(photos[3]).height()) == 32


def test_what_has_scrolled_away_is_not_read(qtbot, photos, make_loader):
    loader = make_loader(num_threads=1)
    # The first call queues all; before the event loop runs again the view has scrolled to the end.
    loader.want(photos)
    loader.want(photos[-2:])
    wait_for(qtbot, loader, photos[-2:])
    qtbot.wait(50)
    read = [path for path in photos if loader.pixmap(path)]
    # Those under way when the view scrolled may be there too, never the whole list.
    assert len(read) <= 4
    assert set(photos[-2:]) <= set(read)


def test_pixels_are_right(qtbot, photos, make_loader):
    loader = make_loader()
    loader.want([photos[5]])
    wait_for(qtbot, loader, [photos[5]])
    colour = loader.pixmap(photos[5]).toImage().pixelColor(10, 10)
    assert abs(colour.red() - 100) <= 2
    assert colour.red() == colour.green() == colour.blue()


def test_second_session_reads_from_disk(qtbot, photos, make_loader, tmp_path):
    first = make_loader()
    first.want(photos[:1])
    wait_for(qtbot, first, photos[:1])
    first.shut_down()
    entries = list((tmp_path / "cache").iterdir())
    assert len(entries) == 1
    # A marked entry proves where the second loader takes it from.
    cv2.imwrite(str(entries[0]), np.full((20, 30, 3), 250, np.uint8))
    second = make_loader()
    second.want(photos[:1])
    wait_for(qtbot, second, photos[:1])
    assert second.pixmap(photos[0]).toImage().pixelColor(5, 5).red() > 240


def test_changed_photo_is_read_anew(photos, tmp_path):
    cache = ThumbnailFiles(tmp_path / "cache")
    cache.write(cache.entry(photos[0], 32), np.zeros((4, 4, 3), np.uint8))
    assert cache.read(cache.entry(photos[0], 32)) is not None
    assert cache.read(cache.entry(photos[0], 64)) is None
    os.utime(photos[0].file, ns=(time.time_ns(), time.time_ns() + 10**9))
    assert cache.read(cache.entry(photos[0], 32)) is None


def replace_by(photo, level, size=(60, 90)):
    new = photo.file.with_name("new.png")
    cv2.imwrite(str(new), np.full((*size, 3), level, np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    os.replace(new, photo.file)


def red_of(loader, photo):
    return loader.pixmap(photo).toImage().pixelColor(5, 5).red()


def test_what_was_read_before_a_photo_changed_is_not_shown(qtbot, photos, make_loader, tmp_path):
    loader = make_loader()
    loader.want([photos[1]])
    # The thumbnail is kept on disk before the event loop, which does not run here, could hand it over.
    while not list((tmp_path / "cache").glob("*.jpg")):
        time.sleep(0.005)
    loader.shut_down()
    loader.want([])
    replace_by(photos[1], 200)
    loader.forget([photos[1]])
    QApplication.processEvents()
    loader.want([photos[1]])
    wait_for(qtbot, loader, [photos[1]])
    assert red_of(loader, photos[1]) == pytest.approx(200, abs=2)


def test_a_photo_that_changes_while_it_is_read_is_read_again(qtbot, photos, make_loader):
    photo = photos[1]
    replace_by(photo, 20, size=(3000, 4000))
    loader = make_loader()
    loader.want([photo])
    # So long does reading this photo take.
    time.sleep(0.05)
    replace_by(photo, 200)
    loader.forget([photo])
    wait_for(qtbot, loader, [photo])
    assert red_of(loader, photo) == pytest.approx(200, abs=2)
    later = make_loader()
    later.want([photo])
    wait_for(qtbot, later, [photo])
    assert red_of(later, photo) == pytest.approx(200, abs=2)


def test_damaged_cache_entry_is_passed_over(qtbot, photos, make_loader, tmp_path):
    cache = ThumbnailFiles(tmp_path / "cache")
    cache.write(cache.entry(photos[1], 32), np.zeros((4, 4, 3), np.uint8))
    next((tmp_path / "cache").iterdir()).write_bytes(b"no picture")
    loader = make_loader()
    loader.want([photos[1]])
    wait_for(qtbot, loader, [photos[1]])
    assert loader.pixmap(photos[1]) is not None


def test_unwritable_cache_is_no_failure(qtbot, photos, make_loader, tmp_path):
    (tmp_path / "file").write_text("in the way")
    loader = make_loader(cache_folder=tmp_path / "file")
    loader.want(photos[:2])
    wait_for(qtbot, loader, photos[:2])
    assert loader.pixmap(photos[0]) is not None


def test_broken_and_missing_files_say_why(qtbot, tmp_path, make_loader):
    broken, missing = PhotoRef(tmp_path / "broken.png"), PhotoRef(tmp_path / "missing.png")
    broken.file.write_bytes(b"\x89PNG\r\n\x1a\n but nothing more")
    loader = make_loader()
    loader.want([broken, missing])
    wait_for(qtbot, loader, [broken, missing])
    assert loader.pixmap(broken) is None
    assert loader.failure(broken).endswith(".")
    assert loader.failure(missing).endswith(".")


def test_memory_is_bounded(qtbot, photos, make_loader):
    one = 32 * 21 * 4
    loader = make_loader(memory_limit_bytes=3 * one)
    for path in photos:
        loader.want([path])
        qtbot.waitUntil(lambda path=path: loader.pixmap(path) is not None, timeout=20_000)
    assert [path for path in photos if loader.pixmap(path)] == photos[-3:]


def test_views_share_a_loader(qtbot, photos, make_loader):
    loader = make_loader()
    loader.want(photos[:2], view="grid")
    loader.want(photos[5:7], view="filmstrip")
    wait_for(qtbot, loader, [*photos[:2], *photos[5:7]])
    loader.want([], view="grid")
    assert loader.pixmap(photos[2]) is None


def test_what_may_have_changed_is_read_anew(qtbot, photos, make_loader):
    loader = make_loader()
    changed, mended, other = photos[1], photos[2], photos[3]
    mended.file.write_bytes(b"cut off")
    loader.want([changed, mended, other])
    wait_for(qtbot, loader, [changed, mended, other])
    assert loader.failure(mended)
    kept = loader.pixmap(other)
    for path in (changed, mended):
        cv2.imwrite(str(path), np.full((60, 90, 3), 240, np.uint8))
    loader.forget([changed, mended])
    wait_for(qtbot, loader, [changed, mended])
    for path in (changed, mended):
        assert loader.pixmap(path).toImage().pixelColor(10, 10).red() == 240
    assert loader.pixmap(other) is kept
    loader.forget([changed.file.parent])
    assert loader.pixmap(other) is None
