"""Compare's plots leave room for the pictures and for all else: five panes, in a small window and with large text."""

import pytest
from pytestqt.qtbot import QtBot

from app.look.theme import Theme, ThemeChoice
from app.pages.compare.page import ComparePage
from app.pages.compare.panes import INPUT_CHOICE, REFERENCE_CHOICE, PaneChoice, PaneKind
from app.widgets.room.scroll_room import ScrollRoom
from engine.photos.folder import list_image_files
from engine.photos.pairs import match_pairs
from tests.app.conftest import OpenWindow
from tests.app.pages.training.test_training_pages import scanned
from tests.app.test_room import cut_texts, language, settle, unreachable
from tests.conftest import TinyPhotos

__all__ = ["language"]

READY_MS = 30_000
SMALL, COMMON = (960, 540), (1280, 800)


@pytest.fixture
def compare(language: str, qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos) -> ComparePage:
    """The page with five panes."""
    session = opened.session
    photos = list_image_files([tiny_photos.noisy])
    session.set_folders([tiny_photos.noisy])
    session.add_photos(scanned(tiny_photos.noisy))
    session.set_label_pairs(match_pairs(photos, list_image_files([tiny_photos.clean])).pairs)
    session.set_current_photo(photos[0])
    opened.window.show_page("compare")
    page = opened.window.pages["compare"]
    assert isinstance(page, ComparePage)
    files = tuple(PaneChoice(PaneKind.FILE, path=photo.file) for photo in photos[1:4])
    page.bar.choices_changed.emit((INPUT_CHOICE, REFERENCE_CHOICE, *files))
    qtbot.waitUntil(lambda: len(page.viewer.panes) == 5 and not page.is_busy, timeout=READY_MS)
    return page


def scrolls(page: ComparePage) -> tuple[bool, bool]:
    """Whether the page is moved sideways, and up and down."""
    viewport = page.parentWidget()
    assert viewport is not None
    room = viewport.parentWidget()
    assert isinstance(room, ScrollRoom)
    return room.horizontalScrollBar().maximum() > 0, room.verticalScrollBar().maximum() > 0


def show_plots(qtbot: QtBot, page: ComparePage, *, profile: bool, histogram: bool) -> None:
    page.bar.profile_button.setChecked(profile)
    page.bar.histogram_button.setChecked(histogram)
    qtbot.waitUntil(lambda: not (page.profile.is_busy or page.histogram.is_busy), timeout=READY_MS)
    settle(page.window())


@pytest.mark.parametrize(("size", "text_scale"), [(SMALL, 1.0), (COMMON, 1.0), (COMMON, 2.0)])
def test_a_plot_stands_below_five_panes_without_scrolling(
    compare: ComparePage, qtbot: QtBot, theme: Theme, size: tuple[int, int], text_scale: float
) -> None:
    window = compare.window()
    window.resize(*size)
    theme.apply(ThemeChoice.DARK, text_scale)
    for is_profile in (True, False):
        show_plots(qtbot, compare, profile=is_profile, histogram=not is_profile)
        is_sideways, is_tall = scrolls(compare)
        assert not is_sideways
        assert not is_tall or text_scale > 1
        assert [*cut_texts(window), *unreachable(window)] == []
        assert all(view.canvas.height() >= 64 for view in compare.viewer.pane_views)


def test_both_plots_at_large_text_scroll_up_and_down_alone(compare: ComparePage, qtbot: QtBot, theme: Theme) -> None:
    window = compare.window()
    window.resize(*SMALL)
    theme.apply(ThemeChoice.LIGHT, 2.0)
    show_plots(qtbot, compare, profile=True, histogram=True)
    assert scrolls(compare) == (False, True)
    assert [*cut_texts(window), *unreachable(window)] == []
    # No plot is lower than what it shows.
    for plot in (compare.profile, compare.histogram):
        assert plot.height() >= plot.minimumSizeHint().height()


def test_plots_give_their_height_back_when_text_shrinks(compare: ComparePage, qtbot: QtBot, theme: Theme) -> None:
    window = compare.window()
    window.resize(*COMMON)
    show_plots(qtbot, compare, profile=True, histogram=False)
    before = compare.profile.height()
    theme.apply(ThemeChoice.DARK, 2.0)
    settle(window)
    assert compare.profile.height() > before
    theme.apply(ThemeChoice.DARK, 1.0)
    settle(window)
    assert compare.profile.height() == before
