"""The order of many values along the last axis, several times as fast on a processor as torch finds it.

NumPy sorts whole numbers by vector instructions, torch on a processor does not. So each value and its place are packed
into one whole number of 64 bits: the upper half orders as the value does, the lower half is the place. Equal values
keep their order, since the places decide.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_ALL_BUT_SIGN = 0x7FFFFFFF

_MOST_SHORT_PLACES = 2**16
"""Longest rows that are parted by keys of 32 bits: upper ones for the value, at least 16, lower ones for the place."""

_MANTISSA_BITS = 22
"""Of steps that a number of single precision, which has 24, tells apart for sure."""

_VALUES_PER_THREAD = 50_000
"""Below it a thread takes as long to start as it saves (about 0.1 ms)."""


def ascending_order(values: Tensor, places: Tensor | None = None) -> Tensor:
    """Where the values lie from the smallest to the largest along the last axis.

    Args:
        values: Their gradient is not asked for; at most 2**31 - 1 along the last axis. Shape: (..., samples), float32.
        places: What is returned for each value instead of its index, unique along the last axis and below 2**31.
            Same shape, int64.

    Returns:
        Same shape, int64. Equal values come by their index, or by their places.
    """
    values = values.detach()
    if values.device.type != "cpu":
        order = values.sort(dim=-1, stable=True).indices
        return order if places is None else places.gather(-1, order)
    num_samples = values.shape[-1]
    rows = values.reshape(-1, num_samples)
    given = torch.arange(num_samples).expand_as(rows) if places is None else places.reshape(rows.shape)
    return _ordered_by_threads(_order_rows, (rows, given)).view(values.shape)


def parted_order(values: Tensor, num_parts: int) -> Tensor:
    """Part each row by its values into parts of equally many, from small to large.

    Args:
        values: As for `ascending_order`. On a processor two count as equal, and come by their index, if they are closer
            than about a 65,536th part of what lies between the row's smallest and largest: far below what a border
            between dark and bright needs, and sorted in half the time.
        num_parts: From 1 to the number of samples; the largest values are left out where it does not divide that.

    Returns:
        Indices of the values of each part. Shape: (..., num_parts, samples // num_parts), int64.
    """
    num_samples = values.shape[-1]
    values = values.detach()
    if values.device.type == "cpu" and num_samples <= _MOST_SHORT_PLACES:
        order = _ordered_by_threads(_order_rows_roughly, (values.reshape(-1, num_samples),)).view(values.shape)
    else:
        order = ascending_order(values)
    per_part = num_samples // num_parts
    # Sorted whole: NumPy finds several borders at once by other means, which take no less time (measured).
    return order[..., : num_parts * per_part].view(*values.shape[:-1], num_parts, per_part)


def ascending(values: Tensor) -> Tensor:
    """Sort along the last axis, with a gradient where the values ask for one. Shape: (..., samples), float32, kept."""
    if values.requires_grad and torch.is_grad_enabled():
        return values.gather(-1, ascending_order(values))
    if values.device.type != "cpu":
        return values.sort(dim=-1).values
    # Without a gradient nobody asks where the values came from, and they can be sorted by themselves.
    return torch.from_numpy(np.sort(values.detach().numpy(), axis=-1))


def _ordered_by_threads(order_rows: Callable[..., None], inputs: Sequence[Tensor]) -> Tensor:
    """Call a function that writes the order of rows on parts of them, on as many threads as torch would take.

    Args:
        order_rows: Takes rows of each input, and where to write their order.
        inputs: Shape: (rows, samples).

    Returns:
        Same shape, int64.
    """
    order = torch.empty(inputs[0].shape, dtype=torch.int64)
    num_threads = max(min(torch.get_num_threads(), order.numel() // _VALUES_PER_THREAD, len(order)), 1)
    pieces = zip(*(rows.tensor_split(num_threads) for rows in (*inputs, order)), strict=True)
    first, *others = [[piece.numpy() for piece in one] for one in pieces]
    if not others:
        order_rows(*first)
        return order
    with ThreadPoolExecutor(len(others)) as pool:
        waiting = [pool.submit(order_rows, *other) for other in others]
        order_rows(*first)
        for one in waiting:
            one.result()
    return order


def _order_rows(values: NDArray[np.float32], places: NDArray[np.int64], order: NDArray[np.int64]) -> None:
    """Write the places of rows of values, ascending, into `order`. NumPy lets other threads run meanwhile."""
    # Adding 0 makes the two zeros one; the bits of negative numbers order backwards but for their sign.
    bits = (values + np.float32(0)).view(np.int32)
    halves = np.empty((*bits.shape, 2), "<i4")
    halves[..., 0] = places
    np.bitwise_xor(bits, (bits >> 31) & _ALL_BUT_SIGN, out=halves[..., 1])
    halves.view("<i8")[..., 0].sort(axis=-1)
    order[...] = halves[..., 0]


def _order_rows_roughly(values: NDArray[np.float32], order: NDArray[np.int64]) -> None:
    """Write the order of rows of values into `order`; of values that are nearly equal, by their places."""
    num_place_bits = max(values.shape[-1] - 1, 1).bit_length()
    num_steps = 2 ** min(32 - num_place_bits, _MANTISSA_BITS) - 1
    low, high = values.min(axis=-1, keepdims=True), values.max(axis=-1, keepdims=True)
    # Where the network has burst, the numbers mean nothing and any order will do.
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        scale = np.where(high > low, num_steps / (high - low), 0).astype(np.float32)
        keys = ((values - low) * scale).astype(np.uint32)
    keys <<= np.uint32(num_place_bits)
    keys |= np.arange(values.shape[-1], dtype=np.uint32)
    keys.sort(axis=-1)
    np.bitwise_and(keys, np.uint32(2**num_place_bits - 1), out=order, casting="safe")
