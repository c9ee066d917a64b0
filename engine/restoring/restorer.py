"""Restoring one photo of any size, tile by tile, in whatever memory there is.

Each tile is computed with as much of its surroundings as the network can see (`RestorationNetwork.context_px`), on the
network's own sampling grid, and only the tile itself is kept. So its pixels are those that the whole photo in one piece
would have given, and no seam has to be blended away.

A picture whose black and white were measured (`engine.photo_files.values.levels`) goes through the network between
these. What lies beyond them, such as hot pixels, is carried past it, so that nothing is cut off. Noise has no mean:
what the network has added to the picture's mean, of each phase of the 2 x 2 grid of which cameras' mosaics are made,
is taken away again. A file that is everywhere the same comes back as it is, since there is no noise in it.
"""

import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.contracts.blending import FULL, Blend
from engine.contracts.errors import DeviceError
from engine.contracts.events import Emit, JobWarning
from engine.contracts.job_control import JobControl
from engine.contracts.photo import Pixels
from engine.machine.devices import ComputeDevice, copy_on_cpu, is_out_of_memory
from engine.machine.system_memory import available_memory
from engine.method.backbones.backbone import PHOTO_CHANNELS
from engine.models.files import RestorationModel
from engine.photo_files.bicubic_resize import enlarge
from engine.photo_files.raw.demosaicking import bayer_mosaic, interpolate_rggb
from engine.photo_files.values.levels import OF_TYPE, ValueLevels
from engine.photo_files.values.sample_types import SampleType, to_float, to_samples
from engine.restoring.backends.compiled_network import CompiledNetwork
from engine.restoring.blending import REACH_PX, blended
from engine.restoring.tiles import Tile, WindowRule, mirror_indices, split_into_tiles
from engine.translatable import say

SMALLEST_TILE_PX = 64
LARGEST_AUTOMATIC_TILE_PX = {"cpu": 512, "mps": 1024, "cuda": 2048}
"""On a CPU larger tiles are slower with torch, since their features leave the cache (measured)."""

LARGEST_COMPILED_TILE_PX = 768
"""Other libraries fuse what passes over the features, which may then be more before they leave the cache. With the
starter, on a processor with AMX, 768 is the quickest: at 1536 four photos of 5 to 9 megapixels take an eighth longer
and 1.8 times the memory, at 512 a twentieth longer for what is computed around more tiles."""

COMPILED_WINDOW_STEP_PX = 16
"""A library prepares itself for each size of a window, which takes up to a second: photos of about one size share it.
At 64 the windows of four photos of 5 to 9 megapixels held 3 % more."""

MEMORY_PER_PIXEL = 1024
"""Bytes of activations for one pixel of a tile; the standard U-Net was seen to need 700."""

LARGE_PHOTO_BYTES = 512 * 2**20
TILE_PX_OF_LARGE_PHOTOS = 512
"""A photo that takes so much by itself, before and after, leaves less of two gigabytes to its tiles."""

PHOTO_BORDER_PX = 16
"""How far a photo is continued by its mirror image, so that the network's zero padding stays off its edges."""

_SMALLEST_GRID_PX = 64
"""Of a smaller picture the noise in a quarter of the pixels is no better known than what the network adds."""

_log = logging.getLogger(__name__)

OnTile = Callable[[int, int], None]
"""Called after each tile with the tiles done and their number, which grows where memory asks for smaller ones."""


