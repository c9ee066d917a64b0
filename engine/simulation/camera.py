"""A camera in numbers: from a clean picture back to raw, and with noise forward to the photo it would have made.

The way back and forth is that of Brooks et al. ("Unprocessing Images for Learned Raw Denoising", CVPR 2019): tone
curve, colour matrix and white balance are undone; the mosaic gets noise of the variance a I + b (Foi et al., IEEE
TIP 2008); then come demosaicking, white balance, colour matrix, tone curve and, as in CBDNet (Guo et al., CVPR 2019),
JPEG. Noise reduction and sharpening, which cameras do too, make it coarser, as real noise is.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.photo_files.raw.mosaic import FILTER_ORDERS, FilterOrder
from engine.simulation.chance import sometimes
from engine.simulation.demosaicking import DEMOSAICKERS, mosaic_of
from engine.simulation.parameters import CameraRanges
from engine.simulation.pictures import Picture, rounded

_TABLE_SIZE = 16384
_TABLE_PLACES = np.linspace(0, 1, _TABLE_SIZE)
_NUM_CURVES = 16
"""Tone curves that are told apart; their tables are kept."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """What one photo is taken with.

    Attributes:
        shot: a of the noise variance a I + b, at raw values I from 0 to 1.
        read: b of the noise variance.
        red_gain: White balance: what red is multiplied by.
        blue_gain: White balance: what blue is multiplied by.
        colour_matrix: From the camera's RGB to linear sRGB; rows sum to 1, so that gray stays gray. Shape: (3, 3).
        exposure: What the linear picture is multiplied by, at most 1.
        order: Colour filters.
        demosaicking: A name of `DEMOSAICKERS`.
        contrast: 0: the sRGB curve; 1: an S-curve upon it.
        chroma_blur_px: Standard deviation of the noise reduction on colours; 0: none.
        luma_smoothing: Strength of the noise reduction on brightness, in units of its range filter; 0: none.
        sharpening: Amount of the unsharp mask; 0: none.
        sharpening_px: Its standard deviation.
        jpeg_quality: 1 to 100; 0: the photo is not compressed.
        has_fine_chroma: Whether the JPEG keeps colours at full resolution (4:4:4).
        bits: Of a photo that is not compressed: 8, or 16 as raw converters write.
    """

    shot: float
    read: float
    red_gain: float = 2.0
    blue_gain: float = 1.7
    colour_matrix: NDArray[np.float32]
    exposure: float = 1.0
    order: FilterOrder = "RGGB"
    demosaicking: str = "linear"
    contrast: float = 0.0
    chroma_blur_px: float = 0.0
    luma_smoothing: float = 0.0
    sharpening: float = 0.0
    sharpening_px: float = 1.0
    jpeg_quality: int = 0
    has_fine_chroma: bool = True
    bits: int = 8


def draw_camera(generator: np.random.Generator, ranges: CameraRanges) -> Camera:
    """Draw a camera and its settings for one photo.

    Args:
        generator: Source of chance.
        ranges: From what to draw.
    """
    shot = _draw_shot(generator, ranges)
    # Brooks et al., equation 2: the read noise follows the shot noise, since both follow the gain; more loosely here.
    read = np.exp(2.18 * np.log(shot) + 1.2 + generator.normal(0, ranges.read_spread))
    return Camera(
        shot=shot,
        read=float(np.clip(read, ranges.lowest_read, ranges.highest_read)),
        red_gain=float(generator.uniform(1.2, 2.6)),
        blue_gain=float(generator.uniform(1.2, 2.4)),
        colour_matrix=_draw_colour_matrix(generator),
        exposure=float(2 ** -generator.uniform(0, ranges.darkest_stops))
        if generator.random() < ranges.dark_share
        else 1.0,
        order=FILTER_ORDERS[int(generator.integers(len(FILTER_ORDERS)))],
        demosaicking=list(DEMOSAICKERS)[int(generator.integers(len(DEMOSAICKERS)))],
        contrast=float(generator.integers(_NUM_CURVES) / (_NUM_CURVES - 1)),
        chroma_blur_px=sometimes(generator, ranges.chroma_blur_share, 0.6, ranges.highest_chroma_blur_px),
        luma_smoothing=sometimes(generator, ranges.luma_smoothing_share, 0.5, ranges.highest_luma_smoothing),
        sharpening=sometimes(generator, ranges.sharpening_share, 0.2, ranges.highest_sharpening),
        sharpening_px=float(generator.uniform(0.5, 1.5)),
        jpeg_quality=(
            int(generator.integers(ranges.lowest_jpeg_quality, 100)) if generator.random() < ranges.jpeg_share else 0
        ),
        has_fine_chroma=bool(generator.random() < 0.5),
        bits=16 if generator.random() < ranges.fine_share else 8,
    )


def take_photo(clean: Picture, camera: Camera, generator: np.random.Generator) -> tuple[Picture, Picture]:
    """Take a noisy photo of a clean picture, and the same photo without noise and compression.

    Args:
        clean: sRGB, 0 to 1, at least 4 pixels a side. Shape: (height, width, 3).
        camera: What it is taken with.
        generator: Source of the noise.

    Returns:
        The noisy photo with 8 bits a channel, or 16 if the camera has them, and its target. Same shape, 0 to 1.
    """
    raw = unprocess(clean, camera)
    mosaic = mosaic_of(raw, camera.order)
    deviation = np.sqrt(noise_variance(mosaic, camera))
    noise = deviation * generator.standard_normal(mosaic.shape, np.float32)
    noisy_mosaic = np.asarray(mosaic + noise, np.float32)
    # The sensor saturates; below black nothing is cut, as raw converters subtract the black level after filtering.
    np.minimum(noisy_mosaic, 1, out=noisy_mosaic)
    noise_level = float(deviation.mean())
    noisy = develop(noisy_mosaic, camera, noise_level)
    if camera.bits > 8 and not camera.jpeg_quality:
        noisy = rounded(noisy, camera.bits)
    else:
        noisy = compress(noisy, camera.jpeg_quality, has_fine_chroma=camera.has_fine_chroma)
    return noisy, develop(mosaic, camera, noise_level)


def noise_variance(raw: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """Return a I + b at each pixel of a clean raw picture or mosaic."""
    variance: NDArray[np.float32] = np.float32(camera.shot) * np.maximum(raw, 0) + np.float32(camera.read)
    return variance


def unprocess(clean: Picture, camera: Camera) -> Picture:
    """Undo tone curve, colour matrix and white balance. Shape: (height, width, 3), sRGB to raw, 0 to 1."""
    linear = _look_up(_curve_tables(camera.contrast)[1], clean)
    if camera.exposure != 1:
        linear *= np.float32(camera.exposure)
    to_raw = np.linalg.inv(camera.colour_matrix) / np.array([[camera.red_gain], [1.0], [camera.blue_gain]])
    return np.clip(cv2.transform(linear, to_raw.astype(np.float32)), 0, 1)


def develop(mosaic: NDArray[np.float32], camera: Camera, noise_level: float = 0.0) -> Picture:
    """Make the picture of a mosaic, as the camera does.

    Args:
        mosaic: Raw values. Shape: (height, width).
        camera: Its settings.
        noise_level: Mean standard deviation of the noise, which noise reduction goes by.

    Returns:
        sRGB, 0 to 1. Shape: (height, width, 3).
    """
    raw = DEMOSAICKERS[camera.demosaicking](mosaic, camera.order)
    balance = np.array([camera.red_gain, 1.0, camera.blue_gain], np.float32)
    linear = np.asarray(cv2.transform(raw, (camera.colour_matrix * balance).astype(np.float32)), np.float32)
    picture = _look_up(_curve_tables(camera.contrast)[0], linear)
    if camera.luma_smoothing or camera.chroma_blur_px:
        picture = _reduce_noise(picture, camera, noise_level)
    if camera.sharpening:
        blurred = cv2.GaussianBlur(picture, (0, 0), camera.sharpening_px)
        picture = np.asarray(
            cv2.addWeighted(picture, 1 + camera.sharpening, blurred, -camera.sharpening, 0), np.float32
        )
    return np.clip(picture, 0, 1)


def compress(picture: Picture, jpeg_quality: int, *, has_fine_chroma: bool = True) -> Picture:
    """Round to 8 bits and compress as JPEG.

    Args:
        picture: 0 to 1. Shape: (height, width, 3).
        jpeg_quality: 1 to 100; 0: only rounded.
        has_fine_chroma: Whether colours keep their full resolution (4:4:4).

    Returns:
        Same shape, 0 to 1.
    """
    levels = np.rint(picture * 255).astype(np.uint8)
    if jpeg_quality:
        sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444 if has_fine_chroma else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
        options = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
        _, encoded = cv2.imencode(".jpg", cv2.cvtColor(levels, cv2.COLOR_RGB2BGR), options)
        decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
        levels = np.asarray(decoded, np.uint8)
    return levels.astype(np.float32) * np.float32(1 / 255)


def _reduce_noise(picture: Picture, camera: Camera, noise_level: float) -> Picture:
    """Smooth colours more than brightness, as cameras do."""
    luma, red_difference, blue_difference = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb))
    if camera.luma_smoothing:
        # The tone curve lifts the noise of mid-tones to about twice its raw size.
        luma = cv2.bilateralFilter(luma, 5, 2 * camera.luma_smoothing * noise_level + 1e-3, 1.5)
    if camera.chroma_blur_px:
        red_difference = cv2.GaussianBlur(red_difference, (0, 0), camera.chroma_blur_px)
        blue_difference = cv2.GaussianBlur(blue_difference, (0, 0), camera.chroma_blur_px)
    return np.asarray(cv2.cvtColor(cv2.merge([luma, red_difference, blue_difference]), cv2.COLOR_YCrCb2RGB))


@lru_cache(maxsize=4 * _NUM_CURVES)
def _curve_tables(contrast: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the tone curve and its inverse as tables over 0 to 1: sRGB (IEC 61966-2-1), then an S-curve upon it.

    The S-curve is 3 x^2 - 2 x^3, as in Brooks et al., mixed in by `contrast`.
    """
    encoded = np.where(_TABLE_PLACES <= 0.0031308, 12.92 * _TABLE_PLACES, 1.055 * _TABLE_PLACES ** (1 / 2.4) - 0.055)
    curve = (1 - contrast) * encoded + contrast * (3 * encoded**2 - 2 * encoded**3)
    inverse = np.interp(_TABLE_PLACES, curve, _TABLE_PLACES)
    return curve.astype(np.float32), inverse.astype(np.float32)


