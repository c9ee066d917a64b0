"""Compare shows and measures pictures of counts, whose files hold numbers of several types, on one scale."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from app.pages.compare.figures import PaneMeter
from app.pages.compare.panes import LoadedPanes
from app.viewer.picture_files import PictureFiles
from app.viewer.pictures import Picture, PictureRole
from engine.comparing.evaluating import evaluate
from engine.comparing.region_metrics import Region
from engine.contracts.configs import EvaluateConfig
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef

SIDE = 96
NOISE = 15.0
RANGE = (88.0, 390.0)


def clean_counts() -> np.ndarray:
    """Waves between 120 and 358 counts."""
    waves = np.sin(np.arange(SIDE) / 9)
    return 239 + 119 * waves[:, None] * waves[None, :]


def write(path: Path, counts: np.ndarray, sample_type: str, spread: tuple[float, float] = RANGE) -> Path:
    """Write counts; with 8 bits what is to be spread over their range."""
    if sample_type == "uint8":
        counts = (counts - spread[0]) / (spread[1] - spread[0]) * 255
    values = counts if sample_type == "float32" else np.rint(counts)
    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, values.astype(sample_type), metadata=None)
    return path


def write_pair(folder: Path, noisy_type: str, clean_type: str) -> tuple[Path, Path]:
    noise = np.random.default_rng(0).normal(0, NOISE, (SIDE, SIDE))
    noisy = write(folder / "noisy" / "a.tif", np.clip(clean_counts() + noise, *RANGE), noisy_type)
    return noisy, write(folder / "clean" / "a.tif", clean_counts(), clean_type)


def figures_of(panes: dict[PictureRole, Path], reference: Path, region: Region | None = None) -> list[str]:
    """Return the captions of panes: the first is the photo."""
    files = PictureFiles()
    pictures = [files.picture(PhotoRef(path), title="", detail="", role=role) for role, path in panes.items()]
    assert all(isinstance(picture, Picture) for picture in pictures)
    loaded = LoadedPanes(PhotoRef(next(iter(panes.values()))), tuple(pictures), PhotoRef(reference))
    figures = PaneMeter(files).measure(loaded, region, JobControl()).by_pane
    return [figures[index].replace("\N{NO-BREAK SPACE}", " ") for index in range(len(panes))]


@pytest.mark.parametrize(
    ("noisy_type", "clean_type"),
    [
        ("uint16", "uint16"),
        ("uint16", "float32"),
        ("float32", "float32"),
        ("float32", "uint16"),
        ("int32", "int32"),
        ("uint16", "uint8"),
        ("float32", "uint8"),
    ],
)
def test_captions_say_what_the_evaluation_says(tmp_path: Path, noisy_type: str, clean_type: str) -> None:
    noisy, clean = write_pair(tmp_path, noisy_type, clean_type)
    config = EvaluateConfig(noisy=(noisy.parent,), clean=(clean.parent,), baseline="bicubic")
    measured = evaluate(config, JobControl(), lambda event: None)
    assert measured.noisy_psnr > 15
    expected = f"{measured.noisy_psnr:.2f} dB · SSIM {measured.noisy_ssim:.3f}"
    assert figures_of({PictureRole.INPUT: noisy}, clean) == [expected]
    (within,) = figures_of({PictureRole.INPUT: noisy}, clean, Region(0, 0, SIDE, SIDE))
    assert within == f"region {expected.replace(' · ', ', ')} · whole {expected}"


@pytest.mark.parametrize("restored_type", ["uint16", "float32", "uint8"])
@pytest.mark.parametrize("clean_type", ["uint16", "float32"])
def test_what_came_of_a_photo_is_measured_on_the_scale_of_the_photo(
    tmp_path: Path, clean_type: str, restored_type: str
) -> None:
    """A file of its own has measured levels of its own, and perhaps another type: neither makes it better or worse."""
    noisy, clean = write_pair(tmp_path, "uint16", clean_type)
    error = 3 * np.random.default_rng(1).choice([-1.0, 1.0], (SIDE, SIDE))
    black, white = np.percentile(tifffile.imread(noisy), (0.5, 100))
    restored = write(tmp_path / "restored.tif", clean_counts() + error, restored_type, spread=(black, white))
    _, of_restored = figures_of({PictureRole.INPUT: noisy, PictureRole.RESTORED: restored}, clean)
    peak = 65535 if clean_type == "uint16" else white - black
    assert float(of_restored.split()[0]) == pytest.approx(20 * np.log10(peak / 3), abs=0.3)
