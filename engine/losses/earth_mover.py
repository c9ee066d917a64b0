"""The earth mover's distance between residuals.

The distance that residual contrastive learning (RCL; Dong et al., IJCAI 2022, arXiv 2106.10070) uses to tell how
alike two noises are is the 1-Wasserstein distance (W1) between the empirical distributions of two residuals. In one
dimension it is exact and cheap: with equally many samples, W1 is the mean absolute difference of the sorted values
(the L1 distance of the quantile functions; Peyré and Cuturi, "Computational Optimal Transport", 2019, remark 2.30).
So every residual is sorted once, whatever the number of pairs.
"""

import torch
from torch import Tensor


def sorted_residuals(residuals: Tensor) -> Tensor:
    """Sort each residual's values per channel: its empirical quantile function.

    Args:
        residuals: Shape: (batch, channels, height, width).

    Returns:
        Shape: (batch, channels, height * width), ascending, float32.
    """
    if residuals.ndim != 4:
        raise ValueError(f"residuals must have shape (batch, channels, height, width), not {tuple(residuals.shape)}")
    return residuals.float().flatten(2).sort(dim=2).values


def earth_mover_distance(first: Tensor, second: Tensor) -> Tensor:
    """W1 between residuals of the same place in two batches, averaged over channels.

    Args:
        first: Sorted residuals. Shape: (batch, channels, samples).
        second: Sorted residuals. Same shape.

    Returns:
        Shape: (batch,), on the scale of the residual's values.
    """
    if first.shape != second.shape:
        raise ValueError(f"shapes differ: {tuple(first.shape)} and {tuple(second.shape)}")
    return (first - second).abs().mean(dim=(1, 2))


def earth_mover_distance_matrix(first: Tensor, second: Tensor) -> Tensor:
    """W1 of every residual of one batch to every residual of another, averaged over channels.

    Args:
        first: Sorted residuals. Shape: (batch_first, channels, samples).
        second: Sorted residuals. Shape: (batch_second, channels, samples).

    Returns:
        Shape: (batch_first, batch_second).
    """
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f"channels or samples differ: {tuple(first.shape[1:])} and {tuple(second.shape[1:])}")
    num_values = first.shape[1] * first.shape[2]
    return torch.cdist(first.flatten(1), second.flatten(1), p=1.0) / num_values