def _look_up(table: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply a curve to values, which are clipped to 0 to 1."""
    places = np.clip(values * np.float32(_TABLE_SIZE - 1) + np.float32(0.5), 0, _TABLE_SIZE - 1).astype(np.int32)
    return np.asarray(table[places])


def _draw_shot(generator: np.random.Generator, ranges: CameraRanges) -> float:
    """Draw a of the noise variance: log-uniform in the range of most photos, and likewise in the tail beyond."""
    place = generator.random()
    bulk = 1 - ranges.tail_share
    if place < bulk:
        lowest, highest, place = ranges.lowest_shot, ranges.highest_shot, place / bulk
    else:
        lowest, highest, place = ranges.highest_shot, ranges.highest_tail_shot, (place - bulk) / ranges.tail_share
    return float(lowest * (highest / lowest) ** place)


def _draw_colour_matrix(generator: np.random.Generator) -> NDArray[np.float32]:
    """Draw a matrix from camera RGB to sRGB in the range of what common cameras' profiles hold."""
    lowest = [[0, -0.9, -0.3], [-0.35, 0, -0.6], [-0.1, -0.8, 0]]
    highest = [[0, -0.1, 0.1], [-0.05, 0, -0.1], [0.1, -0.2, 0]]
    matrix = generator.uniform(lowest, highest) * generator.uniform(0.3, 1.0)
    return (matrix + np.diag(1 - matrix.sum(axis=1))).astype(np.float32)
