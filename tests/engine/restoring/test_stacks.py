"""A stack is restored into one file of the same axes, sizes, names and numbers, as tifffile sees it."""

import json
import os
import signal
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from engine.cli.main import _describe_restore
from engine.cli.reporting import EXIT_SOME_FAILED
from engine.contracts.configs import RestoreConfig
from engine.contracts.events import JobEvent, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.contracts.results import RestoreResult
from engine.machine import process_identity
from engine.machine.atomic_files import UNFINISHED_SUFFIX, remove_leftovers
from engine.method.catalogue.backbones import UNetParams
from engine.models.files import ModelCard, build_network, save_model
from engine.models.starters import starter_path
from engine.photo_files.metadata.provenance import is_intact, read_provenance
from engine.photo_files.photos import read_image
from engine.photo_files.tiff import stack_writing
from engine.photo_files.tiff.pages import list_pages
from engine.photo_files.tiff.unfinished_stacks import StackProgress, UnfinishedStack
from engine.restoring import batch
from engine.restoring.job import restore
from engine.restoring.output_plan import find_done_photos
from tests.warm_processes import start_warm

SIDE = 40


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Changes whatever it is given."""
    import torch

    card = ModelCard(name="any", backbone_params=UNetParams(width=8, num_levels=2).model_dump())
    torch.manual_seed(0)
    network = build_network(card)
    torch.nn.init.normal_(network.get_parameter("head.weight"), std=0.05)
    path = tmp_path_factory.mktemp("model") / "any.safetensors"
    save_model(path, network.state_dict(), card)
    return path


def restored(model: Path, photos: Path | tuple[Path | PhotoRef, ...], out: Path, **fields: Any) -> RestoreResult:
    given = photos if isinstance(photos, tuple) else (photos,)
    config = RestoreConfig(model=model, photos=given, out=out, device="cpu", precision="32-true", **fields)
    return restore(config, JobControl(), lambda event: None)


def frames(*shape: int, dtype: str = "uint16") -> NDArray[Any]:
    """Counts of a camera, each frame another."""
    counts = np.random.default_rng(0).poisson(150, shape) + 100
    place = np.arange(np.prod(shape[:-2])).reshape(*shape[:-2], 1, 1)
    return np.asarray(counts + 3 * place if dtype != "uint8" else counts % 200, dtype)


WRITERS: dict[str, tuple[tuple[int, ...], str, dict[str, Any]]] = {
    "OME": (
        (2, 3, 2, SIDE, SIDE),
        "uint16",
        {
            "ome": True,
            "metadata": {
                "axes": "TZCYX",
                "PhysicalSizeX": 0.11,
                "PhysicalSizeXUnit": "µm",
                "PhysicalSizeY": 0.12,
                "PhysicalSizeZ": 0.5,
                "TimeIncrement": 0.25,
                "Channel": {"Name": ["DAPI", "GFP & more"]},
                "Plane": {"PositionX": [1.5] * 12},
            },
        },
    ),
    "OME of colours": ((3, SIDE, SIDE, 3), "uint8", {"ome": True, "photometric": "rgb", "metadata": {"axes": "ZYXS"}}),
    "OME of colours by plane": (
        (3, 3, SIDE, SIDE),
        "uint8",
        {"ome": True, "photometric": "rgb", "planarconfig": "separate", "metadata": {"axes": "ZCYX"}},
    ),
    "OME deflated": (
        (3, SIDE, SIDE),
        "float32",
        {"ome": True, "compression": "zlib", "predictor": True, "metadata": {"axes": "ZYX"}},
    ),
    "OME of one page": ((SIDE, SIDE), "uint16", {"ome": True, "metadata": {"PhysicalSizeX": 0.2}}),
    "OME in BigTIFF": ((4, SIDE, SIDE), "uint16", {"ome": True, "bigtiff": True, "metadata": {"axes": "TYX"}}),
    "ImageJ": (
        (2, 3, 2, SIDE, SIDE),
        "uint16",
        {
            "imagej": True,
            "resolution": (9.25, 9.25),
            "metadata": {
                "axes": "TZCYX",
                "unit": "um",
                "spacing": 0.5,
                "finterval": 0.25,
                "Labels": [f"slice {index}" for index in range(12)],
                "Ranges": (90.0, 300.0, 80.0, 400.0),
                "min": 90.0,
                "max": 300.0,
            },
        },
    ),
    "ImageJ from the other end": ((5, SIDE, SIDE), "uint16", {"imagej": True, "byteorder": ">"}),
    "ImageJ of colours": ((3, SIDE, SIDE, 3), "uint8", {"imagej": True}),
    "ImageJ of floats": ((3, SIDE, SIDE), "float32", {"imagej": True}),
    "plain": (
        (5, SIDE, SIDE),
        "uint16",
        {"photometric": "minisblack", "metadata": None, "resolution": (300, 301), "resolutionunit": "INCH"},
    ),
    "plain with a shape": ((2, 3, SIDE, SIDE), "uint16", {"photometric": "minisblack", "metadata": {"axes": "ZTYX"}}),
    "BigTIFF": ((5, SIDE, SIDE), "int16", {"photometric": "minisblack", "metadata": None, "bigtiff": True}),
    "BigTIFF from the other end": (
        (5, SIDE, SIDE),
        "uint16",
        {"photometric": "minisblack", "metadata": None, "bigtiff": True, "byteorder": ">"},
    ),
}


def names_and_sizes(tiff: tifffile.TiffFile) -> dict[str, Any]:
    """What a microscopist asks a file for, of its pixels and of each page."""
    said: dict[str, Any] = {"axes": tiff.series[0].axes, "shape": tiff.series[0].shape, "dtype": tiff.series[0].dtype}
    said["pages"] = len(tiff.pages)
    said["big"] = tiff.is_bigtiff
    said["planes"] = tiff.pages.first.planarconfig
    tags = tiff.pages.first.tags
    said["resolution"] = [tags.valueof(tag) for tag in ("XResolution", "YResolution", "ResolutionUnit")]
    if tiff.is_imagej:
        said["imagej"] = tiff.imagej_metadata
    if tiff.ome_metadata is not None:
        root = ElementTree.fromstring(tiff.ome_metadata)
        for name in ("Pixels", "Channel", "Plane", "TiffData"):
            said[name] = [dict(element.attrib) for element in root.iter(f"{{{root.tag[1:].partition('}')[0]}}}{name}")]
    return said


@pytest.mark.parametrize("kind", list(WRITERS))
def test_a_restored_stack_has_the_axes_sizes_and_names_of_its_source(model: Path, tmp_path: Path, kind: str) -> None:
    shape, dtype, options = WRITERS[kind]
    name = "stack.ome.tif" if options.get("ome") else "stack.tif"
    data = frames(*shape, dtype=dtype)
    tifffile.imwrite(tmp_path / name, data, **options)
    result = restored(model, tmp_path / name, tmp_path / "out")
    assert not result.failed, result.failed
    ((source, output),) = result.restored
    assert source == PhotoRef(tmp_path / name)
    assert output.name == name.replace("stack", "stack_restored")
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    with tifffile.TiffFile(tmp_path / name) as before, tifffile.TiffFile(output) as after:
        assert names_and_sizes(after) == names_and_sizes(before)
        found, given = after.asarray(), before.asarray()
    assert not np.array_equal(found, given)
    # Each page is the restored one of its own: frames differ by their means.
    assert np.allclose(found.mean((-1, -2)), given.mean((-1, -2)), rtol=0.01) or dtype == "uint8"
    assert is_intact(output)
    provenance = read_provenance(output)
    assert provenance is not None
    assert provenance.source == name


def test_slices_of_imagej_lie_behind_the_first_one(model: Path, tmp_path: Path) -> None:
    """ImageJ reads no other directory than the first: from where its strip begins, slice after slice."""
    data = frames(4, SIDE, SIDE)
    tifffile.imwrite(tmp_path / "stack.tif", data, imagej=True, byteorder=">")
    ((_, output),) = restored(model, tmp_path / "stack.tif", tmp_path / "out").restored
    with tifffile.TiffFile(output) as tiff:
        assert all(page.compression == 1 for page in tiff.pages)
        start = tiff.pages.first.dataoffsets[0]
        found = np.frombuffer(output.read_bytes()[start : start + data.nbytes], ">u2").reshape(data.shape)
        assert np.array_equal(found, tiff.asarray())


def test_a_single_picture_keeps_what_imagej_says_of_it(model: Path, tmp_path: Path) -> None:
    """Its colours, its display range, its notes and its regions stand in tags and lines of ImageJ's own."""
    green = np.zeros((3, 256), np.uint8)
    green[1] = np.arange(256)
    said = {
        "unit": "um",
        "min": 120.0,
        "max": 480.0,
        "LUTs": [green],
        "Ranges": (120.0, 480.0),
        "Info": "Objective = 40x",
        "ROI": b"Iout" + bytes(60),
    }
    source = tmp_path / "cells.tif"
    tifffile.imwrite(source, frames(SIDE, SIDE), imagej=True, resolution=(5.5, 5.5), metadata={"axes": "YX", **said})
    result = restored(model, source, tmp_path / "out")
    with tifffile.TiffFile(source) as before, tifffile.TiffFile(result.restored[0][1]) as after:
        assert after.is_imagej
        assert str(after.imagej_metadata) == str(before.imagej_metadata)
        assert after.series[0].axes == "YX"
        assert after.pages.first.tags.valueof(282) == before.pages.first.tags.valueof(282)
        assert not np.array_equal(after.asarray(), before.asarray())


