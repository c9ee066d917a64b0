"""Measures what is kept of photos in every format: `docs/promises.md` has the table, made of `what_is_kept.json`.

The pictures of a format are a product of all that such a file can be; of it, all pairs are restored, and all of what
concerns the pixels: every depth with every kind of channels and colours into every format.
"""

import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.contracts.configs import RestoreConfig
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.contracts.results import PhotoOutcome
from engine.machine.atomic_files import write_bytes_atomically
from engine.method.catalogue.backbones import UNetParams
from engine.models.files import ModelCard, build_network, save_model
from engine.restoring.job import restore
from tests import colour_makers as colours
from tests.picture_makers import (
    DOTS_PER_INCH,
    FACTS,
    NOTE,
    PNG_COLOURS,
    TEXT,
    TIFF_KINDS,
    TIFF_LAYOUTS,
    Picture,
    make_picture,
    profile_of,
    stored_levels,
)
from tests.trust.written_pictures import WrittenPicture, read_written

DATA: Final = Path(__file__).with_suffix(".json")
PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "promises.md"
BEGIN, END = "<!-- what is kept: begin -->", "<!-- what is kept: end -->"
COMMAND: Final = ".venv/bin/python -m tests.trust.what_is_kept"

KEPT: Final = "format kept"
OUTPUTS: Final[dict[str, dict[str, Any]]] = {
    KEPT: {},
    "PNG": {"format": "png"},
    "TIFF": {"format": "tiff", "bit_depth": "16"},
    "JPEG": {"format": "jpeg"},
    "WebP": {"format": "webp"},
    "BMP": {"format": "bmp"},
}
"""What is asked for."""

WHOLE_STACKS: Final = (KEPT, "TIFF")
"""Where all pages of a file become one; elsewhere each becomes a file of its own."""

PLAIN: Final = "no word on colours"
FILE, ORIENTATION, PAGES = "the file", "orientation", "pages"
_RGB_PROFILES: Final = ("sRGB", "Display P3", "Adobe RGB")
_IN_EXIF: Final = ("EXIF", "GPS", "maker's note")
Outcomes = dict[str, dict[str, str]]
"""By trait of the picture and by what is asked for: what becomes of the trait."""


@dataclass(frozen=True)
class Case:
    """A picture, and what is asked for."""

    picture: Picture
    output: str

    @property
    def page(self) -> int:
        """Which page of its result the picture is: that of the stack that it is of, where the result is one."""
        return int(self.picture.page[0]) if self.is_stack else 1

    @property
    def is_stack(self) -> bool:
        """Whether all pages of the picture's file are restored into one."""
        return self.picture.page != "alone" and self.output in WHOLE_STACKS

    def value(self, axis: str) -> Any:
        """What it has on an axis of its format."""
        return self.output if axis == "output" else getattr(self.picture, axis)

    def __str__(self) -> str:
        parts = [str(getattr(self.picture, field.name)) for field in fields(Picture)]
        return f"{', '.join(part for part in parts if part)} -> {self.output}"


def _axes(
    depths: Sequence[str],
    channels: Sequence[str],
    colours_of_it: Sequence[str],
    kinds: Sequence[str],
    layouts: Sequence[str] = ("",),
    orientations: Sequence[int] = range(1, 9),
    pages: Sequence[str] = ("alone",),
) -> dict[str, Sequence[Any]]:
    return {
        "depth": depths,
        "channels": channels,
        "colours": (PLAIN, *colours_of_it),
        "orientation": orientations,
        "described": ("all", "nothing", *kinds),
        "layout": layouts,
        "page": pages,
        "output": tuple(OUTPUTS),
    }


