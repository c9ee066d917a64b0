"""The whole photo, noisy against restored, before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, QSizeF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QHideEvent, QKeyEvent, QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from app.core.actions import ActionSpec, make_action, tip_with_keys
from app.core.session import ModelChoice
from app.look.buttons import icon_button, quiet_button
from app.look.image_convert import pixels_from_qimage
from app.look.layouts import in_column, in_row
from app.look.phrases import NO_BREAK, number
from app.look.theme import SPACING, follow_theme
from app.look.thumbnails import ThumbnailLoader
from app.look.translation import tr, translate_engine
from app.pages.restore.exposure import ExposureMenu
from app.pages.restore.restoring import PhotoRestoring, SeenPart
from app.pages.restore.viewer import RestoreViewer
from app.viewer.tiles.image_pyramid import ImagePyramid
from app.viewer.view_modes import VIEW_MODES
from app.widgets.room.overflow import OverflowButton
from engine.contracts.blending import FULL, Blend
from engine.contracts.output_formats import RawLook
from engine.contracts.photo import PhotoRef
from engine.photo_files.values.sample_types import unit_of

_SETTLE_MS = 120
"""What is looked at is restored once the view has stood still for so long."""

_ZOOMS = (1.0, 2.0)
_WHOLE = SeenPart(QRectF(0, 0, 1, 1), 0.0)
"""What is wanted of a photo of which nothing is known yet."""


class RestorePreview(QWidget):
    """The canvas, and below it what changes how large it shows the photo, and which side.

    Signals:
        step_requested(int): The next (1) or the previous (-1) photo shall be shown.

    Attributes:
        viewer: The canvas.
        restoring: What restores the photo where it is looked at.
        fit_button: Shows the whole photo.
        zoom_buttons: Show it at 100 % and 200 %.
        split_button: Shows both sides, or what is restored alone.
        before_button: Shows the photo as it was, while held.
        levels_button: Asks for black and white by hand.
        exposure: By how much both sides are shown brighter; for looking only.
    """

    step_requested = Signal(int)

    def __init__(self, thumbnails: ThumbnailLoader, page_slider: QWidget | None = None) -> None:
        """Show nothing yet.

        Args:
            thumbnails: Stand in for photos until they are read.
            page_slider: Chooses the page of a stack; stands below the canvas. None: there are none.
        """
        super().__init__()
        self._photo: PhotoRef | None = None
        self._photo_size = QSize()
        self._model: ModelChoice | None = None
        self._blend = FULL
        self._shown: object = None
        self._thumbnails = thumbnails
        self.restoring = PhotoRestoring(self)
        self.restoring.changed.connect(self._show)
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._tell_seen)
        self.viewer = RestoreViewer()
        self.viewer.looked_elsewhere.connect(self._settle.start)
        self.viewer.view_transform.changed.connect(self._show_zoom)
        self.viewer.split_toggled.connect(self._show_state)
        bar = self._build_bar()
        layout = in_column((self.viewer, 1), of=self, margins=0, spacing=SPACING // 2)
        if page_slider is not None:
            layout.addWidget(page_slider)
        layout.addWidget(bar)
        self._make_actions()
        thumbnails.ready.connect(self._take_thumbnail)
        follow_theme(self._fit)
        self._show()

    @property
    def is_busy(self) -> bool:
        """Whether more of what is looked at is on its way."""
        return self._settle.isActive() or self.restoring.is_busy

    @property
    def shows_restored(self) -> bool:
        """Whether something of what is looked at is restored."""
        return self.restoring.shows_restored

    @property
    def status(self) -> str:
        """What is said about the preview."""
        return self._state_text()

    @property
    def zoom_text(self) -> str:
        """How large the photo is shown: "23 %"."""
        percent = 100 * self.viewer.view_transform.zoom
        return f"{number(percent)}{NO_BREAK}%" if percent >= 1 else f"< 1{NO_BREAK}%"

    @property
    def has_colour(self) -> bool:
        """Whether the photo has any colours that could have noise; True while that is not known."""
        photo, restoration = self.restoring.photo, self.restoring.restoration
        if restoration is not None:
            return restoration.levels.has_colour
        return photo is None or (photo.pixels.num_channels > 1 and not photo.metadata.channels_are_gray)

    def set_photo(self, photo: PhotoRef | None, size: QSize | None = None) -> None:
        """Look at another photo.

        Args:
            photo: Its file; None: at none.
            size: In pixels, where it is known already.
        """
        if photo != self._photo:
            self._photo = photo
            self._photo_size = size or QSize()
            self._thumbnails.want(() if photo is None else (photo,), view=self)
            self.restoring.set_photo(photo)
            self._show()
            self._settle.start()

    def set_model(self, model: ModelChoice | None) -> None:
        """Restore with another model."""
        if model != self._model:
            self._model = model
            self.restoring.set_model(model)

    def set_blend(self, blend: Blend) -> None:
        """Blend anew; nothing is computed again."""
        if blend != self._blend:
            self._blend = blend
            self.restoring.set_blend(blend)
            self._shown = None
            self._show()

    def set_raw_look(self, raw_look: RawLook) -> None:
        """Show raw files as they will be written."""
        self.restoring.set_raw_look(raw_look)

    def set_sparing(self, is_sparing: bool) -> None:
        """Leave the processor to a batch, as far as one can look without."""
        self.restoring.set_sparing(is_sparing)
        self._show_state()

    def refresh(self) -> None:
        """Look whether photo and model have changed meanwhile."""
        self.restoring.check_files()

    def lend_keys(self, widget: QWidget) -> None:
        """Let the keys of looking hold within another widget too, but for the arrows, which move much else."""
        for action in self._actions:
            widget.addAction(action)

    def shut_down(self) -> None:
        """Wait for the background threads."""
        self._settle.stop()
        self.restoring.shut_down()
        self.viewer.shut_down()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._settle.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._settle.stop()
        self.restoring.set_seen(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_B and not event.modifiers():
            self.viewer.set_before(True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_B:
            if not event.isAutoRepeat():
                self.viewer.set_before(False)
        else:
            super().keyReleaseEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # A button that loses the focus or the mouse while held is never released.
        if watched is self.before_button and event.type() in (QEvent.Type.FocusOut, QEvent.Type.Hide):
            self.viewer.set_before(False)
        return False

    def _build_bar(self) -> QWidget:
        transform = self.viewer.view_transform
        self.fit_button = icon_button("arrows-out", tip_with_keys(tr("Fit the photo into the pane"), "view.fit"))
        self.fit_button.clicked.connect(transform.fit)
        self.zoom_buttons = {zoom: quiet_button(f"{number(100 * zoom)}{NO_BREAK}%") for zoom in _ZOOMS}
        self.zoom_buttons[1.0].setToolTip(tip_with_keys(tr("One photo pixel to one screen pixel"), "view.one_to_one"))
        self.zoom_buttons[2.0].setToolTip(
            tip_with_keys(tr("One photo pixel to two by two screen pixels"), "view.two_to_one")
        )
        for zoom, zoom_button in self.zoom_buttons.items():
            zoom_button.clicked.connect(partial(self._zoom_to, zoom))
            zoom_button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        split = VIEW_MODES["split"]
        tip = tip_with_keys(tr("Before and after, with a line between"), split.action)
        self.split_button = icon_button(split.icon, tip)
        self.split_button.clicked.connect(self.viewer.set_split)
        self.before_button = icon_button("eye", tip_with_keys(tr("Hold to see the photo as it was"), "restore.before"))
        self.before_button.pressed.connect(partial(self.viewer.set_before, True))
        self.before_button.released.connect(partial(self.viewer.set_before, False))
        self.before_button.installEventFilter(self)
        self.levels_button = icon_button(
            "sliders-horizontal", tip_with_keys(tr("Black and white of the photo by hand"), "window.levels")
        )
        self.exposure = ExposureMenu()
        self.exposure.changed.connect(self._set_exposure)
        self._overflow = OverflowButton()
        for control, text in (
            # What is held cannot stand in a menu.
            (self.levels_button, tr("Black and white of the photo by hand")),
            (self.before_button, ""),
            (self.zoom_buttons[2.0], self.zoom_buttons[2.0].text()),
            (self.zoom_buttons[1.0], self.zoom_buttons[1.0].text()),
            (self.exposure.button, tr("Exposure, for looking only")),
            (self.split_button, tr("Before and after, with a line between")),
        ):
            self._overflow.watch(control, text)
        bar = QWidget(minimumWidth=0)
        layout = in_row(of=bar, margins=0, spacing=SPACING // 2)
        checkable: tuple[QAbstractButton, ...] = (self.fit_button, *self.zoom_buttons.values(), self.split_button)
        for button in checkable:
            button.setCheckable(True)
            layout.addWidget(button)
        self.split_button.setChecked(True)
        layout.addWidget(self.before_button)
        layout.addWidget(self.levels_button)
        layout.addWidget(self.exposure.button)
        layout.addWidget(self._overflow)
        layout.addStretch(1)
        return bar

    def _make_actions(self) -> None:
        transform = self.viewer.view_transform
        everywhere: dict[str | ActionSpec, Callable[[], object]] = {
            "view.fit": transform.fit,
            "view.one_to_one": partial(self._zoom_to, 1.0),
            "view.two_to_one": partial(self._zoom_to, 2.0),
            "view.zoom_in": partial(transform.zoom_step, 1),
            "view.zoom_out": partial(transform.zoom_step, -1),
            "view.split_left": partial(self.viewer.step_split, -1),
            "view.split_right": partial(self.viewer.step_split, 1),
            "view.brighter": partial(self.exposure.step, 1),
            "view.darker": partial(self.exposure.step, -1),
            "view.reset_looking": self.exposure.reset,
            VIEW_MODES["split"].action: self.split_button.click,
        }
        on_picture: dict[str | ActionSpec, Callable[[], object]] = {
            "view.previous_photo": partial(self.step_requested.emit, -1),
            "view.next_photo": partial(self.step_requested.emit, 1),
        }
        self._actions = [self._make_action(name, function, self) for name, function in everywhere.items()]
        for name, function in on_picture.items():
            self._make_action(name, function, self.viewer)

    @staticmethod
    def _make_action(name: str | ActionSpec, function: Callable[[], object], widget: QWidget) -> QAction:
        action = make_action(name, widget)
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda _=False: function())
        return action

    @Slot()
    def _fit(self) -> None:
        room = self.width() - self.fit_button.sizeHint().width()
        self._overflow.fit(room, SPACING // 2)

    @Slot(float)
    def _set_exposure(self, stops: float) -> None:
        self.restoring.set_exposure(stops)
        self._show_zoom()

    @property
    def _looking_text(self) -> str:
        """How large the photo is shown, and how bright where that is not as it is."""
        return " · ".join(filter(None, (self.exposure.note, self.zoom_text)))

    def _zoom_to(self, zoom: float, _is_checked: bool = False) -> None:
        self.viewer.view_transform.zoom_to(zoom)
        self._show_zoom()

    @Slot()
    def _show_zoom(self) -> None:
        transform = self.viewer.view_transform
        self.fit_button.setChecked(transform.is_fit)
        for zoom, zoom_button in self.zoom_buttons.items():
            zoom_button.setChecked(not transform.is_fit and abs(transform.zoom / zoom - 1) < 0.001)
        self.viewer.show_notes(self._state_text(), self._looking_text)

    @Slot()
    def _tell_seen(self) -> None:
        if self.isVisible():
            self.restoring.set_seen(self.viewer.seen or _WHOLE)

    @Slot(object)
    def _take_thumbnail(self, photo: PhotoRef) -> None:
        if photo == self._photo and self.restoring.photo is None:
            self._show()

    @Slot()
    def _show(self) -> None:
        """Show what there is of the photo by now."""
        photo, restoration, failure = self.restoring.photo, self.restoring.restoration, self.restoring.failure
        if self._photo is None:
            self._shown = None
            self.viewer.show_message(tr("Choose a photo on the left to see it restored."))
        elif restoration is not None:
            if self._shown is not restoration:
                self._shown = restoration
                self.viewer.show_restored(
                    restoration.photo.pyramid,
                    restoration.pyramid,
                    restoration.levels.scale,
                    unit_of(restoration.photo.metadata.type_written),
                    self._restored_label(),
                )
                self._tell_seen()
        elif photo is not None:
            if self._shown is not photo:
                self._shown = photo
                peak = unit_of(photo.metadata.type_written)
                self.viewer.show_photo(photo.pyramid, photo.pyramid.size.toSizeF(), peak)
                self._tell_seen()
        else:
            self._show_stand_in()
        if failure is not None:
            self.viewer.show_message(translate_engine(str(failure)), keeps_photo=photo is not None)
            self._shown = None
        self.viewer.show_changes()
        self._show_zoom()
        self._show_state()

    def _show_stand_in(self) -> None:
        """While a photo is read: its thumbnail at its size, never the photo before it."""
        assert self._photo is not None
        pixmap = self._thumbnails.pixmap(self._photo)
        shown = (self._photo, None if pixmap is None else pixmap.cacheKey())
        if shown == self._shown:
            return
        self._shown = shown
        if pixmap is None or self._photo_size.isEmpty():
            self.viewer.show_message(tr("Reading the photo…"))
        else:
            self.viewer.show_photo(_pyramid_of(pixmap), QSizeF(self._photo_size), 8)
        # Even before anything is there to look at, the photo is read.
        self._tell_seen()

    def _restored_label(self) -> str:
        blend = self._blend if self.has_colour else self._blend.of_gray()
        if blend.is_full:
            return tr("Restored")
        if blend.is_even:
            return tr("Restored at {percent} %").format(percent=round(blend.luminance * 100))
        return tr("Restored in part")

    @Slot()
    def _show_state(self) -> None:
        self.split_button.setChecked(self.viewer.is_split)
        self.viewer.show_notes(self._state_text(), self._looking_text)

    def _state_text(self) -> str:
        restoration = self.restoring.restoration
        if self._photo is None or self.restoring.failure is not None:
            return ""
        if self.restoring.photo is None:
            return tr("Reading the photo…")
        if restoration is None:
            return tr("Loading the model…") if self._model is not None else ""
        num_done, num_tiles = self.restoring.progress
        if num_done < num_tiles:
            if not self.restoring.shows_restored:
                return tr("Restoring…")
            if not self.restoring.is_busy:
                return tr("A first look")
            return tr("A first look, {percent} % final").format(percent=100 * num_done // num_tiles)
        if restoration.levels.scale > 1:
            return tr("Restored, {scale} times larger").format(scale=restoration.levels.scale)
        return tr("Restored")


def _pyramid_of(pixmap: QPixmap) -> ImagePyramid:
    return ImagePyramid.from_pixels(pixels_from_qimage(pixmap.toImage()))
