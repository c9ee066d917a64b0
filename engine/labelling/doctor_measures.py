"""What the pair doctor measures on one pair: where the reference lies, its exposure, its colours, its sharpness."""

import hashlib
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts.photo import Pixels
from engine.labelling.brightness_fit import NOT_COMPARED, BrightnessFit, compare_brightness
from engine.photo_files.bicubic_resize import shrink
from engine.photo_files.photo_image import between_levels, measured_values
from engine.photo_files.photos import PhotoImage
from engine.photos.pair_checks import PairFinding, best_shift, compare_brightness_fields

_LOOKED_AT_SIDE_PX = 1024
# Of two files of one picture, rounding to 8 bits included; a dim picture of 16 bits has less contrast than that.
_SAME_LEVELS, _SAME_SHARE_OF_CONTRAST = 0.6 / 255, 0.01
# Bands of spatial frequency, cycles a pixel: coarse detail shows a strong blur, fine detail a weak one.
_BANDS = ((0.06, 0.12), (0.12, 0.2), (0.2, 0.3))
# A Hann window makes neighbouring frequencies alike: fewer of them are independent.
_WINDOW_ERROR_FACTOR = 1.5
_CERTAIN_DEVIATIONS = 3.0
_SIGNATURE_SIDE_PX = 24
_MIN_SIGNATURE_SPREAD = 0.02
_LEAST_ERROR = 1e-12


@dataclass(frozen=True, kw_only=True)
class PairMeasures:
    """All that one pair shows, whatever other pairs there are.

    Attributes:
        noisy_digest: SHA-256 of the noisy photo's pixels.
        clean_digest: The same of the reference.
        scene: What the reference shows, coarsely, to recognise its scene: mean 0, length 1; empty for a picture
            without contrast. Shape: (24 x 24,).
        is_same_picture: Whether both sides are one picture, but for rounding and for a stretch.
        findings: What `engine.photos.pair_checks` says, the worst first.
        shift_px: Rows and columns by which the noisy photo lies farther than the reference.
        shift_gain: By how much the detail fits better there than without a shift.
        brightness: How the photo's follows the reference's; of nothing for pictures of different scenes.
        sharpness: The noisy photo's fine detail as a multiple of the reference's, noise left aside, in the band of
            frequencies where it deviates most for certain; 1 where nothing is certain.
        psnr: Of the noisy photo against the reference, dB.
        fitted_psnr: The same against the reference as bright as the photo, dB.
    """

    noisy_digest: str
    clean_digest: str
    scene: tuple[float, ...]
    is_same_picture: bool
    findings: tuple[PairFinding, ...]
    shift_px: tuple[float, float] = (0.0, 0.0)
    shift_gain: float = 0.0
    brightness: BrightnessFit = NOT_COMPARED
    sharpness: float = 1.0
    psnr: float = 0.0
    fitted_psnr: float = 0.0


def measure_pair(noisy: PhotoImage, clean: PhotoImage) -> PairMeasures:
    """Compare a noisy photo with its reference.

    Args:
        noisy: The photo.
        clean: Of the same size, or a whole number of times as large.

    Raises:
        ValueError: The sizes do not fit.
    """
    measures = partial(
        PairMeasures,
        noisy_digest=pixel_digest(noisy.normalised),
        clean_digest=pixel_digest(clean.normalised),
        scene=scene_signature(clean.normalised),
    )
    noisy_values, clean_values = between_levels(noisy, clean)
    first, second = _alike_channels(noisy_values, _at_size_of(noisy_values, clean_values))
    # A larger reference shows what its photo does not, even where the photo was made of it.
    has_one_size = noisy.pixels.shape[:2] == clean.pixels.shape[:2]
    allowed = min(_SAME_LEVELS, _SAME_SHARE_OF_CONTRAST * float(first.std()))
    difference = first - second
    if has_one_size and float(np.abs(difference).mean()) <= allowed:
        return measures(is_same_picture=True, findings=())
    noisy_measured, clean_measured, scale = measured_values(noisy, clean)
    if not scale.are_of_type:
        measured = _alike_channels(noisy_measured, _at_size_of(noisy_measured, clean_measured))
        difference = measured[0] - measured[1]
    psnr = _psnr(difference)
    noisy_field, clean_field = (_middle_of(pixels.mean(axis=2)) for pixels in (first, second))
    findings = tuple(compare_brightness_fields(noisy_field, clean_field))
    if any(finding.kind == "different" for finding in findings):
        return measures(is_same_picture=False, findings=findings, psnr=psnr)
    shift, _, gain = best_shift(noisy_field, clean_field)
    brightness = compare_brightness(first, second)
    fitted = brightness.applied_to(second)
    if has_one_size and brightness.is_wanted and float(np.abs(first - fitted).mean()) <= allowed:
        # A copy that was stretched is a copy all the same.
        return measures(is_same_picture=True, findings=())
    if brightness.is_wanted:
        # Another contrast must not be taken for another sharpness.
        clean_field = _middle_of(fitted.mean(axis=2))
    return measures(
        is_same_picture=False,
        findings=findings,
        shift_px=shift,
        shift_gain=gain,
        brightness=brightness,
        sharpness=compare_sharpness(noisy_field, clean_field, shift),
        psnr=psnr,
        fitted_psnr=_psnr(first - fitted),
    )


