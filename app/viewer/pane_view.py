"""One pane on screen."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.viewer.canvas.caption import PaneCaption
from app.viewer.canvas.image_canvas import ImageCanvas
from app.viewer.canvas.view_transform import ViewTransform
from app.viewer.pictures import Panel
from app.viewer.tiles.tile_loader import TileLoader


class PaneView(QWidget):
    """A canvas with its caption.

    Attributes:
        caption: The line above.
        canvas: The picture.
        panel: What is shown.
    """

    def __init__(self, transform: ViewTransform, loader: TileLoader, parent: QWidget) -> None:
        super().__init__(parent)
        self.caption = PaneCaption(self)
        self.canvas = ImageCanvas(transform, loader, self)
        self.panel = Panel(title="")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.caption)
        layout.addWidget(self.canvas, 1)
