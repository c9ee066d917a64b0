"""What becomes of every kind of photo in every format: kept, converted, told or refused, and never lost silently."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from tests.picture_makers import Picture, make_picture
from tests.trust.what_is_kept import (
    FORMATS,
    PAGE,
    PLAIN,
    Case,
    LostError,
    Measured,
    cases_of,
    judge,
    make_model,
    measure,
    page_with,
    read_data,
    restored,
)
from tests.trust.written_pictures import told_by_exiftool


@dataclass(frozen=True)
class Found:
    """A format, and what was found of it."""

    file_format: str
    measured: Measured


@pytest.fixture(scope="module", params=FORMATS)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """Restore all pictures of a format once; whatever is lost silently fails here."""
    folder = tmp_path_factory.mktemp(request.param)
    yield Found(request.param, measure(request.param, folder))
    shutil.rmtree(folder)


def test_nothing_is_lost_silently(found: Found) -> None:
    assert found.measured.outcomes == read_data()[found.file_format]


def test_exiftool_reads_what_is_kept(found: Found) -> None:
    exiftool = shutil.which("exiftool")
    if exiftool is None:
        pytest.skip("exiftool is not installed; Pillow and tifffile have read the same")
    described = {path: kinds for path, kinds in found.measured.kept.items() if {"XMP", "EXIF"} <= kinds}
    if not described:
        assert found.file_format == "BMP"
        return
    by_name = {path.name: path for path in described}
    for said in told_by_exiftool(exiftool, list(described)):
        kinds = described[Path(said["SourceFile"])]
        expected: dict[str, Any] = {"Make": "TestMaker", "Model": "TestCam 1", "ISO": 800, "Rating": 4}
        expected["DateTimeOriginal"] = "2024:05:17 18:30:05"
        if "GPS" in kinds and not _is_big_tiff(Path(said["SourceFile"])):
            expected["GPSLatitude"] = pytest.approx(52 + 31 / 60 + 12 / 3600)
        if "IPTC" in kinds:
            expected["Keywords"] = "harbour"
        assert {name: said.get(name) for name in expected} == expected, said["SourceFile"]
        assert said.get("Orientation", 1) == 1
        assert "Error" not in said
    assert len(by_name) > 3


def _is_big_tiff(path: Path) -> bool:
    """In such a file exiftool takes what GPS says for something else, in the photo as in its result."""
    return path.read_bytes()[:4] in (b"II+\x00", b"MM\x00+")


def test_the_page_says_what_was_found() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == page_with(read_data(), page)


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_value_of_every_axis_is_tried(file_format: str) -> None:
    cases = cases_of(file_format)
    for axis, values in FORMATS[file_format].items():
        assert {case.value(axis) for case in cases} == set(values), axis


PICTURE = Picture(
    file_format="PNG",
    depth="8 bits",
    channels="RGB",
    colours="Display P3",
    orientation=6,
    described="all",
    layout="EXIF as it should be",
)


@pytest.mark.parametrize("harm", ["none", "no metadata", "no profile", "mirrored", "one level", "a page more"])
def test_a_loss_is_noticed(tmp_path: Path, harm: str) -> None:
    source = make_picture(tmp_path, "source", PICTURE)
    output = "TIFF" if harm == "a page more" else "PNG"
    (outcome,) = restored(make_model(tmp_path), [source], tmp_path / "out", output)
    assert outcome.output is not None
    with Image.open(outcome.output) as image:
        image.load()
        kept: dict[str, Any] = {"icc_profile": image.info["icc_profile"]}
        harmed = {
            "none": None,
            "no metadata": image,
            "no profile": image,
            "mirrored": ImageOps.mirror(image),
            "one level": Image.eval(image, lambda level: level + 1),
            "a page more": None,
        }[harm]
        if harm == "no profile":
            kept = {"icc_profile": None}
        if harmed is not None:
            harmed.save(outcome.output, **kept)
        elif harm == "a page more":
            tifffile.imwrite(outcome.output, np.asarray(image), append=True, metadata=None)
    case = Case(PICTURE, output)
    if harm == "none":
        assert dict(judge(case, outcome))["XMP"] == "kept"
        return
    with pytest.raises(LostError):
        list(judge(case, outcome))


def test_saying_too_much_is_noticed(tmp_path: Path) -> None:
    picture = replace(PICTURE, colours=PLAIN, described="nothing")
    (outcome,) = restored(make_model(tmp_path), [make_picture(tmp_path, "a", picture)], tmp_path / "out", "JPEG")
    assert list(judge(Case(picture, "JPEG"), outcome))
    with pytest.raises(LostError, match="nothing was there"):
        list(judge(Case(picture, "JPEG"), replace(outcome, remarks=("The XMP was left out.",))))
