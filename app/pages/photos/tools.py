"""The line above the photos: filter, order, how they are shown."""

from dataclasses import replace

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QLineEdit, QSlider, QToolButton, QWidget

from app.core.actions import make_action, tip_with_keys
from app.core.session import Session
from app.core.settings import PHOTOS_SORT, STRETCH_THUMBNAILS, THUMBNAIL_PX, Settings
from app.look.buttons import button, icon_button
from app.look.layouts import Stretch, in_row
from app.look.theme import SPACING
from app.look.thumbnails import ThumbnailLoader
from app.look.translation import mark, tr
from app.pages.photos.filter_panel import PhotoFilterPanel
from app.pages.photos.grid import PhotoGrid
from app.pages.shared.photo_filter import PhotoFilter
from app.pages.shared.photo_list_model import PhotoListModel
from app.widgets.elided_box import ElidedComboBox
from app.widgets.room.fitted import FittedWidget
from app.widgets.room.overflow import OverflowButton

SORTS = {
    "name": mark("Name"),
    "noisiest": mark("Noisiest first"),
    "cleanest": mark("Cleanest first"),
    "largest": mark("Largest first"),
    "smallest": mark("Smallest first"),
    "camera": mark("Camera"),
    "highest_iso": mark("Highest ISO first"),
    "lowest_iso": mark("Lowest ISO first"),
    "newest": mark("Newest first"),
    "oldest": mark("Oldest first"),
}
_SMALLEST_THUMBNAIL_PX, _LARGEST_THUMBNAIL_PX = 96, 320