FORMATS: Final = {
    "JPEG": _axes(
        ("8 bits",),
        ("gray", "RGB", "CMYK"),
        (*_RGB_PROFILES, "gray profile", "CMYK profile", "Adobe RGB in EXIF alone"),
        (*_IN_EXIF, "XMP", "IPTC", "comment", "resolution"),
        ("baseline", "progressive"),
    ),
    "PNG": _axes(
        ("1 bit", "8 bits", "16 bits"),
        (
            *("gray", "gray with transparency", "RGB", "RGB with transparency"),
            *("palette", "palette with transparency"),
        ),
        (*_RGB_PROFILES, "gray profile", *PNG_COLOURS),
        (*_IN_EXIF, "XMP", "IPTC", "PNG text", "comment", "resolution"),
        ("EXIF as it should be", "EXIF as text"),
    ),
    "TIFF": _axes(
        ("1 bit", "8 bits", "16 bits", "floating point"),
        (
            *("gray", "gray of which 0 is white", "gray with transparency", "RGB", "RGB with transparency"),
            *("RGB with premultiplied transparency", "palette", "CMYK"),
            *("infrared channel", "two stains of a microscope", "four stains of a microscope"),
        ),
        (*_RGB_PROFILES, "gray profile", "CMYK profile"),
        (*_IN_EXIF, "XMP", "IPTC", "resolution"),
        tuple(layout + kind for layout in TIFF_LAYOUTS for kind in TIFF_KINDS),
        pages=("alone", "1 of 3", "2 of 3", "3 of 3"),
    ),
    "WebP": _axes(
        ("8 bits",),
        ("RGB", "RGB with transparency"),
        _RGB_PROFILES,
        (*_IN_EXIF, "XMP", "resolution"),
        ("lossless", "lossy"),
    ),
    "BMP": _axes(
        ("1 bit", "8 bits"),
        ("gray", "RGB", "RGB with transparency", "palette"),
        ("profile in the header", "gamma in the header"),
        ("resolution",),
        orientations=(1,),
    ),
    "AVIF": _axes(
        ("8 bits", "10 bits", "12 bits"),
        ("RGB", "RGB with transparency"),
        ("Display P3", "nclx of sRGB", "nclx of Display P3"),
        (*_IN_EXIF, "XMP", "resolution"),
    ),
    "HEIC": _axes(
        ("8 bits", "10 bits"),
        ("RGB",),
        ("Display P3", "nclx of sRGB", "nclx of Display P3"),
        (*_IN_EXIF, "XMP", "resolution"),
    ),
    "DNG": _axes(
        ("16 bits",),
        ("mosaic", "RGB"),
        (),
        (*_IN_EXIF, "XMP", "IPTC", "resolution"),
    ),
}


_PIXELS: Final = ("depth", "channels", "colours")


def _exists(file_format: str, depth: str, channels: str, words: str) -> bool:
    """Tell whether a format has such pixels."""
    is_plain = words == PLAIN
    if words in ("gray profile", "gAMA of gray"):
        is_right = channels.startswith("gray")
    elif words == "CMYK profile":
        is_right = channels == "CMYK"
    else:
        is_right = is_plain or not (channels.startswith("gray") or channels == "CMYK" or "stains" in channels)
    if depth == "1 bit":
        return channels == "gray" and is_plain
    if "palette" in channels:
        return is_right and depth == "8 bits"
    if file_format == "BMP":
        return is_plain or (channels == "RGB" and depth == "8 bits")
    if file_format == "AVIF" and "transparency" in channels:
        return depth == "8 bits" and not words.startswith("nclx")
    return is_right and not (channels == "CMYK" and depth == "floating point")


def _is_written(picture: Picture) -> bool:
    """Tell whether a picture can be laid out so; tifffile has no compressed bits and no predictor of floats."""
    if picture.file_format != "TIFF":
        return True
    if picture.depth == "1 bit":
        return picture.layout.startswith(("strips", "PackBits"))
    return picture.depth != "floating point" or "predictor" not in picture.layout


