"""Batches that go on where an earlier one ended: what is done and sound is passed over, all else is restored."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.contracts.configs import RestoreConfig
from engine.contracts.events import JobEvent, JobWarning, PhotoPassedOver
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.contracts.results import RestoreResult
from engine.method.catalogue.backbones import UNetParams
from engine.models.files import ModelCard, build_network, save_model
from engine.photo_files.metadata.provenance import read_provenance
from engine.photo_files.photos import ImageMetadata, PhotoImage, read_image, write_image
from engine.restoring.job import restore

CARD = ModelCard(name="night model", run="run-7", backbone_params=UNetParams(width=8, num_levels=2).model_dump())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.safetensors", 0)


def write_model(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    network = build_network(CARD)
    torch.nn.init.normal_(network.get_parameter("head.weight"), std=0.002)
    save_model(path, network.state_dict(), CARD)
    return path


def write_photo(path: Path, seed: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).random((20, 30, 3), np.float32)
    write_image(path, PhotoImage(pixels, None, ImageMetadata(file_format="png", bit_depth=8)))
    return path


def run(model: Path, photos: Path, out: Path, **fields: Any) -> tuple[RestoreResult, list[JobEvent]]:
    events: list[JobEvent] = []
    values: dict[str, Any] = {"device": "cpu", "precision": "32-true", **fields}
    config = RestoreConfig(model=model, photos=(photos,), out=out, **values)
    return restore(config, JobControl(), events.append), events


def states(result: RestoreResult) -> list[str]:
    return [outcome.state for outcome in result.outcomes]


def test_what_is_done_is_passed_over_and_says_how(model: Path, tmp_path: Path) -> None:
    for name in ("a.png", "sub/b.png"):
        write_photo(tmp_path / "in" / name)
    first, _ = run(model, tmp_path / "in", tmp_path / "out", luminance=0.8, colour=0.8)
    before = {output: output.stat().st_mtime_ns for _, output in first.restored}
    second, events = run(model, tmp_path / "in", tmp_path / "out", luminance=0.8, colour=0.8)
    assert states(second) == ["done", "done"]
    assert second.already_done == first.restored
    assert {output: output.stat().st_mtime_ns for output in before} == before
    passed = [event for event in events if isinstance(event, PhotoPassedOver)]
    assert [event.is_done for event in passed] == [True, True]
    assert passed[0].how.startswith("Restored from a.png with night model (run run-7) at 80%, Residua ")
    provenance = read_provenance(passed[0].output)
    assert provenance is not None
    assert (provenance.model, provenance.run, provenance.luminance) == ("night model", "run-7", "0.8")


def test_an_interrupted_batch_goes_on(model: Path, tmp_path: Path) -> None:
    for index in range(3):
        write_photo(tmp_path / "in" / f"{index}.png", index)
    control = JobControl()
    config = RestoreConfig(model=model, photos=(tmp_path / "in",), out=tmp_path / "out", device="cpu")
    with pytest.raises(JobCancelled):
        restore(config, control, lambda event: control.cancel() if type(event).__name__ == "ImageRestored" else None)
    events: list[JobEvent] = []
    assert states(restore(config, JobControl(), events.append)) == ["done", "restored", "restored"]


def change_the_photo(folder: Path, model: Path, output: Path) -> None:
    write_photo(folder / "a.png", 99)


def change_the_model(folder: Path, model: Path, output: Path) -> None:
    write_model(model, 5)


def damage_the_result(folder: Path, model: Path, output: Path) -> None:
    content = bytearray(output.read_bytes())
    content[-20] ^= 1
    output.write_bytes(content)


def empty_the_result(folder: Path, model: Path, output: Path) -> None:
    output.write_bytes(b"")


@pytest.mark.parametrize("change", [change_the_photo, change_the_model, damage_the_result, empty_the_result])
def test_what_changed_is_restored_again(
    model: Path, tmp_path: Path, change: Callable[[Path, Path, Path], None]
) -> None:
    write_photo(tmp_path / "in" / "a.png")
    first, _ = run(model, tmp_path / "in", tmp_path / "out")
    ((_, output),) = first.restored
    change(tmp_path / "in", model, output)
    second, _ = run(model, tmp_path / "in", tmp_path / "out", existing="overwrite")
    assert second.restored == first.restored
    third, _ = run(model, tmp_path / "in", tmp_path / "out", existing="overwrite")
    assert states(third) == ["done"]


@pytest.mark.parametrize(
    "fields",
    [
        {"luminance": 0.5},
        {"colour": 0.5},
        {"detail": 0.5},
        {"metadata": "none"},
        {"format": "jpeg"},
        {"bit_depth": "16"},
        {"provenance": False},
    ],
)
def test_other_settings_are_other_work(model: Path, tmp_path: Path, fields: dict[str, Any]) -> None:
    write_photo(tmp_path / "in" / "a.png")
    run(model, tmp_path / "in", tmp_path / "out")
    result, _ = run(model, tmp_path / "in", tmp_path / "out", **fields)
    assert states(result) == ["restored"]


def test_the_same_photo_under_two_names_gives_two_results(model: Path, tmp_path: Path) -> None:
    write_photo(tmp_path / "in" / "a.png", 1)
    write_photo(tmp_path / "in" / "b.png", 1)
    assert states(run(model, tmp_path / "in", tmp_path / "out")[0]) == ["restored", "restored"]
    assert states(run(model, tmp_path / "in", tmp_path / "out")[0]) == ["done", "done"]


def test_a_result_with_another_days_date_counts(model: Path, tmp_path: Path) -> None:
    write_photo(tmp_path / "in" / "a.png")
    pattern = "{date} {name} by {model}"
    first, _ = run(model, tmp_path / "in", tmp_path / "out", name_pattern=pattern)
    ((_, output),) = first.restored
    assert output.name.endswith(" a by night model.png")
    older = output.with_name("2020-01-01 a by night model.png")
    output.rename(older)
    second, _ = run(model, tmp_path / "in", tmp_path / "out", name_pattern=pattern)
    assert [found for _, found in second.already_done] == [older]


def test_a_bare_pattern_takes_no_photo_for_a_result(model: Path, tmp_path: Path) -> None:
    """Into the folder of the photos: `a_2.png` is a photo, the result of `a.png` has to give way."""
    for seed, name in enumerate(("a.png", "a_2.png")):
        write_photo(tmp_path / name, seed)
    before = {path: path.read_bytes() for path in tmp_path.glob("*.png")}
    first, _ = run(model, tmp_path, tmp_path, name_pattern="{name}", existing="overwrite")
    assert sorted(output.name for _, output in first.restored) == ["a_2_2.png", "a_3.png"]
    assert {path: path.read_bytes() for path in before} == before
    second, events = run(model, tmp_path, tmp_path, name_pattern="{name}", existing="overwrite")
    assert states(second) == ["done", "done"]
    assert any(isinstance(event, JobWarning) and "2 restored files" in event.message for event in events)


def test_skipping_what_exists_tells_it_from_what_is_done(model: Path, tmp_path: Path) -> None:
    write_photo(tmp_path / "in" / "a.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a_restored.png").write_bytes(b"another's")
    result, events = run(model, tmp_path / "in", tmp_path / "out", existing="skip")
    assert states(result) == ["exists"]
    assert result.skipped_existing == (PhotoRef(tmp_path / "in" / "a.png"),)
    assert [event.is_done for event in events if isinstance(event, PhotoPassedOver)] == [False]


def test_the_report_holds_every_photo(model: Path, tmp_path: Path) -> None:
    write_photo(tmp_path / "in" / "=a <b>.png")
    write_photo(tmp_path / "in" / "c.png", 3)
    run(model, tmp_path / "in" / "c.png", tmp_path / "out")
    (tmp_path / "in" / "bad.png").write_bytes(b"no photo")
    # A result of another folder that lies among the photos.
    write_photo(tmp_path / "other" / "d.png", 4)
    (earlier, _) = run(model, tmp_path / "other" / "d.png", tmp_path / "in")
    assert earlier.restored[0][1].parent == tmp_path / "in"
    result, _ = run(model, tmp_path / "in", tmp_path / "out", report=True)
    assert sorted(states(result)) == ["done", "failed", "restored"]
    assert [path.name for path in result.earlier_results] == ["d_restored.png"]
    assert result.report is not None
    page = result.report.read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 4
    assert "=a &lt;b&gt;.png" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "src=" in page
    assert 'src="data:' in page
    assert "3 photos: 1 restored, 1 was done already, 1 failed." in page
    assert "1 were passed over, being restored files themselves." in page
    assert "d_restored.png" in page
    table = result.report.with_suffix(".csv").read_text(encoding="utf-8-sig").splitlines()
    assert table[0] == "source,state,output,seconds,reason,hint,how,remarks"
    assert len(table) == 5
    assert "d_restored.png,passed over," in table[-1]
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".csv", ".html", ".png", ".png"]


def test_a_report_that_cannot_be_written_fails_no_batch(model: Path, tmp_path: Path, monkeypatch: Any) -> None:
    from engine.restoring import report as restore_report

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(restore_report, "write_bytes_atomically", full)
    write_photo(tmp_path / "in" / "a.png")
    result, events = run(model, tmp_path / "in", tmp_path / "out", report=True)
    assert (states(result), result.report) == (["restored"], None)
    assert any(isinstance(event, JobWarning) and "report" in event.message for event in events)


def test_the_report_shows_where_the_photo_is_most_detailed() -> None:
    from engine.restoring.report import most_detailed_spot

    pixels = np.full((400, 600, 3), 0.5, np.float32)
    pixels[210:380, 420:580] = np.random.default_rng(0).random((170, 160, 3), np.float32)
    assert most_detailed_spot(pixels, 200) == (200, 400)
    assert most_detailed_spot(pixels[:50, :30], 200) == (0, 0)


def test_an_enlargement_is_reported_at_its_own_size(tmp_path: Path) -> None:
    card = CARD.model_copy(update={"task": "sr2"})
    path = tmp_path / "enlarging.safetensors"
    save_model(path, build_network(card).state_dict(), card)
    photo = write_photo(tmp_path / "in" / "a.png")
    result, _ = run(path, tmp_path / "in", tmp_path / "out", report=True)
    assert read_image(result.restored[0][1]).width == 2 * read_image(photo).width
    assert result.report is not None
    assert result.report.read_text(encoding="utf-8").count("data:image/jpeg;base64,") == 2


def test_a_stop_while_a_photo_is_encoded_writes_nothing(model: Path, tmp_path: Path, monkeypatch: Any) -> None:
    from engine.restoring import pipeline as restore_pipeline

    write_photo(tmp_path / "in" / "a.png")
    control = JobControl()

    def encode_for_ever(*arguments: object, **options: object) -> bytes:
        control.cancel()
        threading.Event().wait(1)
        return b"late"

    monkeypatch.setattr(restore_pipeline, "encode_samples", encode_for_ever)
    config = RestoreConfig(model=model, photos=(tmp_path / "in",), out=tmp_path / "out", device="cpu")
    with pytest.raises(JobCancelled):
        restore(config, control, lambda event: None)
    assert list((tmp_path / "out").iterdir()) == []
