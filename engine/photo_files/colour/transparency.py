"""Colours under transparency: nobody sees them, and most programs leave black there."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def spread_visible_colours(colours: NDArray[Any], alpha: NDArray[Any] | None) -> NDArray[Any]:
    """Give pixels that are wholly transparent the colours of the nearest ones that are not.

    Whatever looks at a pixel's surroundings, to enlarge it or to restore it, would else draw hidden colours into the
    edges that are seen.

    Args:
        colours: Height x width x channels, of any type.
        alpha: Height x width, 0 (transparent) or more; None: opaque.

    Returns:
        Same shape and type; the colours themselves where nothing is hidden, or all is.
    """
    if alpha is None:
        return colours
    is_hidden = np.ascontiguousarray(alpha == 0)
    if not is_hidden.any() or is_hidden.all():
        return colours
    _, nearest = cv2.distanceTransformWithLabels(
        is_hidden.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # Each visible pixel has a number of its own, which the hidden ones next to it share.
    visible = np.flatnonzero(~is_hidden)
    place_of_label = np.zeros(int(nearest.max()) + 1, np.intp)
    place_of_label[nearest.ravel()[visible]] = visible
    spread = colours.copy()
    spread[is_hidden] = colours.reshape(-1, colours.shape[2])[place_of_label[nearest[is_hidden]]]
    return spread
