"""The line above the photo grid: filter, order, size."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QSlider, QWidget

from app.pages.photo_grid import PhotoGrid
from app.pages.photo_list_model import PhotoListModel
from app.settings import PHOTOS_SORT, THUMBNAIL_PX, Settings
from app.theme import SPACING
from app.widgets.text import IconLabel

SORTS = {"name": "Name", "noisiest": "Noisiest first", "cleanest": "Cleanest first", "largest": "Largest first"}
_SMALLEST_THUMBNAIL_PX, _LARGEST_THUMBNAIL_PX = 96, 320


class PhotoTools(QWidget):
    """Changes what the grid shows, and remembers it."""

    def __init__(
        self, model: PhotoListModel, grid: PhotoGrid, settings: Settings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._grid = grid
        self._settings = settings
        self.filter_box = QLineEdit()
        self.filter_box.setPlaceholderText("Filter by name")
        self.filter_box.setAccessibleName("Filter by name")
        self.filter_box.setClearButtonEnabled(True)
        self.filter_box.setMaximumWidth(280)
        self.filter_box.textChanged.connect(model.set_filter)
        self.sort_box = QComboBox()
        self.sort_box.setAccessibleName("Sort by")
        for key, text in SORTS.items():
            self.sort_box.addItem(text, key)
        self.sort_box.currentIndexChanged.connect(self._set_sort)
        self.sort_box.setCurrentIndex(self.sort_box.findData(settings.get(PHOTOS_SORT)))
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(_SMALLEST_THUMBNAIL_PX, _LARGEST_THUMBNAIL_PX)
        self.size_slider.setPageStep(32)
        self.size_slider.setFixedWidth(140)
        self.size_slider.setAccessibleName("Size of the thumbnails")
        self.size_slider.setToolTip("Size of the thumbnails")
        self.size_slider.valueChanged.connect(self._set_size)
        self.size_slider.setValue(settings.get(THUMBNAIL_PX))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.filter_box, 2)
        layout.addWidget(self.sort_box)
        layout.addStretch(1)
        layout.addWidget(IconLabel("image", "text_muted", 14))
        layout.addWidget(self.size_slider)
        layout.addWidget(IconLabel("image", "text_muted", 20))

    @Slot()
    def _set_sort(self) -> None:
        sort = self.sort_box.currentData()
        self._settings.set(PHOTOS_SORT, sort)
        self._model.set_sort(sort)

    @Slot(int)
    def _set_size(self, side_px: int) -> None:
        self._settings.set(THUMBNAIL_PX, side_px)
        self._grid.set_side(side_px)
