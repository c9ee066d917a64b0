"""The contrastive term of residual contrastive learning: NT-Xent over the earth mover's distances of residuals.

Each residual is sorted once, and one matrix holds all distances, whatever is asked of the term.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.method.losses.contrastive import ContrastiveTerm, nt_xent, positive_index, spread_temperature
from engine.method.losses.earth_mover import (
    earth_mover_distance,
    earth_mover_distances_within,
    sorted_residuals,
)
from engine.method.losses.residual_queue import ResidualQueue


@dataclass(frozen=True)
class ResidualContrastTerm:
    """The term of one batch.

    Attributes:
        term: Loss, accuracy and share of chance.
        distance: Mean W1 between residuals of different photos, without gradient.
    """

    term: ContrastiveTerm
    distance: Tensor


class ResidualContrast:
    """Contrasts the residuals of a batch, and remembers them where asked to."""

    def __init__(
        self,
        temperature: float,
        *,
        temperature_share: float = 0.25,
        pull_only: bool = False,
        num_bins: int = 1,
        queue_length: int = 0,
    ) -> None:
        """Set how residuals are contrasted.

        Args:
            temperature: As for `nt_xent`; 0 measures it on each batch.
            temperature_share: A measured temperature as a share of the median distance between photos.
            pull_only: Whether the gradient flows through the positive pairs alone.
            num_bins: Bins of the intensity in which residuals are compared.
            queue_length: Residuals of earlier steps that are further negatives.
        """
        self._temperature = temperature
        self._temperature_share = temperature_share
        self._pull_only = pull_only
        self._num_bins = num_bins
        self._queue = ResidualQueue(queue_length) if queue_length else None

    def __call__(
        self, residual: Tensor, *, intensity: Tensor | None = None, photos: Tensor | None = None
    ) -> ResidualContrastTerm:
        """Contrast a batch.

        Args:
            residual: The photos' first crops before their second crops. Shape: (2N, channels, height, width).
            intensity: What the bins are made of, such as the restored picture; needed for several. Same shape.
            photos: The photo of each crop; needed for a queue. Shape: (2N,).

        Raises:
            ValueError: The bins need an intensity, the queue needs photos, or N is below 2.
        """
        values = sorted_residuals(residual, intensity, self._num_bins)
        # Of a pull alone the distances need no gradient; one per positive pair then takes their place, which is the
        # same as cutting the negatives off the whole matrix, without its backward pass over all pairs.
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self._pull_only):
            distances = earth_mover_distances_within(values)
            further = self._further_negatives(values, photos)
        positives = positive_index(len(values) // 2, values.device)
        is_positive = torch.nn.functional.one_hot(positives, len(values)).bool()
        mean_distance = _mean_of_negatives(distances.detach(), is_positive)
        temperature: float | Tensor = self._temperature
        if self._temperature == 0:
            temperature = spread_temperature(distances, self._temperature_share)
        if self._pull_only:
            first, second = values.chunk(2)
            to_positive = earth_mover_distance(first, second).repeat(2)
            distances = torch.where(is_positive, to_positive[:, None], distances)
        return ResidualContrastTerm(nt_xent(distances, temperature, further), mean_distance)

    def state_tensors(self) -> dict[str, Tensor]:
        """The queue, for a checkpoint."""
        return self._queue.state_tensors() if self._queue is not None else {}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on with a queue of a checkpoint.

        Raises:
            ValueError: There is no queue, or the tensors are of another one.
        """
        if self._queue is not None:
            self._queue.load_state_tensors(tensors)
        elif tensors:
            raise ValueError("a checkpoint holds a queue of residuals, but these settings have none")

    def _further_negatives(self, values: Tensor, photos: Tensor | None) -> Tensor | None:
        if self._queue is None:
            return None
        if photos is None:
            raise ValueError("a queue of residuals needs to know the photo of each crop")
        further = self._queue.distances_from(values, photos)
        # The first crops alone: two residuals of one photo would take the place of another photo's.
        num_photos = len(values) // 2
        self._queue.push(values[:num_photos], photos[:num_photos])
        return further


def _mean_of_negatives(distances: Tensor, is_positive: Tensor) -> Tensor:
    """Mean distance between crops of different photos; no number for one photo. Shapes: (2N, 2N)."""
    num_crops = len(distances)
    own = torch.eye(num_crops, dtype=torch.bool, device=distances.device)
    total = distances.masked_fill(is_positive | own, 0.0).sum()
    return total / (num_crops * (num_crops - 2))
