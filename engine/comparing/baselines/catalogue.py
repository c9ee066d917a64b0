"""The classical methods by name, with one way to use them. Imports neither torch nor OpenCV before one restores."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.comparing.baselines import denoisers
from engine.comparing.baselines.interpolation import interpolate_bilinear, interpolate_malvar
from engine.contracts.errors import InvalidInputError
from engine.contracts.photo import Pixels
from engine.method.catalogue.rows import Table
from engine.photos.noise_estimate import MIN_SIDE_PX, estimate_noise
from engine.translatable import say

Denoise = Callable[[Pixels, float], Pixels]
"""From a photo and the standard deviation of its noise to a photo of the same shape."""

Interpolate = Callable[[Pixels], Pixels]
"""From a mosaic with red top left to a photo."""


@dataclass(frozen=True, kw_only=True)
class BaselineEntry:
    """One classical method.

    Attributes:
        title: What a person reads.
        description: What it does, one sentence.
        denoise: How it removes noise; None: not at all.
        interpolate: How it fills in a mosaic; None: it takes none.
        takes_photos: Whether it does anything for a photo that is not a mosaic.
        package: What has to be installed for it by hand, if anything.
    """

    title: str
    description: str
    denoise: Denoise | None = None
    interpolate: Interpolate | None = interpolate_malvar
    takes_photos: bool = True
    package: str = ""

    @property
    def is_installed(self) -> bool:
        """Whether it can be used here."""
        return not self.package or importlib.util.find_spec(self.package) is not None


BASELINES: Table[BaselineEntry] = Table(
    "classical method",
    {
        "bicubic": BaselineEntry(
            title="Bicubic",
            description="Enlarges with a smooth curve; of a photo that keeps its size it is the input.",
            interpolate=None,
        ),
        "bilinear": BaselineEntry(
            title="Bilinear demosaicking",
            description="Fills each colour in with the mean of its neighbours.",
            interpolate=interpolate_bilinear,
            takes_photos=False,
        ),
        "malvar": BaselineEntry(
            title="Malvar demosaicking",
            description="Fills each colour in with its neighbours and the detail of the other colours.",
            takes_photos=False,
        ),
        "non-local-means": BaselineEntry(
            title="Non-local means",
            description="Averages alike patches (OpenCV).",
            denoise=denoisers.non_local_means,
        ),
        "wavelet": BaselineEntry(
            title="Wavelet",
            description="Shrinks small wavelet coefficients: BayesShrink (scikit-image).",
            denoise=denoisers.wavelet,
        ),
        "total-variation": BaselineEntry(
            title="Total variation",
            description="Evens out what is not an edge: Chambolle's method (scikit-image).",
            denoise=denoisers.total_variation,
        ),
        "bm3d": BaselineEntry(
            title="BM3D",
            description="Filters stacks of alike patches together. A package of its own, for non-commercial use alone.",
            denoise=denoisers.bm3d,
            package="bm3d",
        ),
    },
)
"""What needs no training. A mosaic is interpolated first, noise is removed at the recorded size, and enlarging comes
last."""


class Baseline:
    """A classical method made ready for a task. It estimates the noise of each photo by itself."""

    def __init__(self, entry: BaselineEntry, *, scale: int = 1, takes_mosaics: bool = False) -> None:
        """Make it ready.

        Args:
            entry: The method.
            scale: How many output pixels an input pixel becomes to a side.
            takes_mosaics: Whether the task is to fill in a mosaic.

        Raises:
            InvalidInputError: The method is not for this task, or is not installed.
        """
        if not entry.is_installed:
            raise InvalidInputError(
                say("{title} is not installed: its licence allows non-commercial use alone.", title=entry.title),
                say(
                    "Where that suits you, install the package {package} with pip; or choose another method.",
                    package=entry.package,
                ),
            )
        if takes_mosaics and entry.interpolate is None:
            raise InvalidInputError(
                say("{title} does not work on a colour filter mosaic.", title=entry.title),
                "Choose another method: malvar, for one.",
            )
        if not takes_mosaics and not entry.takes_photos:
            raise InvalidInputError(
                say("{title} works on a colour filter mosaic alone.", title=entry.title),
                "Choose the task demosaick, or another method.",
            )
        self._entry = entry
        self._scale = scale
        self._takes_mosaics = takes_mosaics

    def restore(self, pixels: Pixels, *, channels_are_gray: bool = False) -> Pixels:
        """Restore one photo.

        Args:
            pixels: Shape: (height, width, 1 or 3), 0 to 1. Where the task takes mosaics, one with red top left (1), or
                the photo (3) of which a camera's colour filters let a part through.
            channels_are_gray: Whether each of three channels is a picture of its own.

        Returns:
            The restored photo, 0 to 1, read-only. Shape: (scale * height, scale * width, channels), of a mosaic 3.

        Raises:
            InvalidInputError: The photo is too small for its noise to be estimated.
        """
        if pixels.shape[2] > 1 and channels_are_gray:
            parts = [self.restore(pixels[:, :, index : index + 1]) for index in range(pixels.shape[2])]
            apart: Pixels = np.concatenate(parts, axis=2)
            apart.setflags(write=False)
            return apart
        restored = pixels
        if self._takes_mosaics:
            from engine.photo_files.raw.demosaicking import bayer_mosaic

            assert self._entry.interpolate is not None
            restored = self._entry.interpolate(pixels if pixels.shape[2] == 1 else bayer_mosaic(pixels))
        if self._entry.denoise is not None:
            sigma = _estimated_sigma(restored)
            restored = self._entry.denoise(restored, sigma) if sigma > 0 else restored
        if self._scale > 1:
            from engine.photo_files.bicubic_resize import enlarge

            restored = enlarge(restored, self._scale)
        clipped: Pixels = np.clip(restored, 0.0, 1.0)
        clipped.setflags(write=False)
        return clipped


def _estimated_sigma(pixels: Pixels) -> float:
    """Estimate the noise.

    Raises:
        InvalidInputError: The photo is too small.
    """
    if min(pixels.shape[:2]) < MIN_SIDE_PX:
        raise InvalidInputError(
            say(
                "A photo of {width} x {height} pixels is too small for its noise to be estimated.",
                width=pixels.shape[1],
                height=pixels.shape[0],
            ),
            say("Choose photos with at least {min_side_px} pixels a side.", min_side_px=MIN_SIDE_PX),
        )
    return estimate_noise(pixels).sigma
