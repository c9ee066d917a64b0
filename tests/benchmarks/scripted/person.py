"""A person at the window: the X server's own mouse and keyboard (`xdotool`), and eyes for what is on the screen.

The person lives in a thread of its own, as a person does; the eyes answer from the main thread. Nothing is called
behind the window's back: what is looked up in the window is where things are and what they say.
"""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QMimeData, QObject, QPoint, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLabel,
    QMenu,
    QScrollArea,
    QTabBar,
    QWidget,
)

from app.window.main_window import MainWindow
from tests.benchmarks.lateness import LatenessMeter
from tests.benchmarks.scripted.reading import Reader

Answer = TypeVar("Answer")
Place = tuple[float, float]

MIDDLE: Place = (0.5, 0.5)
_HAND_S = 0.25
"""Rest between two movements of the hand."""
_NUM_QUIET_LOOKS = 3
_DRAG_STEPS = 6


class Eyes(QObject):
    """Answers the person's thread from the main thread."""

    asked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.asked.connect(self._answer, Qt.ConnectionType.BlockingQueuedConnection)

    @Slot(object)
    def _answer(self, question: Callable[[], None]) -> None:
        question()


class FilesOnTheDesktop(QLabel):
    """Stands for a file manager: a small window from which files can be dragged."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(f"{len(paths)} file(s)", None, Qt.WindowType.WindowStaysOnTopHint | Qt.WindowType.Tool)
        self._paths = paths
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setFixedSize(90, 30)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        drag, content = QDrag(self), QMimeData()
        content.setUrls([QUrl.fromLocalFile(str(path)) for path in self._paths])
        drag.setMimeData(content)
        drag.exec(Qt.DropAction.CopyAction)


class Person:
    """Hands and eyes.

    Attributes:
        meter: How late the window is, while it is told to record.
        shots: Names of the screenshots, in order.
    """

    def __init__(self, application: QApplication, out: Path, part_number: int, language: str = "en") -> None:
        self._reader = Reader(language)
        self._application = application
        self._out = out
        self._part_number = part_number
        self._eyes = Eyes()
        self.meter = LatenessMeter(is_recording=False)
        self.shots: list[str] = []

    # What is seen

    def see(self, question: Callable[[], Answer]) -> Answer:
        """Return the answer of a function called on the main thread."""
        answers: list[Answer] = []
        errors: list[Exception] = []

        def ask() -> None:
            try:
                answers.append(question())
            except Exception as error:  # noqa: BLE001 - raised again in the person's thread
                errors.append(error)

        self._eyes.asked.emit(ask)
        if errors:
            raise errors[0]
        return answers[0]

    @property
    def window(self) -> MainWindow:
        """The program's window."""
        return next(widget for widget in self._application.topLevelWidgets() if isinstance(widget, MainWindow))

    @property
    def page(self) -> Any:
        """The page that is shown."""
        return self.window.current_page

    def wait(self, what: str, condition: Callable[[], object], seconds: float = 90) -> None:
        """Look until a condition holds.

        Raises:
            TimeoutError: It does not; a screenshot is left.
        """
        until = time.monotonic() + seconds
        while not self.see(condition):
            if time.monotonic() > until:
                self.shoot(f"stuck - {what}")
                raise TimeoutError(what)
            time.sleep(0.1)

    def settle(self, seconds: float = 120) -> None:
        """Wait until no quick job runs and nothing on the page is on its way, and none follows at once."""
        time.sleep(_HAND_S)
        num_quiet = 0
        while num_quiet < _NUM_QUIET_LOOKS:
            self.wait("all is there", lambda: not self._is_busy(), seconds)
            time.sleep(_HAND_S)
            num_quiet = 0 if self.see(self._is_busy) else num_quiet + 1

    def shoot(self, name: str) -> None:
        """Keep a picture of the screen."""
        time.sleep(0.4)
        file = self._out / f"{self._part_number:02d}-{len(self.shots) + 1:02d} {name}.png"
        self.see(lambda: self._application.primaryScreen().grabWindow(0).save(str(file)))
        self.shots.append(file.name)

    def find(self, text: str, kind: type[QWidget] = QAbstractButton) -> QWidget | None:
        """Return a thing that can be used and says, or is called, what begins with a text; on the main thread only."""
        popup, dialog = self._application.activePopupWidget(), self._application.activeModalWidget()
        others = [widget for widget in self._application.topLevelWidgets() if widget.isVisible()]
        for top in [top for top in (popup, dialog, *reversed(others)) if top is not None]:
            there: list[QWidget] = [each for each in top.findChildren(kind) if each.isVisible() and each.isEnabled()]
            # What is written on one thing goes before what the tooltip of another says.
            for words in (_written, QWidget.accessibleName, QWidget.toolTip):
                for widget in there:
                    if self._reader.says(words(widget), text):
                        return widget
        return None

    # What is done

    def click(self, text: str, kind: type[QWidget] = QAbstractButton, seconds: float = 60) -> None:
        """Click a thing by what it says or is called."""
        self.wait(f"“{text}”", lambda: self.find(text, kind) is not None, seconds)
        time.sleep(_HAND_S)
        self.click_on(lambda: self.find(text, kind))

    def click_on(
        self, thing: Callable[[], QWidget | None], place: Place = MIDDLE, *, button: int = 1, keys: Sequence[str] = ()
    ) -> None:
        """Click a place of a thing, as shares of its width and height, with keys held."""
        self._move_to(self.see(lambda: _point(thing(), place)))
        for key in keys:
            _do("keydown", key)
        _do("click", str(button))
        for key in reversed(keys):
            _do("keyup", key)
        time.sleep(_HAND_S)

    def click_row(
        self, view: Callable[[], QAbstractItemView], row: int, *, button: int = 1, keys: Sequence[str] = ()
    ) -> None:
        """Click a row of a list or table, with keys held."""

        def point() -> tuple[int, int]:
            index = view().model().index(row, 0)
            view().scrollTo(index)
            rect = view().visualRect(index)
            at = QPoint(rect.left() + min(rect.width() // 2, 60), rect.center().y())
            return _on_screen(view().viewport(), at)

        self.see(point)
        time.sleep(_HAND_S)
        self._move_to(self.see(point))
        for key in keys:
            _do("keydown", key)
        _do("click", str(button))
        for key in reversed(keys):
            _do("keyup", key)
        time.sleep(_HAND_S)

    def point_at(self, thing: Callable[[], QWidget | None], place: Place = MIDDLE) -> None:
        """Move the mouse there."""
        self._move_to(self.see(lambda: _point(thing(), place)))

    def drag(self, thing: Callable[[], QWidget | None], start: Place, end: Place, keys: Sequence[str] = ()) -> None:
        """Drag from one place of a thing to another, with keys held."""
        first, last = self.see(lambda: (_point(thing(), start), _point(thing(), end)))
        self._drag(first, last, keys)

    def drop(self, paths: Sequence[Path], onto: Callable[[], QWidget | None], shot: str = "") -> None:
        """Drag files from outside onto a thing; a picture shows them in mid-air."""
        holder: list[FilesOnTheDesktop] = []

        def lay_out() -> None:
            holder.append(FilesOnTheDesktop(paths))
            holder[0].move(4, self.window.height() - 40)
            holder[0].show()
            holder[0].raise_()

        self.see(lay_out)
        time.sleep(0.8)
        first, last = self.see(lambda: (_point(holder[0], MIDDLE), _point(onto(), MIDDLE)))
        self._drag(first, last, (), shot)
        self.see(lambda: holder[0].close())

    def choose(self, box: Callable[[], QComboBox], text: str) -> None:
        """Choose an entry of a box that begins with a text."""
        self.click_on(box)
        self.wait("the box's list", lambda: box().view().isVisible(), 10)

        def point() -> tuple[int, int]:
            row = next(row for row in range(box().count()) if self._reader.says(box().itemText(row), text))
            view = box().view()
            index = box().model().index(row, 0)
            view.scrollTo(index)
            return _on_screen(view.viewport(), view.visualRect(index).center())

        self._move_to(self.see(point))
        _do("click", "1")
        time.sleep(2 * _HAND_S)

    def choose_in_menu(self, *texts: str) -> None:
        """Choose an entry of the open menu, going through its submenus."""
        for text in texts:

            def entry(text: str = text) -> tuple[int, int] | None:
                for menu in self._application.topLevelWidgets():
                    if isinstance(menu, QMenu) and menu.isVisible():
                        for action in menu.actions():
                            if action.isEnabled() and self._reader.says(action.text(), text):
                                return _on_screen(menu, menu.actionGeometry(action).center())
                return None

            self.wait(f"the menu's “{text}”", lambda entry=entry: entry() is not None, 15)  # type: ignore[misc]
            place = self.see(entry)
            assert place is not None
            self._move_to(place)
            _do("click", "1")
            time.sleep(2 * _HAND_S)

    def answer_file_dialog(self, path: Path | str) -> None:
        """Type a path into the open file dialog and agree."""

        def dialog() -> QFileDialog | None:
            widgets = self._application.topLevelWidgets()
            return next((widget for widget in widgets if isinstance(widget, QFileDialog) and widget.isVisible()), None)

        self.wait("a file dialog", lambda: dialog() is not None, 30)
        time.sleep(2 * _HAND_S)
        self.press("ctrl+a")
        self.write(str(path))
        for _ in range(3):
            self.press("Return")
            time.sleep(2 * _HAND_S)
            if not self.see(lambda: dialog() is not None):
                return
        raise TimeoutError("the file dialog does not close")

    def press(self, *keys: str) -> None:
        """Press keys, one after the other; "ctrl+e" is one."""
        for key in keys:
            self.take_keyboard()
            _do("key", key)
            time.sleep(_HAND_S)

    def take_keyboard(self) -> None:
        """Click a free place of the window if no window has the keyboard: there is no window manager to see to that."""
        if self.see(lambda: self._application.activeWindow() is None and self._application.activePopupWidget() is None):
            self.click_on(lambda: self.window.header, (0.3, 0.5))

    def write(self, text: str) -> None:
        """Write a text."""
        _do("type", "--delay", "8", text)
        time.sleep(_HAND_S)

    def click_tab(self, bar: Callable[[], QTabBar], text: str) -> None:
        """Click the tab whose title begins with a text."""

        def point() -> tuple[int, int]:
            number = next(number for number in range(bar().count()) if self._reader.says(bar().tabText(number), text))
            return _on_screen(bar(), bar().tabRect(number).center())

        self._move_to(self.see(point))
        _do("click", "1")
        time.sleep(2 * _HAND_S)

    def scroll_to(self, thing: Callable[[], QWidget]) -> None:
        """Bring a thing into view, as a person does by the wheel, without counting its notches."""

        def scroll() -> None:
            parent = thing().parentWidget()
            while parent is not None:
                if isinstance(parent, QScrollArea):
                    parent.ensureWidgetVisible(thing())
                parent = parent.parentWidget()

        self.see(scroll)
        time.sleep(_HAND_S)

    def wheel(self, steps: int) -> None:
        """Turn the wheel; more than 0 is away from the person."""
        for _ in range(abs(steps)):
            _do("click", "4" if steps > 0 else "5")
            time.sleep(0.05)

    def go_to(self, page_id: str) -> None:
        """Go to a page by its key."""
        number = list(self.see(lambda: list(self.window.pages))).index(page_id) + 1
        self.press(f"ctrl+{number}")
        self.wait(f"the page {page_id}", lambda: self.page.page_id == page_id, 20)

    def leave(self) -> None:
        """Stop what runs and close the window; on the main thread."""
        for widget in self._application.topLevelWidgets():
            if widget is not self.window:
                widget.close()
        self.page.runner.cancel_all()
        self.page.runner.jobs_changed.connect(self._close_when_idle)
        self._close_when_idle()

    def _close_when_idle(self) -> None:
        if not self.page.runner.is_busy:
            self.window.close()

    def _is_busy(self) -> bool:
        from app.jobs.runner import JobLane

        side_jobs = [job for job in self.page.runner.jobs if job.request.lane is not JobLane.MAIN]
        views = (self.page, getattr(self.page, "preview", None), getattr(self.page, "viewer", None))
        return bool(side_jobs) or any(getattr(view, "is_busy", False) is True for view in views)

    def _move_to(self, point: tuple[int, int]) -> None:
        _do("mousemove", str(point[0]), str(point[1]))
        time.sleep(0.1)

    def _drag(self, first: tuple[int, int], last: tuple[int, int], keys: Sequence[str], shot: str = "") -> None:
        self._move_to(first)
        for key in keys:
            _do("keydown", key)
        _do("mousedown", "1")
        time.sleep(0.15)
        for step in range(1, _DRAG_STEPS + 1):
            share = step / _DRAG_STEPS
            x, y = (round(a + share * (b - a)) for a, b in zip(first, last, strict=True))
            self._move_to((x, y))
        time.sleep(_HAND_S)
        if shot:
            self.shoot(shot)
        _do("mouseup", "1")
        for key in reversed(keys):
            _do("keyup", key)
        time.sleep(2 * _HAND_S)


def _do(*words: str) -> None:
    subprocess.run(["xdotool", *words], check=True, stdout=subprocess.DEVNULL)


def _written(widget: QWidget) -> str:
    text = getattr(widget, "text", None)
    return text() if callable(text) else ""


def _point(widget: QWidget | None, place: Place) -> tuple[int, int]:
    assert widget is not None
    if isinstance(widget, QCheckBox):
        # Only its box and its words can be clicked, and they need not reach its middle.
        place = (widget.height() / 2 / widget.width(), 0.5)
    at = QPoint(round(place[0] * (widget.width() - 1)), round(place[1] * (widget.height() - 1)))
    return _on_screen(widget, at)


def _on_screen(widget: QWidget, at: QPoint) -> tuple[int, int]:
    ratio, place = widget.devicePixelRatioF(), widget.mapToGlobal(at)
    return round(place.x() * ratio), round(place.y() * ratio)
