"""About Residua: its version, and the licences of all that comes with it."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QWidget,
)

from app.jobs.latest_task import LatestTask
from app.look.buttons import close_row
from app.look.layouts import WIDE_MARGINS, in_column, in_row
from app.look.text import label
from app.look.theme import SPACING, Theme, follow_theme
from app.look.translation import format_number, tr, tr_count
from app.window.bundled_licences import BundledPackage, bundled_packages
from engine import __version__

_WIDTH_PX, _HEIGHT_PX, _LIST_PX = 860, 600, 240


class AboutDialog(QDialog):
    """Says what this is, and shows whose work it rests on.

    Attributes:
        list: The packages that come with the program.
        text: The licence of the chosen one.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("About Residua"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._packages: tuple[BundledPackage, ...] = ()
        self._caption = label(tr("Reading the licences …"), "section")
        self.list = QListWidget()
        # A long name is shortened; a bar for the longest of them would stand under all.
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName(tr("Packages that come with Residua"))
        self.list.currentRowChanged.connect(self._show_licence)
        self.text = QPlainTextEdit(readOnly=True)
        self.text.setAccessibleName(tr("The chosen package's licence"))
        self._lay_out()
        self._task = LatestTask(self, finished=self._show_packages)
        self._task.submit(bundled_packages)
        follow_theme(self._fit)

    def done(self, result: int) -> None:
        self._task.let_go()
        super().done(result)

    def _lay_out(self) -> None:
        icon = label("")
        icon.setPixmap(QApplication.windowIcon().pixmap(64, 64))
        facts = in_column(
            label(tr("Residua {version}").format(version=__version__), "title"),
            label(tr("Restores noisy photos with a network that you trained, on your own machine.")),
            label(tr("It never speaks to a network. Licence: Apache-2.0."), "caption"),
            spacing=SPACING // 2,
        )
        head = in_row(icon, (facts, 1), spacing=2 * SPACING)
        columns = in_row(self.list, (self.text, 1))
        in_column(
            head,
            self._caption,
            (columns, 1),
            close_row(self),
            of=self,
            margins=WIDE_MARGINS,
            spacing=2 * SPACING,
        )

    @Slot()
    def _fit(self) -> None:
        px = Theme.of_application().px
        self.list.setFixedWidth(px(_LIST_PX))
        available = self.screen().availableSize()
        self.resize(min(px(_WIDTH_PX), available.width() - 40), min(px(_HEIGHT_PX), available.height() - 80))

    @Slot(object)
    def _show_packages(self, packages: tuple[BundledPackage, ...]) -> None:
        self._packages = packages
        self._caption.setText(
            tr_count("{number} package comes with it", "{number} packages come with it", len(packages)).format(
                number=format_number(len(packages))
            )
        )
        for package in packages:
            item = QListWidgetItem(f"{package.name} {package.version}")
            item.setToolTip(package.licence)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    @Slot(int)
    def _show_licence(self, row: int) -> None:
        if not 0 <= row < len(self._packages):
            return
        package = self._packages[row]
        text = package.text or tr("The package holds no text of its licence.")
        self.text.setPlainText(f"{package.name} {package.version}\n{package.licence}\n\n{text}")
