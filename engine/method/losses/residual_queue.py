"""Residuals of earlier steps as further negatives.

A queue as in MoCo (He, Fan, Wu, Xie, Girshick: "Momentum Contrast for Unsupervised Visual Representation Learning",
CVPR 2020, section 3.1): a batch of a few photos is contrasted with many noises at no more than the cost of their
distances. What is kept is a residual's quantile function, all that its distances need. A folder is small beside
MoCo's millions of pictures, so a photo of the batch may well lie in the queue too: it is known by its number and does
not count.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from engine.method.losses.earth_mover import earth_mover_distance_matrix


class ResidualQueue:
    """The latest residuals of earlier steps, first in, first out."""

    def __init__(self, length: int) -> None:
        """Start empty.

        Args:
            length: Residuals kept at most, at least 1.
        """
        self._length = length
        self._values: Tensor | None = None
        self._photos: Tensor | None = None

    def __len__(self) -> int:
        return 0 if self._values is None else len(self._values)

    def distances_from(self, values: Tensor, photos: Tensor) -> Tensor | None:
        """W1 of residuals to those kept; infinite to residuals of the same photo.

        Args:
            values: Sorted residuals. Shape: (batch, channels, samples).
            photos: Their photos. Shape: (batch,).

        Returns:
            Shape: (batch, kept); None where nothing of this kind is kept.
        """
        if self._values is None or self._photos is None or self._values.shape[1:] != values.shape[1:]:
            return None
        distances = earth_mover_distance_matrix(values, self._values.to(values.device))
        return distances.masked_fill(photos[:, None] == self._photos.to(photos.device)[None, :], torch.inf)

    def push(self, values: Tensor, photos: Tensor) -> None:
        """Keep residuals, and let the oldest go.

        Args:
            values: Sorted residuals, of which no gradient is kept; with another number of samples than those before,
                the queue starts anew. Shape: (batch, channels, samples).
            photos: Their photos. Shape: (batch,).
        """
        values = values.detach()
        if self._values is not None and self._photos is not None and self._values.shape[1:] == values.shape[1:]:
            values = torch.cat([self._values.to(values.device), values])
            photos = torch.cat([self._photos.to(photos.device), photos])
        self._values, self._photos = values[-self._length :].clone(), photos[-self._length :].clone()

    def state_tensors(self) -> dict[str, Tensor]:
        """What is kept; nothing while empty."""
        if self._values is None or self._photos is None:
            return {}
        return {"values": self._values, "photos": self._photos}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Keep what `state_tensors` gave.

        Raises:
            ValueError: These are no tensors of a queue of this length.
        """
        if not tensors:
            self._values = self._photos = None
            return
        if tensors.keys() != {"values", "photos"} or tensors["values"].ndim != 3:
            raise ValueError(f"a queue's tensors are values and photos, not {', '.join(sorted(tensors))}")
        values, photos = tensors["values"], tensors["photos"]
        if len(values) > self._length or photos.shape != values.shape[:1]:
            raise ValueError(
                f"a queue of {self._length} cannot hold values of shape {tuple(values.shape)} "
                f"for photos of shape {tuple(photos.shape)}"
            )
        self._values, self._photos = values, photos