def test_a_single_picture_keeps_what_micro_manager_says_of_it(model: Path, tmp_path: Path) -> None:
    source, said = tmp_path / "img_000000000_DAPI_000.tif", '{"Exposure-ms":25,"Channel":"DAPI"}'
    tags = [(51123, 2, len(said) + 1, said, True)]
    tifffile.imwrite(source, frames(SIDE, SIDE), metadata=None, extratags=tags)
    result = restored(model, source, tmp_path / "out")
    with tifffile.TiffFile(source) as before, tifffile.TiffFile(result.restored[0][1]) as after:
        assert after.pages.first.tags.valueof(51123) == before.pages.first.tags.valueof(51123)


def test_a_stack_in_one_directory_comes_back_whole(model: Path, tmp_path: Path) -> None:
    pages = frames(4, SIDE, SIDE)
    description = "ImageJ=1.54f\nimages=4\nslices=4\nunit=micron\n"
    tifffile.imwrite(tmp_path / "stack.tif", pages[0], description=description, metadata=None, resolution=(4, 4))
    with (tmp_path / "stack.tif").open("ab") as file:
        file.write(pages[1:].tobytes())
    ((_, output),) = restored(model, tmp_path / "stack.tif", tmp_path / "out").restored
    with tifffile.TiffFile(output) as tiff:
        assert (tiff.series[0].axes, tiff.series[0].shape) == ("ZYX", pages.shape)
        assert tiff.imagej_metadata is not None
        assert tiff.imagej_metadata["unit"] == "micron"