class PhotoTools(FittedWidget):
    """Changes what the grid shows, and remembers it.

    Signals:
        map_toggled(bool): The noise map shall be shown in place of the grid, or the grid again.
    """

    map_toggled = Signal(bool)

    def __init__(
        self,
        session: Session,
        model: PhotoListModel,
        grid: PhotoGrid,
        thumbnails: ThumbnailLoader,
        settings: Settings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._grid = grid
        self._thumbnails = thumbnails
        self._settings = settings
        self.filter_box = QLineEdit(placeholderText=tr("Filter by name"))
        self.filter_box.setAccessibleName(tr("Filter by name"))
        self.filter_box.setClearButtonEnabled(True)
        self.filter_box.setMaximumWidth(280)
        self.filter_box.setMinimumWidth(112)
        self.filter_box.textChanged.connect(model.set_filter)
        self.filter_panel = PhotoFilterPanel(session, self)
        self.filter_panel.changed.connect(self._set_conditions)
        self.filter_button = button(tr("Filter"), "funnel")
        self.filter_button.setToolTip(tr("Show only photos of a camera, format, ISO, date, noise or size."))
        self.filter_button.clicked.connect(lambda: self.filter_panel.open_below(self.filter_button))
        self.sort_box = ElidedComboBox()
        self.sort_box.setAccessibleName(tr("Sort by"))
        self.sort_box.setToolTip(tr("Order of the photos; those of which it is not known come last."))
        for key, text in SORTS.items():
            self.sort_box.addItem(tr(text), key)
        self.sort_box.currentIndexChanged.connect(self._set_sort)
        self.sort_box.setCurrentIndex(self.sort_box.findData(settings.get(PHOTOS_SORT)))
        self.stretch_button = icon_button(
            "sun-dim",
            tip_with_keys(
                tr("Stretch the contrast of all thumbnails, to see what is in dim photos. For looking only."),
                "photos.stretch",
            ),
        )
        self.stretch_button.setCheckable(True)
        self.stretch_button.setChecked(settings.get(STRETCH_THUMBNAILS))
        thumbnails.set_stretched(settings.get(STRETCH_THUMBNAILS))
        self.stretch_button.toggled.connect(self._set_stretched)
        self.levels_button = icon_button(
            "sliders-horizontal", tip_with_keys(tr("Black and white of the photo by hand"), "window.levels")
        )
        self.levels_button.clicked.connect(lambda: session.levels_requested.emit())
        self.grid_button, self.map_button = self._build_views()
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(_SMALLEST_THUMBNAIL_PX, _LARGEST_THUMBNAIL_PX)
        self.size_slider.setPageStep(32)
        self.size_slider.setMaximumWidth(140)
        self.size_slider.setMinimumWidth(64)
        self.size_slider.setAccessibleName(tr("Size of the thumbnails"))
        self.size_slider.setToolTip(tr("Size of the thumbnails"))
        self.size_slider.valueChanged.connect(self._set_size)
        self.size_slider.setValue(settings.get(THUMBNAIL_PX))
        self.overflow = OverflowButton()
        self.overflow.watch(self.levels_button, tr("Black and white of the photo by hand"))
        self.overflow.watch(self.stretch_button, tr("Stretch the contrast of the thumbnails"))
        self._kept = (
            self.filter_box,
            self.filter_button,
            self.sort_box,
            self.grid_button,
            self.map_button,
            self.size_slider,
        )
        in_row(
            (self.filter_box, 2),
            self.filter_button,
            self.sort_box,
            Stretch(1),
            self.stretch_button,
            self.levels_button,
            self.overflow,
            self.grid_button,
            self.map_button,
            self.size_slider,
            of=self,
            margins=0,
        )

    def minimumSizeHint(self) -> QSize:
        return QSize(self._least_kept + SPACING + self.overflow.sizeHint().width(), super().minimumSizeHint().height())

    def _fit(self) -> None:
        self.overflow.fit(self.width() - self._least_kept, SPACING)

    @property
    def _least_kept(self) -> int:
        """The width that what never folds makes do with."""
        widths = [each.minimumSizeHint().expandedTo(each.minimumSize()).width() for each in self._kept]
        # And the stretch, which has a gap beside it too.
        return sum(widths) + SPACING * len(widths)

    @property
    def shows_map(self) -> bool:
        """Whether the noise map is chosen."""
        return self.map_button.isChecked()

    def add_actions(self, page: QWidget) -> None:
        """Let keys on a page work these tools."""
        for action_id, slot in (
            ("photos.find", self._focus_filter),
            ("photos.filter", self.filter_button.click),
            ("photos.map", self._toggle_map),
            ("photos.stretch", self.stretch_button.click),
        ):
            action = make_action(action_id, page)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(lambda _=False, slot=slot: slot())

    def clear_filter(self) -> None:
        """Show all photos again."""
        self.filter_box.clear()
        self.filter_panel.clear()

    def _build_views(self) -> tuple[QToolButton, QToolButton]:
        grid = icon_button("squares-four", tr("Show the photos as thumbnails"))
        noise_map = icon_button(
            "chart-line", tip_with_keys(tr("Show the noise of all photos as a plot (noise map)"), "photos.map")
        )
        group = QButtonGroup(self)
        for view in (grid, noise_map):
            view.setCheckable(True)
            group.addButton(view)
        grid.setChecked(True)
        noise_map.toggled.connect(self.map_toggled)
        return grid, noise_map

    def _focus_filter(self) -> None:
        self.filter_box.setFocus()
        self.filter_box.selectAll()

    def _toggle_map(self) -> None:
        (self.grid_button if self.shows_map else self.map_button).setChecked(True)

    @Slot(object)
    def _set_conditions(self, conditions: PhotoFilter) -> None:
        number = conditions.num_conditions
        self.filter_button.setText(tr("Filter ({number})").format(number=number) if number else tr("Filter"))
        self._model.listing.set_conditions(replace(conditions, text=self.filter_box.text()))

    @Slot()
    def _set_sort(self) -> None:
        sort = self.sort_box.currentData()
        self._settings.set(PHOTOS_SORT, sort)
        self._model.listing.set_sort(sort)

    @Slot(bool)
    def _set_stretched(self, is_stretched: bool) -> None:
        self._thumbnails.set_stretched(is_stretched)
        # Last: who follows the settings asks the thumbnails.
        self._settings.set(STRETCH_THUMBNAILS, is_stretched)

    @Slot(int)
    def _set_size(self, side_px: int) -> None:
        self._settings.set(THUMBNAIL_PX, side_px)
        self._grid.set_side(side_px)
