"""The labels of a task: pairs of another size, of one size, and clean photos alone; what is set aside, and why."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from engine.contracts.configs import FinetuneConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import FileSkipped, JobEvent, JobWarning
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef, Pixels
from engine.method.catalogue.tasks import TASKS
from engine.photo_files.bicubic_resize import enlarge, shrink
from engine.photo_files.photos import PhotoImage, read_image, write_image
from engine.photos.identity import file_digest
from engine.training import labels
from engine.training.labels import LabelSet, gather_labels

Make = Callable[[Pixels], NDArray[np.float32]]


def draw_scene(seed: int, height: int = 97, width: int = 118) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    scene = np.full((height, width, 3), 0.5, np.float32)
    for _ in range(25):
        corner = rng.integers(0, (width, height))
        colour = [float(value) for value in rng.uniform(0, 1, 3)]
        far = corner + rng.integers(10, 40, 2)
        cv2.rectangle(scene, (int(corner[0]), int(corner[1])), (int(far[0]), int(far[1])), colour, -1)
    return scene


class Folders:
    """A folder of large clean photos, and one of noisy photos made of them."""

    def __init__(self, root: Path) -> None:
        self.noisy, self.clean = root / "noisy", root / "clean"
        self.noisy.mkdir()
        self.clean.mkdir()

    def add(self, name: str, make_noisy: Make | None = None, seed: int = 0) -> None:
        clean = draw_scene(seed)
        write_image(self.clean / name, PhotoImage(clean))
        if make_noisy is not None:
            write_image(self.noisy / name, PhotoImage(np.asarray(make_noisy(clean), np.float32)))

    def gather(self, task: str = "sr2", **settings: object) -> tuple[LabelSet, list[JobEvent]]:
        values: dict[str, object] = {"noisy": (self.noisy,), "clean": (self.clean,), "task": task, **settings}
        events: list[JobEvent] = []
        return gather_labels(FinetuneConfig.model_validate(values), JobControl(), events.append), events


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def with_noise(seed: int) -> Make:
    generator = np.random.default_rng(seed)
    return lambda clean: np.clip(clean + generator.normal(0, 0.04, clean.shape), 0, 1).astype(np.float32)


def half(clean: Pixels) -> Pixels:
    return shrink(clean, 2)


def half_and_back(clean: Pixels) -> NDArray[np.float32]:
    blurred = np.zeros_like(clean)
    enlarged = enlarge(shrink(clean, 2), 2)
    blurred[: enlarged.shape[0], : enlarged.shape[1]] = enlarged
    blurred[enlarged.shape[0] :] = blurred[enlarged.shape[0] - 1]
    return blurred


def test_references_of_the_tasks_scale_lose_the_row_that_no_small_pixel_shows(folders: Folders) -> None:
    for index in range(2):
        folders.add(f"{index}.png", half, seed=index)
    labels, events = folders.gather()
    assert [pair.noisy.levels.shape for pair in labels.training] == [(3, 48, 59)] * 2
    assert [pair.clean.levels.shape for pair in labels.training] == [(3, 96, 118)] * 2
    assert labels.task.scale == 2
    assert labels.task_params == {}
    assert not [event for event in events if isinstance(event, JobWarning | FileSkipped)]
    assert {path.name for path in labels.unlabelled} == {"0.png", "1.png"}


def test_references_of_one_size_mean_photos_enlarged_already(folders: Folders) -> None:
    for index in range(2):
        folders.add(f"{index}.png", half_and_back, seed=index)
    labels, events = folders.gather()
    assert labels.task_params == {"enlarged_input": True}
    assert labels.task.scale == 1
    assert [pair.clean.levels.shape for pair in labels.training] == [(3, 97, 118)] * 2
    (warning,) = [event for event in events if isinstance(event, JobWarning)]
    assert "enlarged already" in warning.message
    # A resumed run has the setting in its config.
    again, _ = folders.gather(task_params=labels.task_params)
    assert again.task_params == labels.task_params
    assert len(again.training) == 2


def test_enlarged_photos_are_found_by_the_scale_in_their_names_when_a_run_goes_on(folders: Folders) -> None:
    for index in range(2):
        folders.add(f"{index}.png", half_and_back, seed=index)
        (folders.noisy / f"{index}.png").rename(folders.noisy / f"{index}x2.png")
    found, _ = folders.gather()
    assert found.task_params == {"enlarged_input": True}
    again, events = folders.gather(task_params=found.task_params)
    assert again.training_names == found.training_names == ("0x2.png", "1x2.png")
    assert not [event for event in events if isinstance(event, JobWarning | FileSkipped)]


def test_what_is_sized_unlike_most_is_set_aside(folders: Folders) -> None:
    folders.add("0.png", half, seed=0)
    folders.add("1.png", half, seed=1)
    folders.add("2.png", half_and_back, seed=2)
    labels, events = folders.gather()
    assert labels.training_names == ("0.png", "1.png")
    (warning,) = [event for event in events if isinstance(event, JobWarning)]
    assert warning.message.startswith("2.png is set aside")


def test_a_wrong_ratio_names_the_sizes_and_the_scale(folders: Folders) -> None:
    folders.add("0.png", half)
    folders.add("1.png", lambda clean: shrink(clean, 3), seed=1)
    labels, events = folders.gather()
    assert labels.training_names == ("0.png",)
    (warning,) = [event for event in events if isinstance(event, JobWarning)]
    for part in ("1.png", "39 x 32", "118 x 97"):
        assert part in warning.message
    assert "2 times as large" in warning.hint
    # Chosen by hand, it is tried, and says why it cannot be used.
    labels, events = folders.gather(label_names=("0.png", "1.png"))
    assert labels.training_names == ("0.png",)
    (skipped,) = [event for event in events if isinstance(event, FileSkipped)]
    assert "39 x 32" in skipped.reason
    labels, _ = folders.gather("sr3")
    assert labels.training_names == ("1.png",)


def test_shifted_pairs_are_set_aside_and_darker_ones_fitted_at_the_small_size(folders: Folders) -> None:
    folders.add("0.png", half, seed=0)
    # Two large pixels are one small one, which is within the tolerance.
    folders.add("1.png", lambda clean: np.roll(half(clean), (0, 1), (0, 1)), seed=1)
    folders.add("2.png", lambda clean: np.roll(half(clean), (3, 3), (0, 1)), seed=2)
    folders.add("3.png", lambda clean: 0.5 * half(clean), seed=3)
    labels, events = folders.gather()
    assert labels.training_names == ("0.png", "1.png", "3.png")
    messages = [event.message for event in events if isinstance(event, JobWarning)]
    assert len(messages) == 2
    assert "shifted by 4." in messages[0]
    assert messages[1].startswith("The reference of 3.png has another exposure")
    assert "gain 0.50" in messages[1]
    dark = labels.training[2]
    np.testing.assert_allclose(shrink(dark.clean.pixels[:96], 2), dark.noisy.pixels, atol=0.02)


def test_references_of_another_exposure_are_fitted_channel_by_channel_unless_asked_otherwise(folders: Folders) -> None:
    gains, offsets = np.float32((0.5, 0.6, 0.7)), np.float32((0.1, 0.05, 0.0))
    noise = np.random.default_rng(5).normal(0, 0.03, (97, 118, 3)).astype(np.float32)
    folders.add("a.png", lambda clean: clean * gains + offsets + noise, seed=1)
    folders.add("b.png", with_noise(3), seed=2)
    labels, events = folders.gather("denoise")
    first, second = labels.training
    np.testing.assert_allclose(first.clean.pixels, draw_scene(1) * gains + offsets, atol=0.01)
    np.testing.assert_allclose(second.clean.pixels, np.clip(draw_scene(2), 0, 1), atol=0.003)
    (told,) = [event.message for event in events if isinstance(event, JobWarning)]
    assert "a.png" in told
    assert " / " in told
    # By name too, as from the window.
    named, events = folders.gather("denoise", label_names=("a.png",))
    np.testing.assert_array_equal(named.training[0].clean.pixels, first.clean.pixels)
    for settings in ({"fit_references": False}, {"unfitted_names": ("a.png",)}):
        kept, events = folders.gather("denoise", **settings)
        np.testing.assert_allclose(kept.training[0].clean.pixels, draw_scene(1), atol=0.003)
        assert not [event for event in events if isinstance(event, JobWarning)]


def test_labels_only_measure_where_they_are_named_however_few_there_are(folders: Folders) -> None:
    for index in range(4):
        folders.add(f"{index}.png", with_noise(index), seed=index)
    labels, events = folders.gather("denoise", measure_names=("1.png",))
    assert labels.training_names == ("0.png", "2.png", "3.png")
    assert labels.validation_names == ("1.png",)
    # Neither its reference nor its noise teaches.
    assert {path.name for path in labels.unlabelled} == {"0.png", "2.png", "3.png"}
    assert not [event for event in events if isinstance(event, JobWarning)]
    drawn, _ = folders.gather("denoise", measure_names=("1.png",), labels=2)
    assert len(drawn.training) == 2
    assert drawn.validation_names == ("1.png",)
    named, _ = folders.gather("denoise", label_names=("0.png", "1.png"), measure_names=("1.png",))
    assert (named.training_names, named.validation_names) == (("0.png",), ("1.png",))
    with pytest.raises(InvalidInputError, match=r"nowhere\.png"):
        folders.gather("denoise", measure_names=("nowhere.png",))
    with pytest.raises(InvalidInputError, match="only measure"):
        folders.gather("denoise", measure_names=("0.png", "1.png", "2.png", "3.png"))


def test_of_photos_with_one_name_those_are_meant_whose_path_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cameras count alike: what is decided about a pair of one shoot says nothing of the other's."""
    shoots = []
    for number in range(2):
        root = tmp_path / f"shoot {number}"
        root.mkdir()
        shoots.append(Folders(root))
        for index in range(2):
            seed = 2 * number + index
            shoots[-1].add(f"IMG_{index}.png", lambda clean: 0.5 * clean, seed=seed)
    both = {
        "noisy": tuple(shoot.noisy for shoot in shoots),
        "clean": tuple(shoot.clean for shoot in shoots),
        "given_pairs": {
            shoot.noisy / f"IMG_{index}.png": shoot.clean / f"IMG_{index}.png" for shoot in shoots for index in range(2)
        },
        "label_names": ("IMG_0.png", "IMG_1.png"),
    }
    one = PhotoRef(shoots[1].noisy / "IMG_0.png")

    def measuring(name: str) -> list[Path]:
        labels, _ = shoots[0].gather("denoise", **both, measure_names=(name,))
        assert len(labels.training) + len(labels.validation) == 4
        return [label.noisy.photo.file for label in labels.validation]

    assert measuring(str(one)) == [one.file]
    assert measuring("IMG_0.png") == [shoot.noisy / "IMG_0.png" for shoot in shoots]
    monkeypatch.chdir(tmp_path)
    assert measuring("shoot 1/noisy/IMG_0.png") == [one.file]
    with pytest.raises(InvalidInputError, match="shoot 2"):
        measuring(str(tmp_path / "shoot 2" / "IMG_0.png"))
    _, events = shoots[0].gather("denoise", **both, unfitted_names=(str(one),))
    fitted = [event for event in events if isinstance(event, JobWarning) and "is fitted by gain" in event.message]
    assert len(fitted) == 3