def test_beyond_four_gigabytes_imagej_is_given_one_directory(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in its own files: a classic TIFF could not say where the slices lie. The limit is lowered here."""
    data = frames(2, 4, SIDE, SIDE)
    tifffile.imwrite(tmp_path / "stack.tif", data, imagej=True, metadata={"axes": "TZYX"})
    monkeypatch.setattr(stack_writing, "_END_OF_CLASSIC", 3 * SIDE * SIDE * 2)
    ((_, output),) = restored(model, tmp_path / "stack.tif", tmp_path / "out").restored
    with tifffile.TiffFile(output) as tiff:
        assert len(tiff.pages) == 1
        assert (tiff.series[0].axes, tiff.asarray().shape) == ("TZYX", data.shape)
    assert len(list_pages(output)) == 8


def test_memory_does_not_grow_with_the_stack(model: Path, tmp_path: Path) -> None:
    """Beside what every stack takes: a few pages at a time, however many there are."""
    side, peaks = 300, []
    for num_pages in (3, 12):
        tifffile.imwrite(tmp_path / f"{num_pages}.tif", frames(num_pages, side, side), photometric="minisblack")
    # Once before it counts: what is loaded stays.
    restored(model, tmp_path / "3.tif", tmp_path / "before")
    for num_pages in (3, 12):
        tracemalloc.start()
        restored(model, tmp_path / f"{num_pages}.tif", tmp_path / "out")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 2 * side * side * 2


def test_a_page_that_cannot_be_read_keeps_its_place_and_is_told(model: Path, tmp_path: Path) -> None:
    data = frames(4, SIDE, SIDE, dtype="float32")
    data[2, 5, 5] = np.nan
    tifffile.imwrite(tmp_path / "nan.tif", data, photometric="minisblack")
    tifffile.imwrite(tmp_path / "short.tif", frames(4, SIDE, SIDE), photometric="minisblack", compression="zlib")
    with tifffile.TiffFile(tmp_path / "short.tif") as tiff:
        entry = tiff.pages[1].tags["StripOffsets"].valueoffset
        content = bytearray((tmp_path / "short.tif").read_bytes())
        content[tiff.pages[1].dataoffsets[0] : tiff.pages[1].dataoffsets[0] + 60] = b"\xff" * 60
        assert entry
    (tmp_path / "short.tif").write_bytes(content)
    result = restored(model, (tmp_path / "nan.tif", tmp_path / "short.tif"), tmp_path / "out")
    outcomes = {outcome.source.name: outcome for outcome in result.outcomes}
    assert [outcome.state for outcome in outcomes.values()] == ["restored", "restored"]
    (said,) = outcomes["nan.tif"].remarks
    assert said.startswith(
        "Page 3 could not be restored, and stands in the result as it is in the file. The TIFF holds"
    )
    found = tifffile.imread(tmp_path / "out" / "nan_restored.tif")
    assert np.array_equal(found[2], data[2], equal_nan=True)
    assert not np.array_equal(found[3], data[3])
    (said,) = outcomes["short.tif"].remarks
    assert said.startswith("Page 2 could not be read, and is black in the result. ")
    assert [outcome.lost_pages for outcome in outcomes.values()] == [(3,), (2,)]
    assert [outcome.source.name for outcome in result.incomplete] == ["nan.tif", "short.tif"]
    ending = _describe_restore(result)
    assert "2 stacks are not complete" in ending.summary
    assert "short.tif: page 2" in ending.summary
    assert ending.exit_code == EXIT_SOME_FAILED
    # The results say it themselves, so that they are not complete the next time either.
    again = restored(model, (tmp_path / "nan.tif", tmp_path / "short.tif"), tmp_path / "out")
    assert [(outcome.state, outcome.lost_pages) for outcome in again.outcomes] == [("done", (3,)), ("done", (2,))]
    assert [outcome.how for outcome in again.outcomes] == [outcome.how for outcome in result.outcomes]
    assert again.outcomes[0].how.endswith(" Of its pages these could not be restored: 3.")
    assert again.incomplete == again.outcomes
    assert _describe_restore(again).exit_code == EXIT_SOME_FAILED
    found = tifffile.imread(tmp_path / "out" / "short_restored.tif")
    assert found.shape == (4, SIDE, SIDE)
    assert [bool(page.any()) for page in found] == [True, False, True, True]


def test_a_stack_no_page_of_which_can_be_read_fails(model: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((3, SIDE, SIDE), np.nan, np.float32), photometric="minisblack")
    (failed,) = restored(model, tmp_path / "a.tif", tmp_path / "out").failed
    assert failed.path == PhotoRef(tmp_path / "a.tif")
    assert "no numbers" in failed.reason
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_page_for_which_memory_was_short_is_restored_the_next_time(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    """It is no damaged page; where the levels are measured first, they are those of all pages the next time."""
    tifffile.imwrite(tmp_path / "a.tif", frames(4, SIDE, SIDE, dtype=dtype), photometric="minisblack")

    def asarray(page: tifffile.TiffPage, *args: Any, **options: Any) -> NDArray[Any]:
        if page.index == 2:
            raise MemoryError
        return decoded(page, *args, **options)

    decoded = tifffile.TiffPage.asarray
    with monkeypatch.context() as patch:
        patch.setattr(tifffile.TiffPage, "asarray", asarray)
        (failed,) = restored(model, tmp_path / "a.tif", tmp_path / "out").failed
    assert failed.reason == "There is not enough memory to open the picture."
    (outcome,) = restored(model, tmp_path / "a.tif", tmp_path / "out").outcomes
    kept = ("2 of its pages had been restored before it was stopped.",)
    assert (outcome.remarks, outcome.lost_pages) == (kept if dtype == "uint8" else (), ())
    ((_, expected),) = restored(model, tmp_path / "a.tif", tmp_path / "at once").restored
    assert outcome.output is not None
    assert outcome.output.read_bytes() == expected.read_bytes()


@pytest.fixture
def told_of_each_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell how far a batch is whenever it gets on, rather than some times a second."""
    monkeypatch.setattr(batch, "_PROGRESS_INTERVAL_S", 0.0)


def stopped_after(config: RestoreConfig, num_pages: int, total: int) -> None:
    """Restore, and stop once so many pages are done."""
    control = JobControl()

    def stop(event: JobEvent) -> None:
        if getattr(event, "metrics", {}).get("fraction", 0) >= num_pages / total - 1e-9:
            control.cancel()

    with pytest.raises(JobCancelled):
        restore(config, control, stop)


@pytest.mark.usefixtures("told_of_each_page")
@pytest.mark.parametrize("kind", ["OME", "ImageJ", "plain", "BigTIFF"])
def test_a_stopped_stack_goes_on_where_it_stood(model: Path, tmp_path: Path, kind: str) -> None:
    data, options = frames(6, SIDE, SIDE), {"photometric": "minisblack"}
    options |= {"OME": {"ome": True}, "ImageJ": {"imagej": True}, "BigTIFF": {"bigtiff": True}}.get(kind, {})
    name = "a.ome.tif" if kind == "OME" else "a.tif"
    tifffile.imwrite(tmp_path / name, data, **options)
    config = RestoreConfig(model=model, photos=(tmp_path / name,), out=tmp_path / "out", device="cpu")
    stopped_after(config, 3, 6)
    left = list((tmp_path / "out").iterdir())
    assert len(left) == 2
    assert all(path.name.startswith(".") for path in left), "nothing that could be taken for a result"
    assert find_done_photos(config, JobControl()) == ()
    assert restored(model, tmp_path, tmp_path / "elsewhere").earlier_results == ()
    # Twice, from where it stood the second time.
    stopped_after(config, 5, 6)
    started: list[float] = []

    def note(event: JobEvent) -> None:
        started.append(getattr(event, "metrics", {}).get("fraction", 1))

    result = restore(config, JobControl(), note)
    assert min(share for share in started if share > 0) > 0.8
    (outcome,) = result.outcomes
    assert outcome.remarks[-1] == "5 of its pages had been restored before it was stopped."
    (output,) = (tmp_path / "out").iterdir()
    at_once = config.model_copy(update={"out": tmp_path / "at once"})
    (expected,) = restore(at_once, JobControl(), lambda event: None).restored
    np.testing.assert_array_equal(tifffile.imread(output), tifffile.imread(expected[1]))
    # OME gives each file an identifier of its own.
    assert kind == "OME" or output.read_bytes() == expected[1].read_bytes()
    assert is_intact(output)
    assert find_done_photos(config, JobControl()) == (PhotoRef(tmp_path / name),)
    assert len(restore(config, JobControl(), lambda event: None).already_done) == 1


@pytest.mark.usefixtures("told_of_each_page")
def test_the_time_left_of_a_stack_that_goes_on_counts_what_is_restored_now(model: Path, tmp_path: Path) -> None:
    """And so do the megapixels: pages that are kept from before took no time."""
    num_pages, num_kept = 20, 16
    tifffile.imwrite(tmp_path / "a.tif", frames(num_pages, SIDE, SIDE), photometric="minisblack")
    config = RestoreConfig(model=model, photos=(tmp_path / "a.tif",), out=tmp_path / "out", device="cpu")
    stopped_after(config, num_kept, num_pages)
    told: list[tuple[float, StepDone]] = []

    def note(event: JobEvent) -> None:
        if isinstance(event, StepDone) and event.stage == "Restoring":
            told.append((time.monotonic(), event))

    result = restore(config, JobControl(), note)
    shares = [event.metrics["fraction"] for _, event in told]
    kept = num_kept / num_pages
    assert all(share == 0 or share >= kept for share in shares)
    # By how long it has taken so far, as the estimate says and as the clock on the wall does.
    estimated = [
        event.seconds_left * (share - kept) / (1 - share) / (now - told[0][0])
        for (now, event), share in zip(told, shares, strict=True)
        if event.seconds_left is not None and kept < share < 1
    ]
    assert max(estimated) > 0.7, "a fifth where the pages that are kept are counted"
    assert all(event.seconds_left is None for (_, event), share in zip(told, shares, strict=True) if share <= kept)
    assert told[-1][1].seconds_left == 0
    assert result.megapixels == pytest.approx((num_pages - num_kept) * SIDE * SIDE / 1e6)


def noted(out: Path) -> dict[str, Any]:
    """Return what is noted of a stack on its way; nothing where there is none yet."""
    # Not the temporary file that becomes the next note.
    notes = list(out.glob(f".*{UNFINISHED_SUFFIX}.json")) if out.is_dir() else []
    return json.loads(notes[0].read_text()) if notes else {"num_pages": 0}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("options", [{}, {"imagej": True}], ids=["plain", "ImageJ"])
def test_a_killed_stack_loses_the_page_under_work_at_most(model: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    side, num_pages = 160, 60
    tifffile.imwrite(tmp_path / "a.tif", frames(num_pages, side, side), photometric="minisblack", **options)
    out = tmp_path / "out"
    words = ["restore", model, tmp_path / "a.tif", "--out", out, "--device", "cpu"]
    process = start_warm("engine.cli", words)
    while noted(out)["num_pages"] < 3 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    left = noted(out)
    assert 3 <= left["num_pages"] < num_pages
    assert all(path.name.startswith(".") for path in out.iterdir()), "nothing that could be taken for a result"
    (written,) = (path for path in out.iterdir() if path.suffix == ".tif")
    # What lies behind the pages that are noted is part of one page, and of its directory.
    assert 0 <= written.stat().st_size - left["writer"]["length"] < 2 * side * side * 2 + 4096

    config = RestoreConfig(model=model, photos=(tmp_path / "a.tif",), out=out, device="cpu")
    (outcome,) = restore(config, JobControl(), lambda event: None).outcomes
    assert outcome.remarks[-1] == f"{left['num_pages']} of its pages had been restored before it was stopped."
    (output,) = out.iterdir()
    at_once = config.model_copy(update={"out": tmp_path / "at once"})
    (expected,) = restore(at_once, JobControl(), lambda event: None).restored
    assert output.read_bytes() == expected[1].read_bytes()


def test_a_stack_that_another_process_works_on_is_not_taken_from_it(model: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames(4, SIDE, SIDE), photometric="minisblack")
    config = RestoreConfig(model=model, photos=(tmp_path / "a.tif",), out=tmp_path / "out", device="cpu")
    notes: list[dict[str, Any]] = []

    def look(event: JobEvent) -> None:
        notes.append(noted(tmp_path / "out"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "_PROGRESS_INTERVAL_S", 0.0)
        restore(config, JobControl(), look)
    on_the_way = next(note for note in reversed(notes) if note["num_pages"])
    assert on_the_way["owner"] == process_identity.current_process()
    unfinished = UnfinishedStack(tmp_path / "elsewhere" / "a.tif", {}, (1, 2))
    (tmp_path / "elsewhere").mkdir()
    temporary = tmp_path / "elsewhere" / "mine.part"
    temporary.write_bytes(b"")
    progress = StackProgress(num_pages=1, writer={"length": 3}, remarks=(), lost_pages=(), failures=())
    with unfinished.kept_on_the_way(temporary) as (file, tell):
        file.write_bytes(b"abc")
        tell(progress)
        other = tmp_path / "elsewhere" / "other.part"
        other.write_bytes(b"")
        assert unfinished.take(other) is None
        assert file.read_bytes() == b"abc"
    assert temporary.read_bytes() == b"abc"
    assert {path.name for path in temporary.parent.iterdir()} == {"mine.part", "other.part"}


@pytest.mark.parametrize("token", ["../../a", "a.tif", "", 7, None])
def test_a_note_names_no_other_file(tmp_path: Path, token: object) -> None:
    """Whatever a note that came from elsewhere says, no file but an unfinished one is moved."""
    unfinished = UnfinishedStack(tmp_path / "a.tif", {}, (1,))
    temporary = tmp_path / "mine.part"
    temporary.write_bytes(b"")
    progress = StackProgress(num_pages=1, writer={"length": 1}, remarks=(), lost_pages=(), failures=())

    def write_and_be_stopped() -> None:
        with unfinished.kept_on_the_way(temporary) as (file, tell):
            file.write_bytes(b"a")
            tell(progress)
            raise JobCancelled

    with pytest.raises(JobCancelled):
        write_and_be_stopped()
    (kept,) = tmp_path.glob(".*.tif")
    (note,) = tmp_path.glob(".*.json")
    note.write_text(json.dumps({**json.loads(note.read_text()), "token": token}))
    (tmp_path / "a.tif").write_bytes(b"original")
    assert unfinished.take(temporary) is None
    assert (tmp_path / "a.tif").read_bytes() == b"original"
    assert kept.read_bytes() == b"a"


@pytest.mark.usefixtures("told_of_each_page")
def test_what_was_kept_of_other_work_is_not_gone_on_with(model: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames(6, SIDE, SIDE), photometric="minisblack")
    config = RestoreConfig(model=model, photos=(tmp_path / "a.tif",), out=tmp_path / "out", device="cpu")
    stopped_after(config, 3, 6)
    (weaker,) = restore(config.model_copy(update={"luminance": 0.5}), JobControl(), lambda event: None).outcomes
    assert weaker.remarks == ()
    kept = next(path for path in (tmp_path / "out").iterdir() if path.name.endswith(".json"))
    kept.write_text("{}")
    (anew,) = restore(config, JobControl(), lambda event: None).outcomes
    assert anew.remarks == ()
    stopped_after(config.model_copy(update={"luminance": 0.25}), 3, 6)
    old = time.time() - 40 * 24 * 3600
    for path in (tmp_path / "out").glob(".*"):
        os.utime(path, (old, old))
    remove_leftovers(tmp_path / "out")
    assert not list((tmp_path / "out").glob(".*"))


def test_a_done_stack_is_passed_over(model: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames(3, SIDE, SIDE), photometric="minisblack")
    config = RestoreConfig(model=model, photos=(tmp_path / "a.tif",), out=tmp_path / "out", device="cpu")
    assert len(restore(config, JobControl(), lambda event: None).restored) == 1
    assert len(restore(config, JobControl(), lambda event: None).already_done) == 1
    # Within the folder that is given, it is a result and no source.
    result = restored(model, tmp_path, tmp_path / "out")
    assert [photo.name for photo in result.earlier_results] == ["a_restored.tif"]


@pytest.mark.parametrize("kind", ["OME", "ImageJ", "plain with a shape"])
def test_nothing_but_the_axes_is_said_where_no_metadata_is_wanted(model: Path, tmp_path: Path, kind: str) -> None:
    shape, dtype, options = WRITERS[kind]
    tifffile.imwrite(tmp_path / "a.tif", frames(*shape, dtype=dtype), **options)
    ((_, output),) = restored(model, tmp_path / "a.tif", tmp_path / "out", metadata="none").restored
    with tifffile.TiffFile(tmp_path / "a.tif") as before, tifffile.TiffFile(output) as after:
        told, wanted = names_and_sizes(after), names_and_sizes(before)
        assert (told["axes"], told["shape"], told["resolution"]) == (
            wanted["axes"],
            wanted["shape"],
            wanted["resolution"],
        )
        assert told.get("Pixels") == wanted.get("Pixels")
        assert not told.get("Plane")
        assert "slice 3" not in str(told.get("imagej"))


@pytest.mark.parametrize("metadata", ["keep", "without-gps", "none"])
def test_names_and_positions_of_pages_are_kept_where_metadata_is_wanted(
    model: Path, tmp_path: Path, metadata: str
) -> None:
    """A folio, a patient or a sample; what tells the pages apart by number alone is no such thing."""
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for number, page in enumerate(frames(2, SIDE, SIDE)):
            name = f"patient {number}"
            tags = [(285, 2, len(name) + 1, name, True), (286, 5, 1, (4, 1), True), (297, 3, 2, (number, 2), True)]
            writer.write(page, photometric="minisblack", metadata=None, resolution=(300, 300), extratags=tags)
    ((_, output),) = restored(model, tmp_path / "a.tif", tmp_path / "out", metadata=metadata).restored
    with tifffile.TiffFile(output) as tiff:
        said = [[page.tags.valueof(tag) for tag in (285, 286, 297, 282)] for page in tiff.pages]
    is_kept = metadata != "none"
    assert said == [
        [f"patient {number}" if is_kept else None, (4, 1) if is_kept else None, (number, 2), (300, 1)]
        for number in range(2)
    ]
    assert is_kept or b"patient" not in output.read_bytes()


def test_other_numbers_are_named_in_the_description(model: Path, tmp_path: Path) -> None:
    shape, dtype, options = WRITERS["OME"]
    tifffile.imwrite(tmp_path / "a.ome.tif", frames(*shape, dtype=dtype), **options)
    ((_, output),) = restored(model, tmp_path / "a.ome.tif", tmp_path / "out", bit_depth="8").restored
    with tifffile.TiffFile(output) as tiff:
        assert (tiff.series[0].axes, tiff.series[0].shape, tiff.series[0].dtype) == ("TZCYX", shape, np.uint8)
        assert tiff.ome_metadata is not None
        assert 'Type="uint8"' in tiff.ome_metadata


def test_in_another_format_each_page_is_a_file(model: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames(2, SIDE, SIDE), photometric="minisblack")
    result = restored(model, tmp_path / "a.tif", tmp_path / "out", format="png")
    assert [path.name for _, path in result.restored] == ["a · page 1_restored.png", "a · page 2_restored.png"]
    (single,) = restored(model, (PhotoRef(tmp_path / "a.tif", 2),), tmp_path / "one").restored
    assert single[1].name == "a · page 2_restored.tif"
    (whole,) = restored(
        model, (PhotoRef(tmp_path / "a.tif", 2), PhotoRef(tmp_path / "a.tif", 1)), tmp_path / "both"
    ).restored
    assert whole == (PhotoRef(tmp_path / "a.tif"), tmp_path / "both" / "a_restored.tif")


def test_a_file_of_a_set_is_restored_without_the_description_of_the_set(model: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", frames(2, SIDE, SIDE), ome=True, metadata={"axes": "TYX"})
    other = b'<UUID FileName="b.ome.tif">urn:uuid:2</UUID>'
    tiff = tifffile.TiffFile(tmp_path / "a.ome.tif")
    with tiff:
        text = tiff.pages.first.description
    assert "<TiffData" in text
    described = text.replace(
        'PlaneCount="2"/>',
        f'PlaneCount="1"><UUID>urn:uuid:1</UUID></TiffData><TiffData IFD="1">{other.decode()}</TiffData>',
    )
    assert described != text
    tifffile.tiffcomment(tmp_path / "a.ome.tif", described.encode())
    result = restored(model, tmp_path / "a.ome.tif", tmp_path / "out")
    (outcome,) = result.outcomes
    assert outcome.state == "restored"
    assert any("one of several" in remark for remark in outcome.remarks)
    assert outcome.output is not None
    assert tifffile.imread(outcome.output).shape == (2, SIDE, SIDE)


def bleaching(path: Path) -> None:
    """Counts of 12 bits that lose half of their light; each page by itself would have a white of its own."""
    counts = np.random.default_rng(0).poisson(400, (SIDE, SIDE))
    light = np.stack([100 + counts * share for share in (1.0, 0.7, 0.5)])
    tifffile.imwrite(path, light.astype(np.uint16), imagej=True, metadata={"axes": "TYX"})


def test_a_page_alone_is_restored_as_within_its_stack(tmp_path: Path) -> None:
    model = starter_path("denoise")
    assert model is not None
    stack = tmp_path / "series.tif"
    bleaching(stack)
    whole = restored(model, stack, tmp_path / "whole")
    alone = restored(model, (PhotoRef(stack, 3),), tmp_path / "alone")
    found, within = tifffile.imread(alone.restored[0][1]), tifffile.imread(whole.restored[0][1])[2]
    np.testing.assert_array_equal(found, within)


def test_pages_of_another_format_keep_their_brightness_among_themselves(model: Path, tmp_path: Path) -> None:
    stack = tmp_path / "series.tif"
    bleaching(stack)
    result = restored(model, stack, tmp_path / "out", format="png", bit_depth="8", luminance=0, colour=0)
    means = [float(read_image(output).pixels.mean()) for _, output in result.restored]
    assert len(means) == 3
    assert means[0] > means[1] + 0.1 > means[2] + 0.2
