"""Noisy sample photos for a first try, made from the free photographs that scikit-image brings along."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts.errors import EngineError, InvalidInputError
from engine.contracts.events import Emit, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.photo import Pixels
from engine.machine.atomic_files import write_bytes_atomically
from engine.machine.places import Place
from engine.photo_files.photos import PhotoImage, read_image, write_image
from engine.translatable import say

NOISY_FOLDER = "Sample photos"
"""What a person reads in the window's title and as the name of runs."""

_RECIPE_VERSION = 1
_MIN_SIDE_PX = 384
_LOWEST_SIGMA, _HIGHEST_SIGMA = 8 / 255, 40 / 255

_CC0 = "CC0 1.0 (public domain dedication)"
_PUBLIC_DOMAIN = "public domain"


@dataclass(frozen=True, kw_only=True)
class SamplePhotos:
    """The folders of the sample photos.

    Attributes:
        noisy: The noisy photos.
        clean: References of some of them, by the same file names.
        all_clean: References of all of them, to measure with.
        licences: A text that names each picture's author and licence.
    """

    noisy: Path
    clean: Path
    all_clean: Path
    licences: Path


@dataclass(frozen=True, kw_only=True)
class _Source:
    file_name: str
    title: str
    author: str
    licence: str
    found_at: str


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """One sample photo: a rectangle (top, left, height, width) of a source, or all of it."""

    name: str
    source: _Source
    crop: tuple[int, int, int, int] | None = None
    has_reference: bool = False


_ASTRONAUT = _Source(
    file_name="astronaut.png",
    title="Eileen Collins",
    author="NASA",
    licence=_PUBLIC_DOMAIN,
    found_at="NASA Great Images database, https://flic.kr/p/r9qvLn",
)
_CHELSEA = _Source(
    file_name="chelsea.png",
    title="Chelsea the cat",
    author="Stefan van der Walt",
    licence=_CC0,
    found_at="given to scikit-image by its author",
)
_COFFEE = _Source(
    file_name="coffee.png",
    title="Coffee cup, Pikolo Espresso Bar",
    author="Rachel Michetti",
    licence=_CC0,
    found_at="given to scikit-image by its author",
)
_ROCKET = _Source(
    file_name="rocket.jpg",
    title="Launch of DSCOVR on Falcon 9",
    author="SpaceX",
    licence=_PUBLIC_DOMAIN,
    found_at="https://www.flickr.com/photos/spacexphotos/16511594820",
)
_HUBBLE = _Source(
    file_name="hubble_deep_field.jpg",
    title="Hubble eXtreme Deep Field",
    author="NASA",
    licence=_PUBLIC_DOMAIN,
    found_at="http://hubblesite.org/newscenter/archive/releases/2012/37/image/a/",
)
_RETINA = _Source(
    file_name="retina.jpg",
    title="Fundus photograph of a normal left eye",
    author="Mikael Häggström",
    licence=_CC0,
    found_at="https://commons.wikimedia.org/wiki/File:Fundus_photograph_of_normal_left_eye.jpg",
)
_CAMERA = _Source(
    file_name="camera.png",
    title="Camera",
    author="Lav Varshney",
    licence=_CC0,
    found_at="given to scikit-image by its author",
)
_BRICK = _Source(
    file_name="brick.png",
    title="Brick wall",
    author="CC0Textures",
    licence=_CC0,
    found_at="https://cc0textures.com/view.php?tex=Bricks25",
)
_GRASS = _Source(
    file_name="grass.png",
    title="Grass",
    author="linolafett",
    licence=_CC0,
    found_at="https://www.deviantart.com/linolafett/art/Grass-01-434853879",
)
_GRAVEL = _Source(
    file_name="gravel.png",
    title="Gravel",
    author="CC0Textures",
    licence=_CC0,
    found_at="https://cc0textures.com/view.php?tex=Gravel04",
)

_RECIPES = (
    _Recipe(name="astronaut", source=_ASTRONAUT, has_reference=True),
    _Recipe(name="cat", source=_CHELSEA, has_reference=True),
    _Recipe(name="coffee", source=_COFFEE, has_reference=True),
    _Recipe(name="rocket", source=_ROCKET),
    _Recipe(name="galaxies 1", source=_HUBBLE, crop=(0, 0, 436, 500)),
    _Recipe(name="galaxies 2", source=_HUBBLE, crop=(436, 500, 436, 500)),
    _Recipe(name="retina 1", source=_RETINA, crop=(225, 225, 480, 480), has_reference=True),
    _Recipe(name="retina 2", source=_RETINA, crop=(225, 705, 480, 480)),
    _Recipe(name="retina 3", source=_RETINA, crop=(705, 465, 480, 480)),
    _Recipe(name="photographer", source=_CAMERA, has_reference=True),
    _Recipe(name="brick", source=_BRICK),
    _Recipe(name="grass", source=_GRASS),
    _Recipe(name="gravel", source=_GRAVEL),
)