def test_a_scene_that_both_teaches_and_measures_is_told(folders: Folders) -> None:
    for index in range(3):
        folders.add(f"{index}.png", with_noise(index), seed=index // 2)
    _, events = folders.gather("denoise", measure_names=("1.png",))
    (warning,) = [event.message for event in events if isinstance(event, JobWarning)]
    assert warning.startswith("1.png only measures")
    _, events = folders.gather("denoise", measure_names=("2.png",))
    assert not [event for event in events if isinstance(event, JobWarning)]


def test_the_command_line_sees_what_the_labels_page_sees(folders: Folders) -> None:
    """A copy of the photo, a wrong scene, the same photo twice: set aside, and by name used but told."""
    folders.add("good.png", with_noise(1), seed=1)
    folders.add("copy.png", with_noise(2), seed=2)
    (folders.clean / "copy.png").write_bytes((folders.noisy / "copy.png").read_bytes())
    folders.add("wrong.png", lambda clean: with_noise(3)(draw_scene(9)), seed=3)
    (folders.noisy / "twice.png").write_bytes((folders.noisy / "good.png").read_bytes())
    (folders.clean / "twice.png").write_bytes((folders.clean / "good.png").read_bytes())
    labels, events = folders.gather("denoise")
    assert labels.training_names == ("good.png",)
    told = {event.message for event in events if isinstance(event, JobWarning)}
    for name, words in (
        ("copy.png", "the same picture"),
        ("wrong.png", "different scenes"),
        ("twice.png", "the same photo"),
    ):
        assert any(message.startswith(f"{name} is set aside") and words in message for message in told)
    labels, events = folders.gather("denoise", label_names=("copy.png", "good.png"))
    assert labels.training_names == ("copy.png", "good.png")
    (warning,) = [event for event in events if isinstance(event, JobWarning)]
    assert "copy.png is used" in warning.message
    assert "the same picture" in warning.message


def test_a_copy_of_the_reference_is_a_label_for_filling_in_a_mosaic(folders: Folders) -> None:
    folders.add("a.png", lambda clean: clean)
    labels, events = folders.gather("demosaick")
    assert labels.training_names == ("a.png",)
    assert not [event for event in events if isinstance(event, JobWarning)]


@pytest.mark.parametrize("task", ["sr2", "sr3", "sr4", "demosaick"])
@pytest.mark.parametrize("noisy", ["none", "same folder"])
def test_clean_photos_alone_are_labels(folders: Folders, task: str, noisy: str) -> None:
    for index in range(2):
        folders.add(f"{index}.png", seed=index)
    labels, events = folders.gather(task, noisy=() if noisy == "none" else (folders.clean,))
    assert [pair.noisy.photo.file for pair in labels.training] == sorted(folders.clean.iterdir())
    assert not [event for event in events if isinstance(event, JobWarning | FileSkipped)]
    # Clean photos have no noise to learn from.
    assert labels.unlabelled == ()
    for pair in labels.training:
        clean = read_image(pair.clean.photo).pixels
        expected = labels.task.make_noisy(clean)
        np.testing.assert_allclose(pair.noisy.pixels, expected, atol=0.51 / 255)
        assert pair.clean.levels.shape[1:] == tuple(labels.task.scale * side for side in expected.shape[:2])
    assert labels.task_params == TASKS[task].own_pairs_params
    labels, _ = folders.gather(task, noisy=(), label_names=("1.png",), task_params={"noise_sigma": 3.0})
    assert labels.training_names == ("1.png",)
    assert labels.task_params["noise_sigma"] == 3.0


def test_clean_photos_alone_of_photos_enlarged_already(folders: Folders) -> None:
    folders.add("0.png")
    labels, _ = folders.gather(noisy=(), task_params={"enlarged_input": True})
    (pair,) = labels.training
    assert pair.noisy.levels.shape == pair.clean.levels.shape == (3, 96, 118)


def test_clean_photos_of_other_scenes_are_labels_beside_unlabelled_photos(folders: Folders) -> None:
    folders.add("clean.png")
    write_image(folders.noisy / "holiday.png", PhotoImage(draw_scene(5)))
    labels, events = folders.gather()
    assert labels.training_names == ("clean.png",)
    assert labels.unlabelled == (PhotoRef(folders.noisy / "holiday.png"),)
    (warning,) = [event for event in events if isinstance(event, JobWarning)]
    assert "clean photos alone" in warning.message


def test_denoising_needs_noisy_photos(folders: Folders) -> None:
    folders.add("0.png")
    with pytest.raises(InvalidInputError, match="no noisy photos"):
        folders.gather("denoise", noisy=())


def test_a_tiny_clean_photo_is_skipped(folders: Folders) -> None:
    folders.add("0.png")
    write_image(folders.clean / "tiny.png", PhotoImage(draw_scene(1, 3, 40)))
    labels, events = folders.gather(noisy=())
    assert labels.training_names == ("0.png",)
    (skipped,) = [event for event in events if isinstance(event, FileSkipped)]
    assert "40 x 3" in skipped.reason


@pytest.mark.parametrize("kind", ["denoise", "pairs", "clean alone", "gray floats"])
def test_labels_take_no_more_memory_than_they_may_where_the_disk_keeps_none(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Both sides show one common middle then."""
    make = {"denoise": with_noise(1), "pairs": half}.get(kind)
    for index in range(2):
        if kind == "gray floats":
            numbers = 1000 + 50 * draw_scene(index)[..., 0]
            tifffile.imwrite(folders.clean / f"{index}.tif", numbers)
            tifffile.imwrite(
                folders.noisy / f"{index}.tif",
                numbers + np.random.default_rng(index).normal(0, 1, numbers.shape).astype(np.float32),
            )
        else:
            folders.add(f"{index}.png", make, seed=index)
    settings: dict[str, Any] = {
        "denoise": {"task": "denoise"},
        "gray floats": {"task": "denoise"},
        "clean alone": {"noisy": ()},
    }.get(kind, {})
    whole, _ = folders.gather(**settings)
    budget = 30_000
    assert sum(side.memory_bytes for pair in whole.training for side in (pair.noisy, pair.clean)) > 2 * budget
    monkeypatch.setenv("RESIDUA_DECODED_GB", "0")
    monkeypatch.setattr(labels, "MEMORY_BUDGET_BYTES", budget)
    found, events = folders.gather(**settings)
    assert not [event for event in events if isinstance(event, FileSkipped)]
    assert len(found.training) == 2
    taken = 0
    for pair, before in zip(found.training, whole.training, strict=True):
        scale = found.task.scale
        height, width = pair.noisy.levels.shape[1:]
        assert pair.clean.levels.shape[1:] == (scale * height, scale * width)
        top, left = (
            (side - part) // 2 for side, part in zip(before.noisy.levels.shape[1:], (height, width), strict=True)
        )
        for side, side_before, factor in ((pair.noisy, before.noisy, 1), (pair.clean, before.clean, scale)):
            rows, columns = (
                slice(factor * first, factor * (first + part)) for first, part in ((top, height), (left, width))
            )
            np.testing.assert_array_equal(side.levels, side_before.levels[:, rows, columns])
            held = side.levels
            while isinstance(held.base, np.ndarray):
                held = held.base
            taken += held.nbytes
    assert 0.8 * budget < taken <= budget


@pytest.mark.parametrize(("height", "width"), [(1, 90), (90, 1), (10, 90)])
def test_a_tiny_pair_is_passed_over_though_it_is_named(folders: Folders, height: int, width: int) -> None:
    """It could not be measured, and would end the training."""
    folders.add("0.png", with_noise(1), seed=0)
    for folder, seed in ((folders.noisy, 1), (folders.clean, 2)):
        write_image(folder / "tiny.png", PhotoImage(draw_scene(seed, height, width)))
    found, events = folders.gather("denoise")
    assert found.names == ("0.png",)
    (warning,) = [event.message for event in events if isinstance(event, JobWarning)]
    assert warning.startswith("tiny.png is set aside")
    found, events = folders.gather("denoise", label_names=("0.png", "tiny.png"), measure_names=("tiny.png",))
    assert found.names == ("0.png",)
    (skipped,) = [event for event in events if isinstance(event, FileSkipped)]
    assert f"{width} x {height}" in skipped.reason


def test_validation_is_split_by_photo_for_made_pairs_too(folders: Folders) -> None:
    for index in range(8):
        folders.add(f"{index}.png", seed=index)
    labels, _ = folders.gather(noisy=(), validation_share=0.25)
    assert (len(labels.training), len(labels.validation)) == (6, 2)
    assert set(labels.training_names).isdisjoint(labels.validation_names)
    assert len(set(labels.digests)) == 8


def test_real_pairs_that_were_enlarged_are_recognized(shared_data: Path) -> None:
    folder = shared_data / "real_sr_pairs" / "city100_iphonex"
    config = FinetuneConfig(noisy=(folder / "low",), clean=(folder / "high",), task="sr2")
    labels = gather_labels(config, JobControl(), lambda event: None)
    assert labels.task_params == {"enlarged_input": True}
    assert (len(labels.training), len(labels.validation)) == (8, 2)


def test_given_pairs_teach_whatever_their_names(folders: Folders) -> None:
    for index, name in enumerate(("a.png", "b.png")):
        folders.add(name, with_noise(index), seed=index)
    folders.add("elsewhere.png", seed=0)
    given = {folders.noisy / "a.png": folders.clean / "elsewhere.png"}
    labels, events = folders.gather("denoise", given_pairs=given, label_names=("a.png", "b.png"))
    assert [pair.clean.photo.name for pair in labels.training] == ["elsewhere.png", "b.png"]
    assert not [event for event in events if isinstance(event, JobWarning | FileSkipped)]


def test_a_doubtful_pair_is_not_taken_for_its_file_name_where_a_sound_one_has_it(folders: Folders) -> None:
    """Photos of two folders have one name, and only one of them a reference: the other's would teach a wrong scene."""
    for name, seed in (("A/1.png", 1), ("B/1.png", 2), ("A/2.png", 3)):
        (folders.noisy / name).parent.mkdir(exist_ok=True)
        (folders.clean / name).parent.mkdir(exist_ok=True)
        folders.add(name, with_noise(seed), seed=seed)
    (folders.clean / "B" / "1.png").unlink()
    found, events = folders.gather("denoise", clean=(folders.clean / "A" / "1.png",), label_names=("1.png",))
    assert [pair.noisy.photo.file for pair in found.training] == [folders.noisy / "A" / "1.png"]
    assert not [event for event in events if isinstance(event, JobWarning)]
    with_measure, _ = folders.gather("denoise", measure_names=("1.png",))
    assert [pair.noisy.photo.file for pair in with_measure.validation] == [folders.noisy / "A" / "1.png"]


def test_references_of_one_scene_never_both_teach_and_measure(folders: Folders) -> None:
    for index in range(10):
        folders.add(f"{index}.png", with_noise(index), seed=index // 2)
    for seed in range(4):
        labels, _ = folders.gather("denoise", validation_share=0.4, seed=seed)
        assert len(labels.validation) == 4
        scenes = [
            {int(Path(name).stem) // 2 for name in names} for names in (labels.training_names, labels.validation_names)
        ]
        assert not scenes[0] & scenes[1]


def test_a_label_that_vanishes_after_it_was_read_is_skipped(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read, then gone before its digest is taken: that label alone is missing."""
    for index, name in enumerate(("a.png", "b.png", "c.png")):
        folders.add(name, half, seed=index)
    read = labels._decode_pair

    def read_and_lose(*arguments: Any) -> Any:
        decoded = read(*arguments)
        if decoded[0].noisy.photo.name == "b.png":
            decoded[0].noisy.photo.file.unlink()
        return decoded

    monkeypatch.setattr(labels, "_decode_pair", read_and_lose)
    found, events = folders.gather()
    assert found.names == ("a.png", "c.png")
    assert len(found.digests) == 2
    skipped = [event for event in events if isinstance(event, FileSkipped)]
    assert [event.path.name for event in skipped] == ["b.png"]
    assert "is not there" in skipped[0].reason
    assert found.digests == tuple(file_digest(PhotoRef(folders.noisy / name)) for name in found.names)
