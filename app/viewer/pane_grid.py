"""Where panes lie beside and below each other."""

from PySide6.QtCore import QRect, QSize, QSizeF

GAP_PX = 2


def pane_places(num_panes: int, room: QSize, caption_height: int, scene: QSizeF) -> list[QRect]:
    """Give every pane the same room, in the grid in which the picture gets largest.

    Args:
        num_panes: At least one.
        room: What there is for all of them.
        caption_height: What a pane needs above its picture.
        scene: Size of the picture.

    Returns:
        The panes' places in reading order.
    """
    best_columns, best_scale = 1, 0.0
    for columns in range(1, num_panes + 1):
        rows = -(-num_panes // columns)
        width = (room.width() - (columns - 1) * GAP_PX) / columns
        height = (room.height() - (rows - 1) * GAP_PX) / rows - caption_height
        scale = min(width / scene.width(), height / scene.height())
        if scale > best_scale:
            best_columns, best_scale = columns, scale
    rows = -(-num_panes // best_columns)
    width = (room.width() - (best_columns - 1) * GAP_PX) // best_columns
    height = (room.height() - (rows - 1) * GAP_PX) // rows
    places: list[QRect] = []
    for index in range(num_panes):
        row, column = divmod(index, best_columns)
        places.append(QRect(column * (width + GAP_PX), row * (height + GAP_PX), width, height))
    return places