def cases_of(file_format: str) -> list[Case]:
    """Return what is restored of a format: all pairs, and all combinations of depth, channels, colours and output."""
    axes = FORMATS[file_format]
    pixels = [
        values for values in itertools.product(*(axes[name] for name in _PIXELS)) if _exists(file_format, *values)
    ]
    others = [name for name in axes if name not in _PIXELS]
    generator = random.Random(0)
    # Each combination of pixels into each format, then what lacks of the pairs. Where the format is kept, it is one of
    # the others.
    outputs = [output for output in OUTPUTS if output != KEPT or file_format not in OUTPUTS]
    missing: dict[tuple[Any, ...], None] = dict.fromkeys(
        ((*_PIXELS, "output"), *values, output) for values in pixels for output in outputs
    )
    groups = [*itertools.combinations(axes, 2), (*_PIXELS, "output")]
    for group in groups[:-1]:
        missing |= dict.fromkeys((group, *values) for values in itertools.product(*(axes[name] for name in group)))
    cases: list[Case] = []
    while missing:
        group, *values = next(iter(missing))
        fixed = dict(zip(group, values, strict=True))
        fitting = [
            candidate
            for candidate in pixels
            if all(fixed.get(name, value) == value for name, value in zip(_PIXELS, candidate, strict=True))
        ]
        drawn = []
        for _ in range(8 if fitting else 0):
            choice = dict(zip(_PIXELS, generator.choice(fitting), strict=True))
            choice |= {name: fixed[name] if name in fixed else generator.choice(axes[name]) for name in others}
            output = choice.pop("output")
            case = Case(Picture(file_format=file_format, **choice), output)
            if _is_written(case.picture):
                covered = {(group, *(case.value(name) for name in group)) for group in groups} & missing.keys()
                drawn.append((len(covered), len(drawn), case, covered))
        if not drawn:
            # There is no such pair.
            del missing[(group, *values)]
            continue
        _, _, case, covered = max(drawn)
        cases.append(case)
        for part in covered:
            del missing[part]
    return cases


# --- what is right ----------------------------------------------------------------------------------------------------

_TURNS: Final[dict[int, Callable[[NDArray[Any]], NDArray[Any]]]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}
_MEANINGS: Final[dict[str, Callable[[NDArray[Any]], NDArray[Any]]]] = {
    "gAMA": lambda v: colours.of_power(v, 1.8, colours.SRGB_PRIMARIES),
    "gAMA of gray": lambda v: colours.encode_srgb(v**1.8),
    "gAMA and cHRM": lambda v: colours.of_power(v, 2.2, colours.ADOBE_PRIMARIES),
    "cHRM alone": colours.of_p3,
    "cICP": colours.of_p3,
    "cICP before iCCP": colours.of_p3,
    "unknown cICP before gAMA": lambda v: colours.of_power(v, 1.8, colours.SRGB_PRIMARIES),
    "iCCP before gAMA": lambda v: colours.of_power(v, 1.8, colours.SRGB_PRIMARIES),
    "BT.709": lambda v: colours.encode_srgb(np.where(v < 0.081, v / 4.5, ((v + 0.099) / 1.099) ** (1 / 0.45))),
    "nclx of Display P3": colours.of_p3,
    "Adobe RGB in EXIF alone": lambda v: colours.of_power(v, 2.19921875, colours.ADOBE_PRIMARIES),
    "gamma in the header": lambda v: colours.of_power(v, 1.8, colours.SRGB_PRIMARIES),
}
_LOSSY: Final = ("JPEG", "AVIF", "HEIC")


def _as_bytes(levels: NDArray[Any]) -> NDArray[np.uint8]:
    return np.round(levels * 255).astype(np.uint8)


def _num_colours(picture: Picture) -> int:
    if picture.channels == "CMYK":
        return 4
    return 1 if picture.channels.startswith(("gray", "two stains")) else 3


def _meant(picture: Picture, upright: NDArray[Any]) -> NDArray[Any]:
    """What a viewer should show: height x width x 3, sRGB."""
    stored = upright[:, :, : _num_colours(picture)]
    if picture.colours in _MEANINGS:
        meant = _MEANINGS[picture.colours](stored)
        return np.broadcast_to(meant, (*meant.shape[:2], 3))
    return colours.shown(_as_bytes(stored), profile_of(picture))


class LostError(AssertionError):
    """Something of a picture is not what it should be, and nobody was told."""


