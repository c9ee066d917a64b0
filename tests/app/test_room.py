"""Nothing is cut: every page and dialog in English and German, at 100 and 200 % text, in the smallest window."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QLocale, QPoint, QRect, QSize
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QLabel,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QTabWidget,
    QToolTip,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.core.error_reporting import ErrorReporter
from app.core.session import ModelChoice, Session
from app.core.settings import WINDOW_GEOMETRY, Settings
from app.core.window_memory import FIRST_SIZE, FRAME_PX
from app.core.window_memory import TITLE_BAR_PX as LEAST_TITLE_BAR_PX
from app.jobs.runner import JobRunner
from app.look.catalogues import load_catalogue
from app.look.text import ElidedLabel
from app.look.theme import Theme, ThemeChoice
from app.look.translation import install_catalogue
from app.pages.compare.bar import PaneChip
from app.pages.labels.page import LabelsPage
from app.pages.photos.page import PhotosPage
from app.widgets.elided_box import ElidedComboBox
from app.widgets.room.scroll_room import ScrollRoom
from app.window.main_window import MIN_SIZE, MainWindow
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.models.starters import list_starters
from tests.app.conftest import OpenWindow, undressed
from tests.conftest import TinyPhotos

FULL_HD_AT_200 = (960, 540)
TITLE_BAR_PX = 40
PADDING_PX = 8


@pytest.fixture(params=["en", "de"])
def language(request: pytest.FixtureRequest, qtbot: QtBot) -> Iterator[str]:
    """Must come before the window is made."""
    before = QLocale()
    install_catalogue(load_catalogue(request.param))
    QLocale.setDefault(QLocale(request.param))
    yield request.param
    install_catalogue(load_catalogue("en"))
    QLocale.setDefault(before)


def shown(root: QWidget) -> Iterator[QWidget]:
    for widget in root.findChildren(QWidget):
        if widget.isVisible() and widget.window() is root.window():
            yield widget


def cut_texts(root: QWidget) -> list[str]:
    """Labels and buttons whose text needs more room than they have."""
    found = []
    for widget in shown(root):
        if isinstance(widget, QLabel) and not isinstance(widget, ElidedLabel) and widget.text():
            if widget.wordWrap():
                is_cut = widget.heightForWidth(widget.width()) > widget.height() + 1
            else:
                needed = widget.sizeHint()
                if widget.minimumWidth() == widget.maximumWidth():
                    # The hint of a label of fixed width may be the width that it had before.
                    needed = QSize(widget.fontMetrics().horizontalAdvance(widget.text()), needed.height())
                is_cut = needed.width() > widget.width() + 1 or needed.height() > widget.height() + 1
        elif isinstance(widget, QPushButton) and widget.text().endswith("…") and widget.toolTip():
            # Shortened on purpose.
            continue
        elif isinstance(widget, PaneChip):
            assert widget.toolTip()
            continue
        elif isinstance(widget, QPushButton | QCheckBox | QRadioButton) and widget.text():
            # Of the padding at both sides some may go.
            is_cut = widget.sizeHint().width() > widget.width() + PADDING_PX
        elif isinstance(widget, QComboBox) and not isinstance(widget, ElidedComboBox):
            is_cut = widget.fontMetrics().horizontalAdvance(widget.currentText()) > widget.width() - 24
        else:
            continue
        if is_cut:
            found.append(
                f"{type(widget).__name__} {_text(widget)!r}: {widget.size().toTuple()} of {widget.sizeHint().toTuple()}"
            )
    return found


def unreachable(root: QWidget) -> list[str]:
    """Controls that stick out of what contains them, where no scroll area brings them into view."""
    found = []
    for widget in shown(root):
        if not isinstance(widget, QAbstractButton | QComboBox | QLabel):
            continue
        inner, owner = widget, widget.parentWidget()
        while owner is not None and inner is not root:
            place = QRect(inner.mapTo(owner, QPoint(0, 0)), inner.size())
            area = owner.parentWidget()
            is_viewport = isinstance(area, QAbstractScrollArea) and area.viewport() is owner
            if is_viewport:
                assert isinstance(area, QAbstractScrollArea)
                if isinstance(area, QScrollArea) and not _can_scroll(area, inner):
                    found.append(f"{_text(widget)!r} in {type(area).__name__}: {inner.size().toTuple()}")
                break
            if not owner.rect().adjusted(-1, -1, 1, 1).contains(place):
                where = f"{place.getRect()} of {owner.size().toTuple()}"
                found.append(f"{_text(widget)!r} in {type(owner).__name__}: {where}")
                break
            inner, owner = owner, owner.parentWidget()
    return found


def scrolled_sideways(root: QWidget) -> list[str]:
    """Areas that do not show the whole width of what they hold, and what in them needs it."""
    found = []
    for area in shown(root):
        content = area.widget() if isinstance(area, QScrollArea) else None
        if isinstance(area, QScrollArea) and content is not None and content.width() > area.viewport().width():
            wide = [each for each in shown(content) if each.minimumSizeHint().width() > area.viewport().width()]
            widest = [f"{type(each).__name__} {each.minimumSizeHint().width()}" for each in wide]
            found.append(f"{content.width()} of {area.viewport().width()} px, {', '.join(widest)}")
    return found


def _can_scroll(area: QScrollArea, content: QWidget) -> bool:
    across, down = area.horizontalScrollBar(), area.verticalScrollBar()
    view = area.viewport().size()
    is_wide, is_tall = content.width() > view.width() + 1, content.height() > view.height() + 1
    return (not is_wide or across.isVisible()) and (not is_tall or down.isVisible())


def _text(widget: QWidget) -> str:
    text = widget.currentText() if isinstance(widget, QComboBox) else widget.text()  # type: ignore[attr-defined]
    return str(text or widget.toolTip())[:50]


def settle(window: QWidget) -> None:
    """Let hints, layouts and scroll bars agree."""
    for _ in range(4):
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
        QApplication.processEvents()


def check_every_page(window: MainWindow) -> None:
    wrong: list[str] = []
    for page_id, page in window.pages.items():
        window.show_page(page_id)
        settle(window)
        wrong += [f"{page_id}: {text}" for text in (*cut_texts(window), *unreachable(window))]
        room = page.parentWidget().parentWidget()
        assert isinstance(room, ScrollRoom)
        assert room.horizontalScrollBar().maximum() == max(0, page.width() - room.viewport().width())
    assert "\n".join(wrong) == ""


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_nothing_is_cut_on_any_page(
    language: str,
    opened: OpenWindow,
    theme: Theme,
    qtbot: QtBot,
    runner: JobRunner,
    tiny_photos: TinyPhotos,
    scale: float,
) -> None:
    window, session = opened.window, opened.session
    theme.apply(ThemeChoice.DARK, scale)
    window.resize(*MIN_SIZE)
    assert (window.width(), window.height()) == MIN_SIZE
    check_every_page(window)
    session.set_folders([tiny_photos.noisy])
    photos = sorted(tiny_photos.noisy.iterdir())
    session.add_photos([PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1) for path in photos])
    session.set_current_photo(PhotoRef(photos[0]))
    starter = list_starters()[0]
    session.set_model(ModelChoice(starter.path, starter.title))
    labels = window.pages["labels"]
    assert isinstance(labels, LabelsPage)
    labels.accept_paths([tiny_photos.clean])
    qtbot.waitUntil(lambda: len(session.label_pairs) == len(photos), timeout=30_000)
    check_every_page(window)
    for open_dialog in (window.show_settings, window.show_shortcuts, window.show_about):
        open_dialog()
        dialog = next(each for each in window.findChildren(QDialog) if each.isVisible())
        settle(dialog)
        assert [*cut_texts(dialog), *unreachable(dialog)] == []
        dialog.close()
        dialog.deleteLater()


@pytest.mark.parametrize("size", [MIN_SIZE, (1280, 800)])
def test_no_page_scrolls_sideways_with_large_text(
    language: str, opened: OpenWindow, theme: Theme, qtbot: QtBot, tiny_photos: TinyPhotos, size: tuple[int, int]
) -> None:
    window, session = opened.window, opened.session
    theme.apply(ThemeChoice.DARK, 2.0)
    window.resize(*size)
    session.set_folders([tiny_photos.noisy])
    photos = sorted(tiny_photos.noisy.iterdir())
    session.add_photos([PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1) for path in photos])
    session.set_current_photo(PhotoRef(photos[0]))
    labels = window.pages["labels"]
    assert isinstance(labels, LabelsPage)
    labels.accept_paths([tiny_photos.clean])
    qtbot.waitUntil(lambda: len(session.label_pairs) == len(photos), timeout=30_000)
    sideways = []
    for page_id, page in window.pages.items():
        window.show_page(page_id)
        if page is labels:
            labels.content.list.setCurrentIndex(labels.model.index(0))
        settle(window)
        sideways += [f"{page_id}: {found}" for found in scrolled_sideways(window)]
        assert [*cut_texts(window), *unreachable(window)] == []
        for tabs in page.findChildren(QTabWidget):
            if not tabs.isVisible():
                continue
            for number in range(1, tabs.count()):
                tabs.setCurrentIndex(number)
                settle(window)
                sideways += [f"{page_id} {tabs.tabText(number)}: {found}" for found in scrolled_sideways(window)]
            tabs.setCurrentIndex(0)
    assert sideways == []


@pytest.mark.parametrize(("size", "scale"), [(MIN_SIZE, 1.0), (MIN_SIZE, 2.0), ((1280, 800), 2.0)])
def test_what_is_known_of_the_noise_is_whole(
    language: str, opened: OpenWindow, theme: Theme, tiny_photos: TinyPhotos, size: tuple[int, int], scale: float
) -> None:
    window, session = opened.window, opened.session
    theme.apply(ThemeChoice.DARK, scale)
    window.resize(*size)
    session.set_folders([tiny_photos.noisy])
    session.add_photos(
        [
            PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1)
            for path in tiny_photos.noisy.iterdir()
        ]
    )
    page = window.pages["photos"]
    assert isinstance(page, PhotosPage)
    facts = page.noise_facts
    for text in ("Little noise. " * 30, "Little noise."):
        facts.label.setText(text)
        facts.show()
        settle(window)
        assert [*cut_texts(window), *unreachable(window)] == []
        assert facts.height() <= facts.label.heightForWidth(facts.label.width()) + 1


def test_the_checks_find_what_is_cut(qtbot: QtBot, theme: Theme) -> None:
    root = QWidget()
    qtbot.addWidget(root)
    root.resize(120, 40)
    texts = (QLabel("far too long a text for this", root), QPushButton("Save all of it", root))
    for number, widget in enumerate(texts):
        widget.setGeometry(80 * number, 0, 60, 20)
    root.show()
    assert len(cut_texts(root)) == 2
    assert len(unreachable(root)) == 1


def test_the_smallest_window_fits_a_full_hd_screen_at_200_percent() -> None:
    assert MIN_SIZE[0] <= FULL_HD_AT_200[0]
    assert MIN_SIZE[1] + TITLE_BAR_PX <= FULL_HD_AT_200[1]


def test_the_first_window_fits_the_screen_with_its_title_bar(opened: OpenWindow) -> None:
    available = opened.window.screen().availableSize()
    fitting = QSize(*FIRST_SIZE).boundedTo(available - QSize(*FRAME_PX)).expandedTo(QSize(*MIN_SIZE))
    assert opened.window.size() == fitting
    assert FRAME_PX[1] >= TITLE_BAR_PX


def test_a_window_that_was_left_elsewhere_is_brought_back(
    qtbot: QtBot, theme: Theme, session: Session, runner: JobRunner, settings: Settings
) -> None:
    other = QWidget()
    qtbot.addWidget(other)
    other.setGeometry(5000, 4000, 3000, 2400)
    settings.set(WINDOW_GEOMETRY, bytes(other.saveGeometry().toBase64().data()).decode())
    with undressed(theme):
        window = MainWindow(session, runner, settings, ErrorReporter())
    qtbot.addWidget(window)
    available = window.screen().availableGeometry()
    place = window.geometry()
    assert place.left() == available.left()
    assert place.top() >= available.top() + LEAST_TITLE_BAR_PX
    assert place.bottom() <= available.bottom()
    assert place.width() <= max(available.width(), MIN_SIZE[0])


def test_a_box_of_choices_shortens_its_text_and_says_the_whole(qtbot: QtBot, theme: Theme) -> None:
    box = ElidedComboBox()
    qtbot.addWidget(box)
    box.addItem("A choice with a rather long name")
    box.resize(box.minimumSizeHint())
    box.show()
    qtbot.waitUntil(lambda: box.shown_text.endswith("…"))
    place = box.rect().center()
    QApplication.sendEvent(box, QHelpEvent(QEvent.Type.ToolTip, place, box.mapToGlobal(place)))
    assert QToolTip.text() == "A choice with a rather long name"
    QToolTip.hideText()
    box.resize(box.sizeHint())
    qtbot.waitUntil(lambda: box.shown_text == box.currentText())
