"""NT-Xent over distances: the contrastive term of residual contrastive learning.

NT-Xent (InfoNCE; Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020,
equation 1) with the similarity -distance / temperature in place of the cosine: the two crops of one photo are each
other's positive, all other crops of the batch are negatives.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the customary name
from torch import Tensor


class ContrastiveTerm(NamedTuple):
    """The contrastive loss and what shows whether it works.

    Attributes:
        loss: Mean NT-Xent over the crops, in nats; log(2N - 1) is chance.
        accuracy: Share of crops whose positive is nearer than every negative, 0 to 1.
    """

    loss: Tensor
    accuracy: Tensor


def positive_index(num_photos: int, device: torch.device | None = None) -> Tensor:
    """Index of each crop's positive in a batch of all first crops followed by all second crops.

    Returns:
        Shape: (2 * num_photos,).
    """
    index = torch.arange(2 * num_photos, device=device)
    return (index + num_photos) % (2 * num_photos)


def nt_xent(distances: Tensor, temperature: float) -> ContrastiveTerm:
    """NT-Xent of a matrix of distances between 2N crops.

    Args:
        distances: Distance of each crop to each other, the first crops of the N photos before their second crops;
            the diagonal is not used. Shape: (2N, 2N).
        temperature: Distance over which the similarity falls by a factor e; positive, in the distances' unit.

    Raises:
        ValueError: Fewer than two photos (there is no negative), or a temperature that is not positive.
    """
    num_crops = distances.shape[0]
    if distances.ndim != 2 or distances.shape[1] != num_crops or num_crops % 2:
        raise ValueError(f"distances must have shape (2N, 2N), not {tuple(distances.shape)}")
    if num_crops < 4:
        raise ValueError("the contrastive term needs crops of at least 2 photos: one photo alone has no negatives")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, not {temperature}")
    own = torch.eye(num_crops, dtype=torch.bool, device=distances.device)
    logits = (-distances / temperature).masked_fill(own, -torch.inf)
    positives = positive_index(num_crops // 2, distances.device)
    accuracy = (logits.argmax(dim=1) == positives).float().mean()
    return ContrastiveTerm(F.cross_entropy(logits, positives), accuracy)