def judge(case: Case, outcome: PhotoOutcome) -> Iterator[tuple[str, str]]:
    """Yield each trait of a picture and what has become of it.

    Raises:
        LostError: It is lost silently, or wrong.
    """
    picture, told = case.picture, " ".join(outcome.remarks)
    if outcome.state == "failed":
        word = {"transparency": "transparency", "infrared": "further channel", "stains": "further channel"}
        refused = next((word[part] for part in word if part in picture.channels), None)
        if refused is None or refused not in outcome.reason or not outcome.hint:
            raise LostError(f"{case}: {outcome.reason} {outcome.hint}")
        yield picture.channels, "refused"
        return
    assert outcome.output is not None
    written = read_written(outcome.output, case.page)
    yield from _judge_pixels(case, written)
    if case.output == KEPT:
        yield (
            FILE,
            {".jpg": "JPEG", ".tif": "TIFF", ".webp": "WebP"}.get(
                outcome.output.suffix, outcome.output.suffix[1:].upper()
            ),
        )
    lost = []
    for kind, is_there in _kinds_in(case, written).items():
        if kind not in FORMATS[picture.file_format]["described"] or not picture.says(kind):
            continue
        word = {"GPS": "EXIF", "maker's note": "EXIF", "PNG text": "texts", "comment": "texts"}.get(kind, kind)
        if not is_there and word not in told:
            lost.append(kind)
        yield kind, "kept" if is_there else "told"
    if lost:
        raise LostError(f"{case}: {', '.join(lost)} lost; told: {told!r}")
    # A raw file says at least which camera took it.
    is_looked_up = picture.file_format == "TIFF" and picture.channels.startswith("palette")
    if is_looked_up and "palette" not in told:
        raise LostError(f"{case}: its palette is lost; told: {told!r}")
    if told and picture.described == "nothing" and picture.file_format != "DNG" and not is_looked_up:
        raise LostError(f"{case}: nothing was there to be lost, yet it says {told!r}")


def _kinds_in(case: Case, written: WrittenPicture) -> dict[str, bool]:
    dots = DOTS_PER_INCH if case.picture.orientation < 5 else DOTS_PER_INCH[::-1]
    found = written.dots_per_inch
    return {
        "EXIF": (
            (written.exif.get(0x010F), written.exif.get(0x0110)) == (FACTS["make"], FACTS["model"])
            and (written.details.get(0x9003), written.details.get(0x8827)) == (FACTS["taken"], FACTS["iso"])
        ),
        "GPS": written.place.get(1) == "N" and tuple(map(float, written.place.get(2, ()))) == (52, 31, 12),
        "maker's note": written.details.get(0x927C) == NOTE,
        "XMP": 'xmp:Rating="4"' in written.xmp and 'tiff:Orientation="1"' in written.xmp,
        "IPTC": written.keyword == "harbour",
        "PNG text": written.title == TEXT,
        "comment": written.comment == TEXT,
        "resolution": found is not None and np.allclose(found, dots, atol=0.6),
    }


def _judge_pixels(case: Case, written: WrittenPicture) -> Iterator[tuple[str, str]]:
    picture = case.picture
    upright = _TURNS[picture.orientation](stored_levels(picture))
    if written.samples.shape[:2] != upright.shape[:2] or written.exif.get(0x0112, 1) != 1:
        raise LostError(f"{case}: {written.samples.shape} of orientation {written.exif.get(0x0112, 1)}")
    if written.num_pages != (3 if case.is_stack else 1):
        raise LostError(f"{case}: {written.num_pages} pages")
    num_colours = 1 if written.channels.startswith("gray") else 3
    found = written.samples / written.top
    further, found_further = upright[:, :, _num_colours(picture) :], found[:, :, num_colours:]
    profile = profile_of(picture)
    is_same = written.profile == profile and picture.channels != "CMYK" and picture.colours not in _MEANINGS
    is_lossy = picture.file_format in _LOSSY or picture.layout == "lossy" or _is_lossy(case, written)
    if is_same and num_colours == _num_colours(picture) and not is_lossy and picture.file_format != "DNG":
        exact = upright[:, :, :num_colours] * written.top
        is_float = picture.depth == "floating point"
        slack = 1e-6 if written.top == 1 else float(is_float)
        exact = exact if written.top == 1 else np.round(exact)
        if "premultiplied" in picture.channels:
            # A rounded product is divided by a quarter at least.
            slack = 3 * written.top / 255 if is_float or picture.depth != f"{written.bits} bits" else 3
        if np.abs(exact - written.samples[:, :, :num_colours]).max() > slack:
            raise LostError(f"{case}: other values")
    meant = _meant(picture, upright)
    seen = colours.shown(_as_bytes(found[:, :, :num_colours]), written.profile)
    inside = np.s_[2:-2, 2:-2] if picture.channels == "mosaic" else np.s_[:, :]
    error = np.abs(meant - seen)[inside] * 255
    is_rounded = is_lossy or "premultiplied" in picture.channels
    if error.mean() > (2.0 if is_lossy else 1.0) or error.max() > (24 if is_rounded else 2.5):
        raise LostError(f"{case}: other colours, by {error.mean():.2f} on average, {error.max():.1f} at most")
    if further.shape[2] and (
        found_further.shape != further.shape or np.abs(further - found_further).max() > 0.51 / 255
    ):
        raise LostError(f"{case}: {picture.channels} became {written.channels}, or other values")
    yield picture.depth, _depth_of(picture, written)
    yield picture.channels, _channels_of(picture, written)
    if picture.colours == PLAIN and written.profile is not None:
        raise LostError(f"{case}: a profile out of nowhere")
    if picture.colours != PLAIN:
        yield picture.colours, _colours_of(picture, written)
    if picture.orientation != 1:
        yield ORIENTATION, "turned upright"
    if picture.page != "alone":
        yield PAGES, "one file" if case.is_stack else "one file each"


