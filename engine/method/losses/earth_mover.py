"""The earth mover's distance between residuals.

The distance that residual contrastive learning (RCL; Dong et al., IJCAI 2022, arXiv 2106.10070) uses to tell how
alike two noises are is the 1-Wasserstein distance (W1) between the empirical distributions of two residuals. In one
dimension it is exact and cheap: with equally many samples, W1 is the mean absolute difference of the sorted values
(the L1 distance of the quantile functions; Peyré and Cuturi, "Computational Optimal Transport", 2019, remark 2.30).
So every residual is sorted once, whatever the number of pairs.
"""

import torch
from torch import Tensor

from engine.method.losses.ordering import ascending, ascending_order, parted_order


def sorted_residuals(residuals: Tensor, intensity: Tensor | None = None, num_bins: int = 1) -> Tensor:
    """Sort each residual's values per channel: its empirical quantile function.

    With an intensity, the pixels are first parted by it into bins of equally many, from dark to bright, and the
    quantile functions of the bins lie one behind the other. The mean absolute difference of two such rows is then the
    mean over the bins of W1: it tells noises apart whose strength follows the brightness in another way. Bins of equal
    count rather than equal width, so that every residual gives as many values and all distances stay one matrix.

    Args:
        residuals: Shape: (batch, channels, height, width).
        intensity: Brightness of the picture below each value. Same shape; None for one bin.
        num_bins: Bins, at most as many as pixels.

    Returns:
        Shape: (batch, channels, samples), float32, ascending in each bin. Samples are height * width, less the
        brightest few where the bins do not divide it.

    Raises:
        ValueError: A shape does not fit, or bins are asked for without an intensity.
    """
    if residuals.ndim != 4:
        raise ValueError(f"residuals must have shape (batch, channels, height, width), not {tuple(residuals.shape)}")
    values = residuals.float().flatten(2)
    if not 1 <= num_bins <= values.shape[2]:
        raise ValueError(f"{values.shape[2]} pixels cannot be parted into {num_bins} bins")
    if num_bins == 1:
        return ascending(values)
    if intensity is None or intensity.shape != residuals.shape:
        found = None if intensity is None else tuple(intensity.shape)
        raise ValueError(f"bins need an intensity of the residuals' shape {tuple(residuals.shape)}, not {found}")
    bins = parted_order(intensity.detach().float().flatten(2), num_bins)
    binned = values.detach().gather(2, bins.flatten(2)).view(bins.shape)
    return values.gather(2, ascending_order(binned, bins).flatten(2))


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


def earth_mover_distances_within(values: Tensor) -> Tensor:
    """W1 of every residual of a batch to every other, each pair computed once.

    Args:
        values: Sorted residuals. Shape: (batch, channels, samples).

    Returns:
        Symmetric, its diagonal 0. Shape: (batch, batch).
    """
    # Each pair once, and in longer runs: eight times as fast on a processor (measured). Not every other device has it.
    if values.device.type != "cpu":
        return earth_mover_distance_matrix(values, values)
    num_residuals, num_values = len(values), values.shape[1] * values.shape[2]
    rows, columns = torch.triu_indices(num_residuals, num_residuals, offset=1)
    pairs = torch.nn.functional.pdist(values.flatten(1), p=1.0) / num_values
    return pairs.new_zeros(num_residuals, num_residuals).index_put(
        (torch.cat([rows, columns]), torch.cat([columns, rows])), pairs.repeat(2)
    )
