"""One crop through time: noisy, restored, residual, and a slider that goes back to earlier steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QSlider, QWidget

from app.core.actions import make_action, tip_with_keys
from app.look.image_convert import qimage_from_pixels
from app.look.layouts import in_column, in_row
from app.look.palette import Sizes
from app.look.text import label
from app.look.theme import Theme, palette
from app.look.translation import format_number, short_number, tr
from engine.contracts.events import PreviewReady
from engine.contracts.photo import Pixels

RESIDUAL_GAIN = 4.0
MAX_FRAMES = 160
_NUM_STORED_TILES = 3


@dataclass(frozen=True)
class PreviewFrame:
    """The crop at one step.

    Attributes:
        step: Optimisation step.
        noisy: As it is.
        restored: With the weights of that step.
        residual: What was taken away, amplified, around mid-gray.
        reference: The clean crop, where one is known.
    """

    step: int
    noisy: QImage
    restored: QImage
    residual: QImage
    reference: QImage | None = None


def frame_from_event(event: PreviewReady) -> PreviewFrame:
    """Turn an event of a running training into a frame."""
    residual: Pixels = np.clip(0.5 + RESIDUAL_GAIN * event.residual, 0, 1).astype(np.float32)
    return PreviewFrame(
        step=event.step,
        noisy=qimage_from_pixels(event.noisy),
        restored=qimage_from_pixels(event.restored),
        residual=qimage_from_pixels(residual),
        reference=None if event.reference is None else qimage_from_pixels(event.reference),
    )


def frame_from_file(path: Path) -> PreviewFrame | None:
    """Read a stored preview: three squares side by side; None if it is not one."""
    step_text = path.stem.removeprefix("step_")
    picture = QImage(str(path))
    if picture.isNull() or not step_text.isdecimal():
        return None
    width = picture.width() // _NUM_STORED_TILES
    noisy, restored, residual = (picture.copy(i * width, 0, width, picture.height()) for i in range(_NUM_STORED_TILES))
    return PreviewFrame(step=int(step_text), noisy=noisy, restored=restored, residual=residual)


class PreviewStrip(QWidget):
    """Shows the latest frame, or the one the slider stands on.

    Attributes:
        slider: Scrubs through time; at its right end it follows the training.

    Signals:
        frame_shown: The step of the frame that is now shown.
    """

    frame_shown = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frames: list[PreviewFrame | Path] = []
        self._tiles = _Tiles()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip(tip_with_keys(tr("Go back to an earlier step"), "training.earlier_preview"))
        self.slider.setAccessibleName(tr("Preview step"))
        self.slider.valueChanged.connect(self._show_frame)
        for action_id, by in (("training.earlier_preview", -1), ("training.later_preview", 1)):
            make_action(action_id, self).triggered.connect(lambda _=False, by=by: self.step(by))
        self._step = label("", "muted")
        self._step.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._step.setMinimumWidth(Theme.of_application().px(96))
        row = in_row((self.slider, 1), self._step)
        in_column((self._tiles, 1), row, of=self, margins=0)
        self.clear()

    @property
    def num_frames(self) -> int:
        """How many frames there are."""
        return len(self._frames)

    def clear(self) -> None:
        """Forget all frames; an empty frame is shown until the first arrives."""
        self._frames.clear()
        self._tiles.set_frame(None)
        self.slider.setRange(0, 0)
        self.slider.setEnabled(False)
        self._step.setText("")

    def add(self, event: PreviewReady) -> None:
        """Add a frame; it is shown if the slider stands at the end."""
        follows = self.slider.value() == self.slider.maximum()
        shown = self.slider.value()
        # A resumed training repeats the steps since its last checkpoint.
        while self._frames and self._step_of(self._frames[-1]) >= event.step:
            self._frames.pop()
        self._frames.append(frame_from_event(event))
        if len(self._frames) > MAX_FRAMES:
            # Every other one goes, except the first and the last: the story stays whole at half the memory.
            self._frames = [*self._frames[:-1:2], self._frames[-1]]
            shown //= 2
        self._set_range(len(self._frames) - 1 if follows else min(shown, len(self._frames) - 1))

    def step(self, by: int) -> None:
        """Go some frames back or forth; past the end it follows the training again."""
        self.slider.setValue(self.slider.value() + by)

    def set_files(self, paths: Sequence[Path]) -> None:
        """Show a finished run's stored previews; each is read when it is looked at."""
        self.clear()
        self._frames = [*sorted(paths)]
        if self._frames:
            self._set_range(len(self._frames) - 1)

    def _set_range(self, shown: int) -> None:
        last = len(self._frames) - 1
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(last, 0))
        self.slider.setValue(shown)
        self.slider.blockSignals(False)
        self.slider.setEnabled(last > 0)
        self._show_frame(shown)

    def _show_frame(self, position: int) -> None:
        if not 0 <= position < len(self._frames):
            return
        entry = self._frames[position]
        frame = frame_from_file(entry) if isinstance(entry, Path) else entry
        self._tiles.set_frame(frame)
        if frame is None:
            self._step.setText(tr("unreadable"))
        else:
            self._step.setText(tr("step {step}").format(step=format_number(frame.step)))
            self.frame_shown.emit(frame.step)

    @staticmethod
    def _step_of(entry: PreviewFrame | Path) -> int:
        return -1 if isinstance(entry, Path) else entry.step


