"""Below the photos: how many are usable, what is wrong with others, and what to do next."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.actions import tip_with_keys
from app.core.session import Session
from app.look.buttons import primary_button, quiet_button, set_reason
from app.look.layouts import in_row
from app.look.phrases import count, number
from app.look.text import ElidedLabel
from app.look.theme import Theme
from app.look.thumbnails import ThumbnailLoader
from app.look.translation import tr, tr_count
from app.pages.photos.scans import PhotoScans
from app.pages.shared.photo_filter import PhotoFilter
from app.pages.shared.photo_list_model import PhotoListModel

_LARGE_TEXT = 1.5


class PhotoStrip(QWidget):
    """The lists of skipped files and of duplicates, and the ways on.

    Attributes:
        summary: How many photos are usable and what goes on, in words; stands in a line above.
        primary: Restores the selected photos, or all that are shown.

    Signals:
        restore_requested: The photos shall be restored.
    """

    restore_requested = Signal()

    def __init__(
        self,
        session: Session,
        scans: PhotoScans,
        model: PhotoListModel,
        thumbnails: ThumbnailLoader,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._scans = scans
        self._model = model
        self._thumbnails = thumbnails
        self.summary = ElidedLabel("", "muted")
        self.measure_button = quiet_button(tr("Measure noise"), "gauge")
        self.measure_button.setToolTip(tr("Measure the noise of the photos that were not measured yet."))
        self.measure_button.clicked.connect(scans.measure)
        self.skipped_button = quiet_button("", "warning")
        self.skipped_button.setToolTip(tr("Show the files that cannot be used, and why."))
        self.skipped_button.setCheckable(True)
        self.duplicates_button = quiet_button("", "copy-simple")
        self.duplicates_button.setToolTip(tr("Show photos that are there more than once, or look alike."))
        self.duplicates_button.setCheckable(True)
        self.primary = primary_button("")
        self.primary.setToolTip(
            tip_with_keys(
                tr("Restore them into a folder of their own; the originals are never changed."), "restore.shown"
            )
        )
        self.primary.clicked.connect(self.restore_requested)
        layout = in_row(of=self, margins=0)
        for control in (
            self.skipped_button,
            self.duplicates_button,
            self.measure_button,
            self.primary,
        ):
            control.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            if control is self.primary:
                layout.addStretch(1)
            layout.addWidget(control)

    @Slot()
    def show_state(self) -> None:
        """Say how things stand now."""
        num_photos, num_included = len(self._session.photos), len(self._session.included_photos)
        num_skipped, num_groups = len(self._session.skipped), len(self._scans.duplicates)
        parts = [tr("{number} usable").format(number=number(num_included))]
        num_pages = self._session.num_pages
        if num_pages > num_included:
            parts[0] += f" ({count(num_pages, 'page')})"
        if num_photos > num_included:
            parts.append(tr("{number} left out").format(number=number(num_photos - num_included)))
        if self._model.conditions != PhotoFilter():
            parts.append(tr("{number} shown").format(number=number(self._model.rowCount())))
        if self._scans.text:
            parts.insert(0, self._scans.text)
        if self._thumbnails.is_stretched:
            parts.append(tr("contrast stretched for looking"))
        self.summary.set_text(" · ".join(parts))
        self.measure_button.setVisible(
            not self._scans.is_busy and not self._scans.is_measuring and bool(self._scans.unmeasured)
        )
        self.skipped_button.setVisible(num_skipped > 0)
        # At large text the icons and tooltips must do.
        is_large = Theme.of_application().text_scale >= _LARGE_TEXT
        skipped = tr("{number} skipped (why)").format(number=number(num_skipped))
        self.skipped_button.setText(number(num_skipped) if is_large else skipped)
        self.skipped_button.setAccessibleName(skipped)
        self.duplicates_button.setVisible(num_groups > 0)
        duplicates = tr_count("{number} duplicate", "{number} duplicates", num_groups).format(number=number(num_groups))
        self.duplicates_button.setText(number(num_groups) if is_large else duplicates)
        self.duplicates_button.setAccessibleName(duplicates)
        self._name_primary()

    def _name_primary(self) -> None:
        excluded = self._session.excluded
        selected = [path for path in self._session.selected_photos if path not in excluded]
        if len(selected) > 1:
            text = tr_count("Restore {number} selected photo", "Restore {number} selected photos", len(selected))
            self.primary.setText(text.format(number=number(len(selected))))
            set_reason(self.primary, "")
            return
        num_shown = len(self._model.included)
        self.primary.setText(tr("Restore {photos}").format(photos=count(num_shown, "photo")))
        set_reason(self.primary, "" if num_shown else tr("Open a folder with usable photos first."))