def _is_lossy(case: Case, written: WrittenPicture) -> bool:
    if case.output == "WebP":
        return (case.picture.file_format, case.picture.layout) != ("WebP", "lossless")
    return case.output == "JPEG"


def _depth_of(picture: Picture, written: WrittenPicture) -> str:
    if picture.depth == "floating point":
        return "kept" if written.top == 1 else f"{written.bits} bits"
    if int(picture.depth.split()[0]) > written.bits:
        return f"{written.bits} bits"
    return "kept"


def _channels_of(picture: Picture, written: WrittenPicture) -> str:
    became = {
        "palette": ("RGB", "as RGB"),
        "palette with transparency": ("RGB with transparency", "as RGB"),
        "RGB with premultiplied transparency": ("RGB with transparency", "not premultiplied"),
        "infrared channel": ("RGB with a further channel", "kept"),
        "four stains of a microscope": ("several gray channels", "kept"),
        "gray of which 0 is white": ("gray", "0 is black"),
        "two stains of a microscope": ("gray with a further channel", "kept"),
        "CMYK": ("RGB", "converted to sRGB"),
        "mosaic": ("RGB", "developed"),
    }
    channels, outcome = became.get(picture.channels, (picture.channels, "kept"))
    if written.channels == channels:
        return outcome
    if written.channels == channels.replace("gray", "RGB"):
        return "as RGB"
    raise LostError(f"{picture}: became {written.channels}")


def _colours_of(picture: Picture, written: WrittenPicture) -> str:
    if written.profile is None:
        return "kept" if "sRGB" in picture.colours else "converted to sRGB"
    return "kept" if written.profile == profile_of(picture) else "as an ICC profile"


