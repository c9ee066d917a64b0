"""The canvas of the restore page: the whole photo, noisy and as far as it is restored, with a split or one alone."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSizeF, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.look.translation import tr
from app.pages.restore.restoring import SeenPart
from app.viewer.canvas.image_canvas import Layer
from app.viewer.pane_stage import PaneStage
from app.viewer.pictures import Panel
from app.viewer.tiles.image_pyramid import ImagePyramid


class RestoreViewer(PaneStage):
    """Shows a photo before and after.

    Signals:
        looked_elsewhere(): Another part of the photo, or another zoom, is looked at.
        before_held(bool): Whether only the photo as it was is shown, for as long as a key or a button is held.
        split_toggled(bool): Whether both sides are shown.
    """

    looked_elsewhere = Signal()
    before_held = Signal(bool)
    split_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._noisy: Layer | None = None
        self._restored: Layer | None = None
        self._message = ""
        self._notes = ("", "")
        self._scale = 1
        self._is_split = True
        self._is_before = False
        self._arrange()
        self.view_transform.changed.connect(self.looked_elsewhere)

    @property
    def is_split(self) -> bool:
        """Whether the photo is shown before and after, left and right of a line."""
        return self._is_split

    @property
    def is_before(self) -> bool:
        """Whether only the photo as it was is shown."""
        return self._is_before

    @property
    def message(self) -> str:
        """The sentence that is shown over the photo, or in its place."""
        return self._message

    @property
    def seen(self) -> SeenPart | None:
        """What is looked at; None while there is no photo."""
        if self._noisy is None:
            return None
        transform, canvas = self.view_transform, self.pane_views[0].canvas
        viewport = QSizeF(canvas.size())
        scene = transform.scene_size
        corner = transform.to_scene(QPointF(0, 0), viewport)
        opposite = transform.to_scene(QPointF(viewport.width(), viewport.height()), viewport)
        part = QRectF(corner, opposite).intersected(QRectF(QPointF(0, 0), scene))
        shares = QRectF(
            part.left() / scene.width(),
            part.top() / scene.height(),
            part.width() / scene.width(),
            part.height() / scene.height(),
        )
        return SeenPart(shares, transform.zoom * self._scale)

    def show_photo(self, noisy: ImagePyramid, size: QSizeF, peak: float) -> None:
        """Show a photo that nothing is restored of.

        Args:
            noisy: The photo, or a small version of it while it is being read.
            size: Of the photo in pixels.
            peak: What a value of 1 is in the numbers of its file.
        """
        self._noisy = Layer(noisy, tr("Noisy"), peak)
        self._restored = None
        self._message = ""
        self._set_scene(size, 1)

    def show_restored(self, noisy: ImagePyramid, restored: ImagePyramid, scale: int, peak: float, label: str) -> None:
        """Show a photo before and after.

        Args:
            noisy: The photo.
            restored: The same as far as it is restored.
            scale: How many times larger it is then, to a side.
            peak: What a value of 1 is in the numbers of its file.
            label: What the restored version is called.
        """
        self._noisy = Layer(noisy, tr("Noisy"), peak)
        self._restored = Layer(restored, label, peak)
        self._message = ""
        self._set_scene(restored.size.toSizeF(), scale)

    def show_notes(self, state: str, zoom: str) -> None:
        """Say beside the caption how far the photo is, and how large it is shown."""
        if (state, zoom) != self._notes:
            self._notes = (state, zoom)
            self._caption()

    def show_message(self, text: str, *, keeps_photo: bool = False) -> None:
        """Show a sentence, over the photo or alone."""
        self._message = text
        if not keeps_photo:
            self._noisy = self._restored = None
        self._arrange()

    def set_split(self, is_split: bool) -> None:
        """Show both sides, or what is restored alone."""
        if is_split != self._is_split:
            self._is_split = is_split
            self._arrange()
            self.split_toggled.emit(is_split)

    def set_before(self, is_before: bool) -> None:
        """Show the photo as it was, or what is restored again."""
        if is_before != self._is_before:
            self._is_before = is_before
            self._arrange()
            self.before_held.emit(is_before)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.looked_elsewhere.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        # The release of a key that is held goes to whoever is shown then.
        self.set_before(False)
        super().hideEvent(event)

    def _set_scene(self, size: QSizeF, scale: int) -> None:
        transform = self.view_transform
        if size != transform.scene_size:
            # What a person looks at stays as large as it was, whatever the model makes of it.
            zoom = transform.zoom * self._scale / scale
            was_fit = transform.is_fit
            transform.set_scene(size)
            if not was_fit and scale != self._scale:
                transform.zoom_to(zoom)
        self._scale = scale
        self._arrange()

    def _arrange(self) -> None:
        noisy, restored = self._noisy, self._restored
        if noisy is None:
            panel = Panel(title="", message=self._message)
        elif restored is None or self._is_before:
            panel = Panel(title=noisy.label, layers=(noisy,), message=self._message)
        elif self._is_split:
            title = f"{noisy.label} | {restored.label}"
            panel = Panel(title=title, layers=(noisy, restored), is_split=True, message=self._message)
        else:
            panel = Panel(title=restored.label, layers=(restored,), message=self._message)
        self._show_panels((panel,))
        self.pane_views[0].canvas.show_layer(0)
        self._caption()

    def _caption(self) -> None:
        view = self.pane_views[0]
        panel = view.panel
        state, zoom = self._notes if panel.layers else ("", "")
        if panel.is_split and state:
            # Both sides bear their names.
            view.caption.show_text(state, "", zoom)
        else:
            view.caption.show_text(panel.title, state if state != panel.title else "", zoom)