def pixel_digest(pixels: Pixels) -> str:
    """SHA-256 of what a picture shows, whatever its file is like, in hexadecimal."""
    levels = np.rint(np.clip(pixels, 0, 1) * 65535).astype("<u2")
    return hashlib.sha256(repr(levels.shape).encode() + levels.tobytes()).hexdigest()


def scene_signature(pixels: Pixels) -> tuple[float, ...]:
    """Return a picture so small that the same scene looks the same, noisy or clean; () without contrast."""
    size = (_SIGNATURE_SIDE_PX, _SIGNATURE_SIDE_PX)
    gray = cv2.resize(np.ascontiguousarray(pixels.mean(axis=2)), size, interpolation=cv2.INTER_AREA).ravel()
    if float(gray.std()) < _MIN_SIGNATURE_SPREAD:
        return ()
    centred = gray - gray.mean()
    return tuple(float(value) for value in centred / np.sqrt((centred**2).sum()))


def compare_sharpness(
    noisy: NDArray[np.float32], clean: NDArray[np.float32], shift: tuple[float, float] = (0.0, 0.0)
) -> float:
    """Return the noisy picture's fine detail as a multiple of the clean one's; above 1 the reference is blurred.

    In each band of frequencies the noisy picture's spectrum N is regressed on the clean one's, C, moved by `shift`:
    H = sum(Re(N conj(C))) / sum(|C|^2). Noise does not depend on the picture, so it cancels in the numerator, and what
    is left of it is the error of H.

    Args:
        noisy: Height x width, 0 to 1.
        clean: The same shape.
        shift: Rows and columns by which the noisy picture lies farther.

    Returns:
        H of the band that deviates most from 1, drawn towards 1 by three standard errors; 1 where nothing is certain.
    """
    height, width = noisy.shape
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    spectra = [np.fft.rfft2((field - field.mean()) * window) for field in (noisy, clean)]
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    spectra[1] = spectra[1] * np.exp(-2j * np.pi * (rows * shift[0] + columns * shift[1]))
    frequency = np.hypot(rows, columns)
    certain = 1.0
    for lowest, highest in _BANDS:
        inside = (frequency >= lowest) & (frequency < highest)
        first, second = spectra[0][inside], spectra[1][inside]
        power = float((np.abs(second) ** 2).sum())
        if power == 0 or first.size < 8:
            continue
        transfer = float((first * second.conj()).real.sum()) / power
        rest = float((np.abs(first - transfer * second) ** 2).mean())
        error = _CERTAIN_DEVIATIONS * _WINDOW_ERROR_FACTOR * float(np.sqrt(rest / power))
        drawn = max(1.0, transfer - error) if transfer > 1 else min(1.0, transfer + error)
        if abs(np.log(max(drawn, 0.01))) > abs(np.log(certain)):
            certain = max(drawn, 0.01)
    return certain


def _psnr(difference: Pixels) -> float:
    """In dB, of two pictures that differ a little at least."""
    return -10 * float(np.log10(max(np.square(difference).mean(dtype=np.float64), _LEAST_ERROR)))


def _at_size_of(noisy: Pixels, clean: Pixels) -> Pixels:
    """Bring a larger reference to the noisy photo's size."""
    if noisy.shape[:2] == clean.shape[:2]:
        return clean
    scale = clean.shape[0] // max(1, noisy.shape[0])
    if scale < 2 or (clean.shape[0] // scale, clean.shape[1] // scale) != noisy.shape[:2]:
        raise ValueError(f"a reference of {clean.shape[:2]} does not fit a photo of {noisy.shape[:2]}")
    return shrink(clean, scale)


def _alike_channels(first: Pixels, second: Pixels) -> tuple[Pixels, Pixels]:
    if first.shape[2] == second.shape[2]:
        return first, second
    return first.mean(axis=2, keepdims=True), second.mean(axis=2, keepdims=True)


def _middle_of(field: NDArray[np.float32]) -> NDArray[np.float32]:
    top, left = (max(0, (side - _LOOKED_AT_SIDE_PX) // 2) for side in field.shape)
    return np.ascontiguousarray(field[top : top + _LOOKED_AT_SIDE_PX, left : left + _LOOKED_AT_SIDE_PX])
