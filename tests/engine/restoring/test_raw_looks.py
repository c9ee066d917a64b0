"""How results of raw files look: as in the camera, or neutral; the same wherever they are shown."""

import base64
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.comparing.pictures import ComparisonPictureConfig, compute_picture
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.contracts.results import RestoreResult
from engine.photo_files.metadata.provenance import look_of_result, read_provenance
from engine.photo_files.photos import read_image, read_raw_mosaic
from engine.photo_files.raw.mosaic import demosaick_simply
from engine.photo_files.values.sample_types import to_samples
from engine.residuals.inspection import ResidualConfig, examine_residual
from engine.restoring.job import restore
from tests.engine.photo_files.test_tone import LUMA, as_bytes, camera_file, scene
from tests.engine.restoring.test_linear_dng import write_model


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A dark mosaic with a bright picture of the camera's."""
    return camera_file(tmp_path / "a.dng", as_bytes(scene() ** np.float32(0.6)))


def run(folder: Path, photo: Path, task: str = "denoise", **fields: Any) -> RestoreResult:
    from engine.contracts.configs import RestoreConfig

    config = RestoreConfig(
        model=write_model(folder, task),
        photos=(photo,),
        out=folder / "out",
        device="cpu",
        precision="32-true",
        backend="torch",
        **fields,
    )
    return restore(config, JobControl(), lambda event: None)


def result_of(folder: Path, photo: Path, task: str = "denoise", **fields: Any) -> Path:
    ((_, output),) = run(folder, photo, task, **fields).restored
    return output


@pytest.mark.parametrize("task", ["denoise", "demosaick"])
@pytest.mark.parametrize(("file_format", "suffix"), [("keep", ".tif"), ("png", ".png"), ("jpeg", ".jpg")])
def test_results_look_as_in_the_camera(tmp_path: Path, raw: Path, task: str, file_format: str, suffix: str) -> None:
    output = result_of(tmp_path, raw, task, format=file_format)
    assert output.suffix == suffix
    written = read_image(output).pixels
    preview = scene() ** np.float32(0.6)
    assert abs((written @ LUMA).mean() - (preview @ LUMA).mean()) * 255 < 1
    # As the noisy photo is shown beside it.
    np.testing.assert_allclose(
        written, read_image(raw, raw_look="camera").pixels, atol=0.04 if suffix == ".jpg" else 2e-3
    )


def test_neutral_ones_are_what_they_have_always_been(tmp_path: Path, raw: Path) -> None:
    """To the bit: the plain interpolation in 16 bits, which a model that changes nothing leaves."""
    expected = to_samples(demosaick_simply(read_raw_mosaic(raw)), "uint16")
    output = result_of(tmp_path, raw, format="tiff", raw_look="neutral", luminance=0.0, colour=0.0)
    np.testing.assert_array_equal(to_samples(read_image(output).pixels, "uint16"), expected)
    np.testing.assert_array_equal(to_samples(read_image(raw).pixels, "uint16"), expected)


def test_what_is_said_of_it(tmp_path: Path, raw: Path) -> None:
    result = run(tmp_path, raw, report=True)
    (outcome,) = result.outcomes
    assert outcome.how.endswith("Rendered as the camera shows it.")
    assert result.report is not None
    assert "Rendered as the camera shows it." in result.report.read_text(encoding="utf-8")
    with result.report.with_suffix(".csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["how"] == outcome.how
    assert outcome.output is not None
    assert look_of_result(outcome.output) == "camera"
    (neutral,) = run(tmp_path, raw, raw_look="neutral").outcomes
    assert neutral.state == "restored", "another look is other work"
    assert "Rendered" not in neutral.how
    assert neutral.output is not None
    assert look_of_result(neutral.output) == "neutral"


def crops_of(report: Path) -> list[np.ndarray]:
    """The pictures of a report's page, 0 to 255."""
    contents = re.findall(r"data:image/jpeg;base64,([^\"]+)", report.read_text(encoding="utf-8"))
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"), float) for content in contents]


@pytest.mark.parametrize("raw_look", ["camera", "neutral"])
@pytest.mark.parametrize(("file_format", "provenance"), [("bmp", True), ("jpeg", False), ("dng", False)])
def test_a_report_shows_before_and_after_alike_whatever_the_result_says(
    tmp_path: Path, raw: Path, raw_look: str, file_format: str, provenance: bool
) -> None:
    """Of a format without a place for the note, or without the note."""
    result = run(tmp_path, raw, report=True, format=file_format, provenance=provenance, raw_look=raw_look)
    ((_, output),) = result.restored
    assert read_provenance(output) is None
    assert result.report is not None
    before, after = crops_of(result.report)
    # The model changes nothing.
    assert np.abs(before - after).mean() < 2


def test_photos_say_nothing_of_it_and_are_as_before(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(as_bytes(scene())).save(photo)
    output = result_of(tmp_path, photo)
    provenance = read_provenance(output)
    assert provenance is not None
    assert "raw_look" not in json.loads(provenance.settings)
    np.testing.assert_array_equal(read_image(output).pixels, read_image(photo).pixels)
    # So that what was done without a word on it is done.
    (again,) = run(tmp_path, photo, raw_look="neutral").outcomes
    assert again.state == "done"


def test_a_dng_stays_what_it_is_and_its_previews_look_as_chosen(tmp_path: Path, raw: Path) -> None:
    outputs = {
        look: result_of(tmp_path / look, raw, format="dng", raw_look=look)
        for look in ("camera", "neutral")
        if not (tmp_path / look).mkdir()
    }
    camera, neutral = (read_image(outputs[look]).pixels for look in ("camera", "neutral"))
    np.testing.assert_array_equal(camera, neutral)
    looked, original = (read_image(path, raw_look="camera").pixels for path in (outputs["camera"], raw))
    np.testing.assert_allclose(looked, original, atol=0.02)
    as_it_is = read_image(outputs["neutral"], raw_look="camera").pixels
    np.testing.assert_allclose(as_it_is, neutral, atol=0.02)


def test_a_dng_whose_previews_look_otherwise_is_other_work(tmp_path: Path, raw: Path) -> None:
    states = []
    for look in ("camera", "neutral", "camera"):
        (outcome,) = run(tmp_path, raw, format="dng", raw_look=look).outcomes
        states.append(outcome.state)
        assert outcome.output is not None
        # The photo itself has no look as yet.
        assert look_of_result(outcome.output) == "neutral"
    assert states == ["restored", "restored", "done"]


def test_what_was_taken_away_is_measured_in_light(tmp_path: Path, raw: Path) -> None:
    output = result_of(tmp_path, raw)
    report = examine_residual(ResidualConfig(noisy=PhotoRef(raw), restored=output), JobControl(), lambda event: None)
    assert report.sigma < 1e-4
    np.testing.assert_allclose(report.noisy, read_image(raw).pixels)


def test_a_picture_for_comparison_looks_as_asked_for(tmp_path: Path, raw: Path) -> None:
    config = ComparisonPictureConfig(
        photo=PhotoRef(raw), folder=tmp_path / "pictures", model=write_model(tmp_path), device="cpu"
    )
    for look in ("camera", "neutral"):
        asked = config.model_copy(update={"raw_look": look})
        made = read_image(compute_picture(asked, JobControl(), lambda event: None)).pixels
        expected = read_image(raw, raw_look=look).pixels  # type: ignore[arg-type]
        np.testing.assert_allclose(made, expected, atol=2e-3)