class _Tiles(QWidget):
    """Paints the pictures of one frame as large as they fit, pixels square, on neutral gray."""

    _GAP = 8

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(240, 160)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._pictures: list[tuple[str, QImage]] = []
        Theme.of_application().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(480, 360)

    def set_frame(self, frame: PreviewFrame | None) -> None:
        """Show another frame; None shows its empty places."""
        if frame is None:
            self._pictures = []
        else:
            self._pictures = [
                (tr("Noisy"), frame.noisy),
                (tr("Restored"), frame.restored),
                (tr("Removed × {gain}").format(gain=short_number(f"{RESIDUAL_GAIN:g}")), frame.residual),
            ]
            if frame.reference is not None:
                self._pictures.append((tr("Clean reference"), frame.reference))
        self.setAccessibleName(tr("Preview: {titles}").format(titles=", ".join(title for title, _ in self._pictures)))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colors = palette()
        titles = [title for title, _ in self._pictures] or [tr("Noisy"), tr("Restored"), tr("Removed")]
        font = QFont(self.font())
        font.setPixelSize(Sizes(Theme.of_application().text_scale).caption)
        painter.setFont(font)
        caption_height = painter.fontMetrics().height() + 4
        aspect = 1.0
        if self._pictures:
            aspect = self._pictures[0][1].width() / max(1, self._pictures[0][1].height())
        for index, place in enumerate(self._places(len(titles), aspect, caption_height)):
            painter.setPen(QColor(colors.text_muted))
            caption = QRect(int(place.x()), int(place.y() - caption_height), int(place.width()), caption_height)
            painter.drawText(caption, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, titles[index])
            if self._pictures:
                picture = self._pictures[index][1]
                scale = place.width() * self.devicePixelRatioF() / picture.width()
                # Whole enlargements show the pixels as they are; anything else would show them uneven.
                smooth = abs(scale - round(scale)) > 1e-3
                painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
                painter.drawImage(place, picture)
            else:
                painter.fillRect(place, QColor(colors.raised))

    def _places(self, num_tiles: int, aspect: float, caption_height: int) -> list[QRectF]:
        """Return where the pictures go: the arrangement in rows that makes them largest."""
        best_width, best_columns = 0.0, num_tiles
        for columns in range(1, num_tiles + 1):
            rows = -(-num_tiles // columns)
            width = (self.width() - (columns - 1) * self._GAP) / columns
            height = (self.height() - (rows - 1) * self._GAP) / rows - caption_height
            width = min(width, height * aspect)
            if width > best_width:
                best_width, best_columns = width, columns
        width = max(1.0, float(int(best_width)))
        height = width / aspect
        return [
            QRectF(
                (index % best_columns) * (width + self._GAP),
                (index // best_columns) * (height + caption_height + self._GAP) + caption_height,
                width,
                height,
            )
            for index in range(num_tiles)
        ]