class Restorer:
    """Restores photos with one model on one device.

    Remembers for the next photo which tile size fitted into memory.

    Attributes:
        tile_px: Side of the tiles; 0 until chosen from memory.
    """

    def __init__(
        self,
        model: RestorationModel,
        device: ComputeDevice,
        *,
        tile_px: int = 0,
        emit: Emit | None = None,
        compiled: CompiledNetwork | None = None,
    ) -> None:
        """Take a model to a device.

        Args:
            model: What restores. Its network is moved to the device.
            device: Where it computes.
            tile_px: Side of the tiles; 0: chosen from the free memory.
            emit: Receives a `JobWarning` for each step back that memory asks for.
            compiled: The model's network in another library, which computes it as long as it can.
        """
        self._network = model.network
        self._compiled = compiled
        self._device = device
        self._emit = emit
        self.tile_px = self._round_to_grid(tile_px) if tile_px else 0

    def restore(
        self,
        pixels: Pixels,
        *,
        levels: ValueLevels = OF_TYPE,
        channels_are_gray: bool = False,
        control: JobControl | None = None,
        on_tile: OnTile | None = None,
    ) -> Pixels:
        """Restore one photo.

        Args:
            pixels: The noisy photo. Shape: (height, width, 1 or 3), in units of its type. Gray is restored as three
                equal channels, of which the mean is taken. A network for mosaics takes one as it is (1 channel, red top
                left), and of a photo what a camera's colour filters would have let through.
            levels: What is black and white in it.
            channels_are_gray: Whether each of three channels is a picture of its own.
            control: Asked before each tile.
            on_tile: Told after each tile.

        Returns:
            The restored photo, read-only, clipped to 0 to 1 where the levels are those of the type. Shape: (scale *
            height, scale * width, channels), the channels being those of the input or, from a mosaic, 3.

        Raises:
            JobCancelled: The job has been asked to end.
            DeviceError: Not even the smallest tile fits into memory.
        """
        scale = self.scale
        if pixels.shape[2] > 1 and channels_are_gray:
            parts = [
                self.restore(
                    pixels[:, :, index : index + 1], levels=levels.of_channel(index), control=control, on_tile=on_tile
                )
                for index in range(pixels.shape[2])
            ]
            return _read_only(np.concatenate(parts, axis=2))
        if self.takes_mosaics:
            pixels = pixels if pixels.shape[2] == 1 else bayer_mosaic(pixels)
        num_channels = PHOTO_CHANNELS if self.takes_mosaics else pixels.shape[2]
        try:
            restored = np.empty((scale * pixels.shape[0], scale * pixels.shape[1], num_channels), np.float32)
        except MemoryError as error:
            raise self._out_of_memory() from error

        if not levels.are_of_type:
            if is_constant(pixels):
                return _read_only(self.enlarged(pixels))
            self._restore_measured(levels.normalised(pixels), restored, control, on_tile)
            return _read_only(np.asarray(levels.in_units_of_type(restored), np.float32))

        def keep(tile: Tile, result: NDArray[np.float32]) -> None:
            rows, columns = slice(scale * tile.top, scale * tile.bottom), slice(scale * tile.left, scale * tile.right)
            restored[rows, columns] = result

        self._restore_tiles(pixels, keep, control, on_tile)
        np.clip(restored, 0.0, 1.0, out=restored)
        return _read_only(restored)

    def restore_samples(
        self,
        samples: NDArray[Any],
        *,
        sample_type: SampleType,
        levels: ValueLevels = OF_TYPE,
        channels_are_gray: bool = False,
        blend: Blend = FULL,
        control: JobControl | None = None,
        on_tile: OnTile | None = None,
    ) -> NDArray[Any]:
        """Restore one photo from a file's numbers to a file's numbers, tile by tile: as floats it is nowhere whole.

        What comes out is what `restore`, `blended` and rounding give. For networks that keep the size of
        photos: `scale` is 1, and they take no mosaics. A picture with measured levels is whole as floats, since its
        mean is known at the end.

        Args:
            samples: As of `PhotoSamples`. Shape: (height, width, 1 or 3), or any number of gray channels.
            sample_type: Of the result. In another type than its own a picture with measured levels is spread: black is
                0, and white is 1.
            levels: What is black and white in it.
            channels_are_gray: Whether each channel is a picture of its own.
            blend: How much of the restoration is kept, see `blended`.
            control: Asked before each tile.
            on_tile: Told after each tile.

        Returns:
            In the numbers of the type. Shape: as of the samples.

        Raises:
            JobCancelled: The job has been asked to end.
            DeviceError: Not even the smallest tile fits into memory.
            ImageWriteError: The network gives what are no numbers.
        """
        if samples.shape[2] > 1 and channels_are_gray:
            parts = [
                self.restore_samples(
                    samples[:, :, index : index + 1],
                    sample_type=sample_type,
                    levels=levels.of_channel(index),
                    blend=blend,
                    control=control,
                    on_tile=on_tile,
                )
                for index in range(samples.shape[2])
            ]
            return np.concatenate(parts, axis=2)
        is_own_type = sample_type == samples.dtype.name
        blend = blend.of_gray() if samples.shape[2] == 1 else blend
        if is_own_type and (blend.is_none or is_constant(samples)):
            return samples.copy()
        if is_constant(samples):
            return to_samples(np.clip(levels.normalised_samples(samples), 0, 1), sample_type)
        if not levels.are_of_type:
            try:
                noisy = levels.normalised_samples(samples)
                normalised = np.empty_like(noisy)
            except MemoryError as error:
                raise self._out_of_memory() from error
            self._restore_measured(noisy, normalised, control, on_tile)
            normalised = blended(noisy, normalised, blend)
            if is_own_type:
                return to_samples(levels.in_units_of_type(normalised), sample_type)
            return to_samples(np.clip(normalised, 0, 1), sample_type)
        try:
            restored = np.empty(samples.shape, sample_type)
        except MemoryError as error:
            raise self._out_of_memory() from error

        # What is given back of the detail of a tile depends on its neighbours: so much of them is restored with it.
        around_px = self._round_to_grid(REACH_PX) if blend.detail else 0

        def keep(tile: Tile, result: NDArray[np.float32]) -> None:
            part = tile.grown(around_px, *samples.shape[:2])
            result = np.clip(result, 0.0, 1.0)
            if not blend.is_full:
                noisy = to_float(samples[part.top : part.bottom, part.left : part.right])
                result = blended(noisy, result, blend)[tile.within(part)]
            restored[tile.top : tile.bottom, tile.left : tile.right] = to_samples(result, sample_type)

        is_large = samples.nbytes + restored.nbytes > LARGE_PHOTO_BYTES
        largest_px = TILE_PX_OF_LARGE_PHOTOS if is_large else None
        self._restore_tiles(samples, keep, control, on_tile, largest_tile_px=largest_px, around_px=around_px)
        return restored

    def _restore_measured(
        self, noisy: Pixels, restored: NDArray[np.float32], control: JobControl | None, on_tile: OnTile | None
    ) -> None:
        """Restore a picture of which black is 0 and white is 1, and some lies beyond; what is restored is not clipped.

        Args:
            noisy: The picture.
            restored: Takes the result, `scale` times as large.
            control: As for `restore`.
            on_tile: As for `restore`.
        """
        seen, scale = np.clip(noisy, 0, 1), self.scale

        def keep(tile: Tile, result: NDArray[np.float32]) -> None:
            rows, columns = slice(scale * tile.top, scale * tile.bottom), slice(scale * tile.left, scale * tile.right)
            restored[rows, columns] = result

        self._restore_tiles(seen, keep, control, on_tile)
        _keep_means(restored, seen, scale)
        restored += self.enlarged(noisy - seen)

    def unrestored(self, pixels: Pixels) -> Pixels:
        """Bring a photo to the size and the channels of its restored version by plain interpolation.

        Args:
            pixels: As for `restore`.

        Returns:
            Shape: as of what `restore` returns; 0 to 1, read-only. The photo itself where nothing is to be done.
        """
        if self.takes_mosaics:
            mosaic = pixels if pixels.shape[2] == 1 else bayer_mosaic(pixels)
            interpolated: Pixels = interpolate_rggb(mosaic[:, :, 0]).clip(0.0, 1.0)
            interpolated.setflags(write=False)
            return interpolated
        return self.enlarged(pixels)

    def enlarged(self, pixels: Pixels) -> Pixels:
        """Bring a picture of any channels, such as a photo's transparency, to the size of the restored photo."""
        return enlarge(pixels, self.scale) if self.scale > 1 else pixels

    @property
    def scale(self) -> int:
        """How many pixels of the result a pixel becomes to a side."""
        return self._network.scale

    @property
    def takes_mosaics(self) -> bool:
        """Whether the model makes photos of what a sensor recorded behind its colour filters."""
        return self._network.input_channels == 1

    @property
    def _grid_px(self) -> int:
        return self._network.alignment_px

    def _restore_tiles(
        self,
        pixels: NDArray[Any],
        keep: Callable[[Tile, NDArray[np.float32]], None],
        control: JobControl | None,
        on_tile: OnTile | None,
        *,
        largest_tile_px: int | None = None,
        around_px: int = 0,
    ) -> None:
        """Restore all tiles of a photo; see `restore` for the errors.

        Args:
            pixels: The photo.
            keep: Given each tile, and what comes of it, unclipped: of the tile `grown` by `around_px`.
            control: As for `restore`.
            on_tile: As for `restore`.
            largest_tile_px: Limit to the side of tiles; None: none but `tile_px`.
            around_px: What is restored to each side of a tile beyond it; a multiple of the grid.
        """
        height, width = pixels.shape[:2]
        if not self.tile_px:
            self.tile_px = self._choose_tile()
        pending = [Tile(0, height, 0, width)]
        num_done = 0

        def split() -> list[Tile]:
            side = self._round_to_grid(min(self.tile_px, largest_tile_px or self.tile_px))
            return [part for tile in pending for part in split_into_tiles(tile, side, self._grid_px)]

        def common_sides() -> tuple[int, int]:
            parts = [tile.grown(around_px, height, width) for tile in pending]
            rule = self._window_rule
            return (
                rule.common_length([(part.top, part.bottom) for part in parts], height),
                rule.common_length([(part.left, part.right) for part in parts], width),
            )

        pending = split()
        sides = common_sides()
        while pending:
            if control is not None:
                self._wait_if_paused(control)
            result = self._try_tile(pixels, pending[0].grown(around_px, height, width), sides)
            if result is None:
                self._step_back()
                pending = split()
                sides = common_sides()
                continue
            keep(pending.pop(0), result)
            num_done += 1
            if on_tile is not None:
                on_tile(num_done, num_done + len(pending))

    def _wait_if_paused(self, control: JobControl) -> None:
        """Wait while paused, with the device's memory given to others; the next tile takes the network back there."""
        if control.is_paused and self._device.has_own_memory:
            self._network.to("cpu")
            self._device.release_unused()
        control.wait_if_paused()

    def _try_tile(self, pixels: NDArray[Any], tile: Tile, sides: tuple[int, int]) -> NDArray[np.float32] | None:
        """Restore a tile; None where memory does not suffice."""
        try:
            return self._restore_tile(pixels, tile, sides)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                if self._compiled is None:
                    raise
                _log.warning("%s failed, going on with torch: %s", self._compiled.name, error)
                self._compiled = None
                return self._try_tile(pixels, tile, sides)
        # Only here, with the exception gone, are the tensors of the failed attempt free.
        self._device.release_unused()
        return None

    @torch.inference_mode()
    def _restore_tile(self, pixels: NDArray[Any], tile: Tile, sides: tuple[int, int]) -> NDArray[np.float32]:
        height, width = pixels.shape[:2]
        is_gray = pixels.shape[2] == 1 and not self.takes_mosaics
        scale = self._network.scale
        top, bottom = self._window(tile.top, tile.bottom, height, sides[0])
        left, right = self._window(tile.left, tile.right, width, sides[1])
        window = to_float(
            pixels.take(mirror_indices(top, bottom, height), 0).take(mirror_indices(left, right, width), 1)
        )
        restored = self._computed(window, is_gray)
        if is_gray:
            restored = restored.mean(dim=1, keepdim=True)
        rows = slice(scale * (tile.top - top), scale * (tile.bottom - top))
        columns = slice(scale * (tile.left - left), scale * (tile.right - left))
        core = restored[0, :, rows, columns]
        result: NDArray[np.float32] = core.permute(1, 2, 0).cpu().numpy()
        return result

    def _computed(self, window: Pixels, is_gray: bool) -> torch.Tensor:
        """What the network makes of a window. Shape: (1, 3, scale * height, scale * width)."""
        # A batch of one of channels-last layout is what the photo's own layout already is.
        noisy = torch.from_numpy(window).permute(2, 0, 1).unsqueeze(0)
        if is_gray:
            noisy = noisy.expand(-1, 3, -1, -1)
        if self._compiled is not None:
            return torch.from_numpy(self._compiled.restore(noisy.numpy()))
        device = self._device.torch_device
        self._network.to(device)
        noisy = noisy.to(device).contiguous(memory_format=torch.channels_last)
        with self._device.autocast():
            restored: torch.Tensor = self._network(noisy).float()
        return restored

    @property
    def _window_rule(self) -> WindowRule:
        return WindowRule(
            context_px=self._round_to_grid(self._network.context_px),
            border_px=self._round_to_grid(PHOTO_BORDER_PX),
            grid_px=self._grid_px,
            step_px=math.lcm(COMPILED_WINDOW_STEP_PX, self._grid_px),
        )

    def _window(self, start: int, stop: int, size: int, length: int) -> tuple[int, int]:
        """Return the range that a tile's range is computed from: with its context, within the mirrored border."""
        if self._compiled is None:
            return self._window_rule.smallest(start, stop, size)
        return self._window_rule.of_length(length, start, stop, size)

    def _step_back(self) -> None:
        """Go on with smaller tiles, then at half precision, at last on the CPU.

        Raises:
            DeviceError: There is nothing left to try.
        """
        smaller = self._round_to_grid(self.tile_px // 2)
        if smaller >= SMALLEST_TILE_PX and smaller < self.tile_px:
            self.tile_px = smaller
            self._warn(
                say("Memory is short: going on with tiles of {smaller} pixels.", smaller=smaller),
                "The result is the same.",
            )
        elif self._compiled is not None:
            self._compiled = None
        elif (half := self._device.at_half_precision()) is not None:
            self._device = half
            self._warn(
                "Memory is short: going on at half precision.",
                "The result differs by rounding, far less than by its noise. Close other programs to avoid it.",
            )
        elif self._device.name != "cpu":
            self._device = self._device.on_cpu()
            self._network = copy_on_cpu(self._network)
            self.tile_px = self._choose_tile()
            self._warn(
                "The graphics card has too little memory: going on without it.",
                "It takes longer. Close other programs that use the graphics card.",
            )
        else:
            raise self._out_of_memory()

    def _warn(self, message: str, hint: str) -> None:
        if self._emit is not None:
            self._emit(JobWarning(message=message, hint=hint))

    def _out_of_memory(self) -> DeviceError:
        return DeviceError(
            "The memory does not suffice to restore this photo.", "Close other programs, or choose a smaller network."
        )

    def _choose_tile(self) -> int:
        """Choose the largest tile that half of the free memory holds with its context."""
        free = _free_memory(self._device)
        window_px = math.sqrt(free / 2 / MEMORY_PER_PIXEL)
        side = int(window_px - 2 * self._network.context_px)
        if self._compiled is not None:
            largest = LARGEST_COMPILED_TILE_PX
        else:
            # An enlarging network's features and output weigh more per input pixel.
            largest = LARGEST_AUTOMATIC_TILE_PX[self._device.name] // self._network.scale
        return self._round_to_grid(min(max(side, SMALLEST_TILE_PX), largest))

    def _round_to_grid(self, side_px: int) -> int:
        return max(math.ceil(side_px / self._grid_px), 1) * self._grid_px


def is_constant(values: NDArray[Any]) -> bool:
    """Return whether each channel is one value all over."""
    # Nearly always the first rows tell.
    return all(bool((values[top : top + 16] == values[:1, :1]).all()) for top in range(0, len(values), 16))


def _keep_means(restored: NDArray[np.float32], noisy: Pixels, scale: int) -> None:
    """Take away what the network has added to the mean of each phase of a 2 x 2 grid; in place.

    Args:
        restored: `scale` times the noisy picture's size.
        noisy: The noisy picture.
        scale: Of an enlarged picture, whose phases are no longer those of the noisy one, the whole mean is kept.
    """
    grid = 2 if scale == 1 and min(noisy.shape[:2]) >= _SMALLEST_GRID_PX else 1
    for row, column in np.ndindex(grid, grid):
        phase = slice(row, None, grid), slice(column, None, grid)
        mean = noisy[phase].mean(axis=(0, 1), dtype=np.float64)
        restored[phase] += np.asarray(mean - restored[phase].mean(axis=(0, 1), dtype=np.float64), np.float32)


def _read_only(pixels: NDArray[np.float32]) -> Pixels:
    view = pixels.view()
    view.setflags(write=False)
    return view


def _free_memory(device: ComputeDevice) -> int:
    """Return the bytes that could be used on a device; one that says nothing shares the machine's."""
    if device.torch_device.type == "cuda":
        return int(torch.cuda.mem_get_info(device.torch_device)[0])
    return available_memory()
