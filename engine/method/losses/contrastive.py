"""NT-Xent over distances: the contrastive term of residual contrastive learning.

NT-Xent (InfoNCE; Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020,
equation 1) with the similarity -distance / temperature in place of the cosine: the two crops of one photo are each
other's positive, all other crops of the batch are negatives.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the customary name
from torch import Tensor

SMALLEST_TEMPERATURE = 1e-5
"""Keeps a temperature measured on equal residuals above 0; far below one level of an 8 bit photo."""


class ContrastiveTerm(NamedTuple):
    """The contrastive loss and what shows whether it works.

    Attributes:
        loss: Mean NT-Xent over the crops, in nats; log(2N - 1) is chance.
        accuracy: Share of crops whose positive is nearer than every negative of the batch, 0 to 1.
        share_of_chance: The loss as a share of what guessing gives; near 1 where the term tells nothing apart.
    """

    loss: Tensor
    accuracy: Tensor
    share_of_chance: Tensor


def positive_index(num_photos: int, device: torch.device | None = None) -> Tensor:
    """Index of each crop's positive in a batch of all first crops followed by all second crops.

    Returns:
        Shape: (2 * num_photos,).
    """
    index = torch.arange(2 * num_photos, device=device)
    return (index + num_photos) % (2 * num_photos)


def spread_temperature(distances: Tensor, share: float) -> Tensor:
    """A temperature that follows how far apart the noises of the batch are.

    Args:
        distances: As for `nt_xent`.
        share: Of the median distance between crops of different photos.

    Returns:
        A scalar without gradient, at least `SMALLEST_TEMPERATURE`.
    """
    num_crops = len(distances)
    index = torch.arange(num_crops, device=distances.device)
    is_positive = index[None, :] == positive_index(num_crops // 2, distances.device)[:, None]
    # A sort of all rather than a choice of some, whose number a GPU would have to tell first.
    ordered = distances.detach().masked_fill(is_positive, torch.inf).fill_diagonal_(torch.inf).flatten().sort().values
    num_negatives = num_crops * (num_crops - 2)
    return (share * ordered[(num_negatives - 1) // 2]).clamp_min(SMALLEST_TEMPERATURE)


def nt_xent(distances: Tensor, temperature: float | Tensor, further_negatives: Tensor | None = None) -> ContrastiveTerm:
    """NT-Xent of a matrix of distances between 2N crops.

    Args:
        distances: Distance of each crop to each other, the first crops of the N photos before their second crops;
            the diagonal is not used. Shape: (2N, 2N).
        temperature: Distance over which the similarity falls by a factor e; positive, in the distances' unit.
        further_negatives: Distance of each crop to residuals outside the batch; infinite where one does not count,
            being of the same photo. They lie in the loss's denominator alone, not in the accuracy.
            Shape: (2N, others).

    Raises:
        ValueError: Fewer than two photos (there is no negative), or a temperature that is not positive.
    """
    num_crops = distances.shape[0]
    if distances.ndim != 2 or distances.shape[1] != num_crops or num_crops % 2:
        raise ValueError(f"distances must have shape (2N, 2N), not {tuple(distances.shape)}")
    if num_crops < 4:
        raise ValueError("the contrastive term needs crops of at least 2 photos: one photo alone has no negatives")
    # A measured temperature is positive by its making; asking a GPU for its value would make it wait.
    if isinstance(temperature, float) and not temperature > 0:
        raise ValueError(f"temperature must be above 0, not {temperature}")
    own = torch.eye(num_crops, dtype=torch.bool, device=distances.device)
    logits = (-distances / temperature).masked_fill(own, -torch.inf)
    positives = positive_index(num_crops // 2, distances.device)
    accuracy = (logits.argmax(dim=1) == positives).float().mean()
    if further_negatives is not None:
        logits = torch.cat([logits, -further_negatives / temperature], dim=1)
    loss = F.cross_entropy(logits, positives)
    num_candidates = torch.isfinite(logits).sum(dim=1).clamp_min(2)
    return ContrastiveTerm(loss, accuracy, (loss.detach() / num_candidates.log().mean()))