# --- the table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was found of a format.

    Attributes:
        outcomes: What becomes of each trait.
        kept: Of each result, which kinds of metadata are in it.
    """

    outcomes: Outcomes
    kept: dict[Path, frozenset[str]]


def make_model(folder: Path) -> Path:
    """Write a network that changes nothing: what comes out must be what went in."""
    card = ModelCard(name="identity", backbone_params=UNetParams(width=4, num_levels=1).model_dump())
    path = folder / "identity.safetensors"
    save_model(path, build_network(card).state_dict(), card)
    return path


def restored(model: Path, photos: Sequence[PhotoRef], out: Path, output: str) -> Sequence[PhotoOutcome]:
    """Restore photos into what is asked for."""
    config = RestoreConfig(
        model=model,
        photos=tuple(photos),
        out=out,
        device="cpu",
        precision="32-true",
        backend="torch",
        # Numbers are compared.
        raw_look="neutral",
        **OUTPUTS[output],
    )
    return restore(config, JobControl(), lambda _: None).outcomes


def measure(file_format: str, folder: Path) -> Measured:
    """Restore the pictures of a format and see what has become of each trait.

    Raises:
        LostError: Of some picture something is lost silently or wrong; all such cases are named.
    """
    model = make_model(folder)
    by_output: dict[str, dict[PhotoRef, Case]] = {}
    for number, case in enumerate(cases_of(file_format)):
        photo = make_picture(folder, f"{number}", case.picture)
        by_output.setdefault(case.output, {})[PhotoRef(photo.file) if case.is_stack else photo] = case
    found: dict[str, dict[str, set[str]]] = {}
    kept: dict[Path, frozenset[str]] = {}
    lost: list[str] = []
    for output, cases in by_output.items():
        for outcome in restored(model, tuple(cases), folder / output, output):
            try:
                became = dict(judge(cases[outcome.source], outcome))
            except LostError as error:
                lost.append(str(error))
                continue
            for trait, what in became.items():
                found.setdefault(trait, {}).setdefault(output, set()).add(what)
            # Of a stack exiftool tells the first page.
            if outcome.output is not None and cases[outcome.source].page == 1:
                kept[outcome.output] = frozenset(trait for trait, what in became.items() if what == "kept")
    if lost:
        raise LostError(f"{len(lost)} of {sum(map(len, by_output.values()))} pictures:\n" + "\n".join(lost))
    traits = [FILE, *(trait for name in _PIXELS for trait in FORMATS[file_format][name])]
    traits += [ORIENTATION, *FORMATS[file_format]["described"], PAGES]
    outcomes = {
        trait: {output: " or ".join(sorted(found[trait][output])) for output in OUTPUTS if output in found[trait]}
        for trait in traits
        if trait in found
    }
    return Measured(outcomes=outcomes, kept=kept)


_INTRODUCTION: Final = f"""Pictures of every format that can be read, with all that a file can say of them, are restored
into every format that can be written, by a network that changes nothing; other programs (tifffile, OpenCV, Pillow with
LittleCMS, exiftool) compare what comes out with what went in. Whatever is neither kept nor converted has to be told in
the photo's line, or the photo is refused with a sentence. `tests/trust/test_what_is_kept.py` fails where the tables are
not what it finds; `{COMMAND}` writes them anew."""


def as_markdown(data: Mapping[str, Outcomes]) -> str:
    """Return what the page says: a table of each format that is read, with a column of each that is written."""
    parts = [_INTRODUCTION]
    for file_format, outcomes in data.items():
        rows: dict[tuple[str, ...], list[str]] = {}
        for trait, became in outcomes.items():
            if trait == FILE:
                continue
            rows.setdefault(tuple(became.get(output, "") for output in OUTPUTS), []).append(trait)
        head = [file_format, f"{KEPT}: {outcomes[FILE][KEPT]}", *list(OUTPUTS)[1:]]
        lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
        lines += [f"| {', '.join(traits)} | {' | '.join(row)} |" for row, traits in rows.items()]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def read_data() -> dict[str, Outcomes]:
    """Return the stored table."""
    data: dict[str, Outcomes] = json.loads(DATA.read_text(encoding="utf-8"))
    return data


def page_with(data: Mapping[str, Outcomes], page: str) -> str:
    """Return the page with the tables of this data between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, behind = rest.partition(END)
    assert begin, "the page has lost its marks"
    assert end, "the page has lost its marks"
    return f"{before}{begin}\n{as_markdown(data)}\n{end}{behind}"


def _as_json(data: Mapping[str, Outcomes]) -> str:
    """Return the data with a trait on each line."""
    formats = []
    for file_format, outcomes in data.items():
        lines = [f" {json.dumps(trait)}: {json.dumps(became)}" for trait, became in outcomes.items()]
        formats.append(f"{json.dumps(file_format)}: {{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(formats) + "\n}\n"


def main() -> None:
    """Measure all formats and write the data and the page."""
    data: dict[str, Outcomes] = {}
    for file_format in FORMATS:
        with TemporaryDirectory() as folder:
            data[file_format] = measure(file_format, Path(folder)).outcomes
    write_bytes_atomically(DATA, _as_json(data).encode())
    write_bytes_atomically(PAGE, page_with(data, PAGE.read_text(encoding="utf-8")).encode())


if __name__ == "__main__":
    main()
