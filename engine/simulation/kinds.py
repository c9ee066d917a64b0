"""Every kind of noise that the starters learn from, one row a kind.

A new kind is a function from a clean picture, chance and the parameters to the noisy picture and its target, and a row
of `KINDS`. Both have the clean picture's shape; what they are is a function of the generator alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from engine.simulation.banding import add_bands, draw_banding
from engine.simulation.camera import compress, draw_camera, take_photo
from engine.simulation.drawings import draw_graphic
from engine.simulation.film import add_grain, draw_film
from engine.simulation.low_light import photograph_specimen
from engine.simulation.parameters import CameraRanges, PairParams
from engine.simulation.pictures import Picture, gray, rounded
from engine.simulation.resaving import draw_resaving, resave
from engine.simulation.sky import draw_sky, photograph_sky

Pair = tuple[Picture, Picture]
"""A noisy picture and what restoring it should give."""

MakePair = Callable[[Picture, np.random.Generator, PairParams], Pair]

_HIGHEST_FAINT_SIGMA = 1.5


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of noise.

    Attributes:
        share: How often it is drawn, in relation to the others.
        make: Makes a pair.
        may_be_gray: Whether the parameters' share of its pictures is gray.
    """

    share: float
    make: MakePair
    may_be_gray: bool = False

    def make_pair(self, clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
        """Make a pair, gray now and then. Shape of all: (height, width, 3), 0 to 1."""
        if not (self.may_be_gray and generator.random() < params.gray_share):
            return self.make(clean, generator, params)
        noisy, target = self.make(gray(clean), generator, params)
        return gray(noisy), gray(target)


def _plain(clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
    """White Gaussian noise, mostly as test sets have it: clipped and rounded to 8 bits."""
    return _add_plain_noise(clean, generator, params, num_channels=3), clean


def _plain_gray(clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
    """The same in gray pictures."""
    clean = gray(clean)
    return _add_plain_noise(clean, generator, params, num_channels=1), clean


def _camera(clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
    """Cameras, over the whole range of their sensitivity."""
    return _photo(clean, generator, params, params.camera)


def _night(clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
    """Photos that are nearly black."""
    return _photo(clean, generator, params, params.night)


def _phone(clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
    """Phones: strong noise, strongly reduced, and sharpened."""
    return _photo(clean, generator, params, params.phone)


def _resaved(clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
    """Photos of cameras and phones that were reduced, sharpened and compressed again."""
    resaving = draw_resaving(generator)
    ranges = params.phone if generator.random() < 0.4 else params.camera
    height, width = clean.shape[:2]
    large = round(height * resaving.reduction), round(width * resaving.reduction)
    noisy, target = _photo(clean, generator, params, ranges, size=large)
    return resave(noisy, resaving, (height, width)), resave(target, resaving, (height, width), is_target=True)


def _film(clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
    """Scans of film; of black-and-white film they are gray."""
    film = draw_film(generator)
    if film.is_one_layer and generator.random() < 0.5:
        clean = gray(clean)
    quality = int(generator.integers(75, 100)) if generator.random() < 0.4 else 0
    return compress(np.clip(add_grain(clean, film, generator), 0, 1), quality), clean


def _low_light(clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
    """Fluorescence and other light of few photons."""
    return photograph_specimen(clean, generator)


def _sky(clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
    """Linear, near-black pictures of the night sky."""
    return photograph_sky(clean, draw_sky(generator), generator)


def _banding(clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
    """Rows and columns with offsets."""
    noisy = add_bands(clean, draw_banding(generator), generator)
    return rounded(noisy, 8 if generator.random() < params.rounded_share else 16), clean


def _clean(clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
    """No noise: what is clean must stay as it is."""
    return clean, clean


def _faint(clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
    """Nearly no noise: up to one and a half levels of 255, and rounding."""
    sigma = np.float32(generator.uniform(0, _HIGHEST_FAINT_SIGMA) / 255)
    return rounded(clean + sigma * generator.standard_normal(clean.shape, np.float32), 8), clean


def _drawing(clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
    """Text, line art and graphics without noise."""
    drawing = draw_graphic(clean.shape[0], clean.shape[1], generator)
    return drawing, drawing


def _noisy_drawing(clean: Picture, generator: np.random.Generator, params: PairParams) -> Pair:
    """The same with plain noise or compressed, so that not every hard edge stands for a clean picture."""
    drawing = draw_graphic(clean.shape[0], clean.shape[1], generator)
    if generator.random() < 0.5:
        return compress(drawing, int(generator.integers(60, 96)), has_fine_chroma=generator.random() < 0.5), drawing
    return _add_plain_noise(drawing, generator, params, num_channels=3), drawing


KINDS: Final[Mapping[str, Kind]] = {
    "plain": Kind(share=0.26, make=_plain),
    "plain gray": Kind(share=0.11, make=_plain_gray),
    "camera": Kind(share=0.22, make=_camera, may_be_gray=True),
    "night": Kind(share=0.03, make=_night, may_be_gray=True),
    "phone": Kind(share=0.07, make=_phone, may_be_gray=True),
    "resaved": Kind(share=0.06, make=_resaved, may_be_gray=True),
    "film": Kind(share=0.04, make=_film),
    "low light": Kind(share=0.06, make=_low_light),
    "sky": Kind(share=0.05, make=_sky, may_be_gray=True),
    "banding": Kind(share=0.02, make=_banding, may_be_gray=True),
    "clean": Kind(share=0.03, make=_clean, may_be_gray=True),
    "faint": Kind(share=0.02, make=_faint),
    "drawing": Kind(share=0.02, make=_drawing),
    "noisy drawing": Kind(share=0.01, make=_noisy_drawing),
}
"""All kinds, by name."""


def _add_plain_noise(
    clean: Picture, generator: np.random.Generator, params: PairParams, *, num_channels: int
) -> Picture:
    sigma = np.float32(generator.uniform(0, params.highest_sigma) / 255)
    noisy: Picture = clean + sigma * generator.standard_normal((*clean.shape[:2], num_channels), np.float32)
    return rounded(noisy, 8) if generator.random() < params.rounded_share else noisy


def _photo(
    clean: Picture,
    generator: np.random.Generator,
    params: PairParams,
    ranges: CameraRanges,
    *,
    size: tuple[int, int] | None = None,
) -> Pair:
    """Take a photo, of a part of the picture now and then, which fills it; `size` is that of the photo."""
    zoom = float(generator.uniform(1, params.largest_zoom)) if generator.random() < params.enlarged_share else 1.0
    scene = _enlarge_part(clean, zoom, size or clean.shape[:2], generator)
    return take_photo(scene, draw_camera(generator, ranges), generator)


def _enlarge_part(picture: Picture, zoom: float, size: tuple[int, int], generator: np.random.Generator) -> Picture:
    """Enlarge a random part of a picture to a size."""
    height, width = picture.shape[:2]
    rows, columns = min(max(round(height / zoom), 2), height), min(max(round(width / zoom), 2), width)
    if (rows, columns) == size:
        return picture
    top = int(generator.integers(height - rows + 1))
    left = int(generator.integers(width - columns + 1))
    part = picture[top : top + rows, left : left + columns]
    return np.clip(cv2.resize(part, size[::-1], interpolation=cv2.INTER_CUBIC), 0, 1)