def make_sample_photos(
    folder: Path, *, seed: int = 0, on_photo: Callable[[int, int], None] | None = None
) -> SamplePhotos:
    """Make the sample photos, unless they are there already.

    Each photo gets noise of its own: at brightness y its variance is a·y + b. The standard deviation at mid-gray, from
    8 to 40 of 255, and the share that depends on the signal differ from photo to photo.

    Args:
        folder: Made where it is missing.
        seed: The same seed gives the same photos.
        on_photo: Called after each photo with the number of photos done and of all.

    Returns:
        Their folders.

    Raises:
        InvalidInputError: scikit-image's pictures are missing, or the folder cannot be written.
    """
    samples = SamplePhotos(
        noisy=folder / NOISY_FOLDER,
        clean=folder / "clean",
        all_clean=folder / "all_clean",
        licences=folder / "LICENCES.txt",
    )
    licences = _describe_licences(seed)
    if _is_complete(samples, licences):
        return samples
    try:
        for subfolder in (samples.noisy, samples.clean, samples.all_clean):
            subfolder.mkdir(parents=True, exist_ok=True)
        # Evenly spread rather than drawn one by one: thirteen draws could all be alike.
        generator = np.random.default_rng(seed)
        sigmas = generator.permutation(np.geomspace(_LOWEST_SIGMA, _HIGHEST_SIGMA, len(_RECIPES)))
        for done, (recipe, sigma) in enumerate(zip(_RECIPES, sigmas, strict=True), start=1):
            clean = _cut(recipe)
            noisy = _add_noise(clean, float(sigma), np.random.default_rng([seed, done]))
            file_name = f"{recipe.name}.png"
            write_image(samples.all_clean / file_name, PhotoImage(clean))
            if recipe.has_reference:
                write_image(samples.clean / file_name, PhotoImage(clean))
            write_image(samples.noisy / file_name, PhotoImage(noisy))
            if on_photo is not None:
                on_photo(done, len(_RECIPES))
        # Written last: it stands for a whole set.
        write_bytes_atomically(samples.licences, licences.encode())
    except (OSError, EngineError) as error:
        reason = error.message if isinstance(error, EngineError) else error.strerror
        raise InvalidInputError(
            say("The sample photos could not be made in {folder}: {reason}", folder=folder, reason=reason),
            "Check that the folder can be written, or install the program again.",
        ) from error
    return samples


def _is_complete(samples: SamplePhotos, licences: str) -> bool:
    try:
        if samples.licences.read_text(encoding="utf-8") != licences:
            return False
    except (OSError, UnicodeDecodeError):
        return False
    return all(
        (samples.noisy / f"{recipe.name}.png").is_file()
        and (samples.all_clean / f"{recipe.name}.png").is_file()
        and (not recipe.has_reference or (samples.clean / f"{recipe.name}.png").is_file())
        for recipe in _RECIPES
    )


def _cut(recipe: _Recipe) -> Pixels:
    """Return the recipe's clean picture, enlarged to the least side where it is smaller."""
    import skimage

    pixels = read_image(Path(skimage.__file__).parent / "data" / recipe.source.file_name).pixels
    if recipe.crop is not None:
        top, left, height, width = recipe.crop
        pixels = pixels[top : top + height, left : left + width]
    scale = _MIN_SIDE_PX / min(pixels.shape[:2])
    if scale > 1:
        size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
        enlarged = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)
        pixels = enlarged.astype(np.float32).reshape(size[1], size[0], -1)
    return np.clip(pixels, 0, 1)


def _add_noise(clean: Pixels, sigma: float, generator: np.random.Generator) -> Pixels:
    """Add noise whose variance grows with the brightness and is sigma² at mid-gray."""
    signal_share = generator.uniform(0.3, 0.8)
    variance = sigma**2 * (signal_share * clean / 0.5 + 1 - signal_share)
    noise: NDArray[np.float64] = generator.standard_normal(clean.shape) * np.sqrt(variance)
    return np.clip(clean + noise, 0, 1).astype(np.float32)


def _describe_licences(seed: int) -> str:
    lines = [
        "Sample photos of Residua",
        "",
        "Made from pictures that come with scikit-image (https://scikit-image.org); its documentation names their",
        "authors and licences as given here. Each was cut or enlarged where the list says so, and noise was added.",
        "",
    ]
    for recipe in _RECIPES:
        source = recipe.source
        change = "whole"
        if recipe.crop is not None:
            top, left, height, width = recipe.crop
            change = say(
                "{width} x {height} pixels from ({left}, {top})", width=width, height=height, left=left, top=top
            )
        elif source is _CHELSEA:
            change = f"whole, enlarged to {_MIN_SIDE_PX} pixels in height"
        lines += [
            f"{recipe.name}.png",
            f"    Picture: {source.title} ({source.file_name}), {change}",
            f"    Author:  {source.author}",
            f"    Licence: {source.licence}",
            f"    Source:  {source.found_at}",
            "",
        ]
    lines.append(say("Recipe {recipe_version}, seed {seed}", recipe_version=_RECIPE_VERSION, seed=seed))
    return "\n".join(lines) + "\n"


def make_samples(control: JobControl, emit: Emit) -> SamplePhotos:
    """Make the sample photos, unless they are there already.

    Raises:
        JobCancelled: Asked to end.
        InvalidInputError: They cannot be made.
    """

    def report(done: int, num_photos: int) -> None:
        control.wait_if_paused()
        emit(StepDone(stage="Making sample photos", step=done, num_steps=num_photos))

    return make_sample_photos(Place.SAMPLE_PHOTOS.path(), on_photo=report)
