"""The words of the command line that scripts of others hold: none of them is refused, whatever has come since."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.photo_files.photos import probe_image
from tests.conftest import TinyPhotos
from tests.engine.cli.test_cli import in_process, last_object

PAIRS = "--noisy noisy --clean clean"


@pytest.mark.usefixtures("starters")
@pytest.mark.parametrize(
    "line",
    [
        "scan photos",
        *(f"pretrain photos --preset {preset} --out run" for preset in ("quick", "balanced", "thorough")),
        "pretrain photos --pretext rcl --steps 9 --device auto --seed 1 --out run",
        *(f"finetune --from {parent} {PAIRS} --out run" for parent in ("run", "none")),
        *(
            f"finetune --from run {PAIRS} --labels 3 --task {task} --steps 9 --out run"
            for task in ("denoise", "sr2", "sr3", "sr4", "demosaick")
        ),
        *(
            f"restore starter a.jpg photos --out out --strength 1.0 --format {word} --tile auto"
            for word in ("keep", "png", "tiff16", "jpeg")
        ),
        *(f"evaluate {method} {PAIRS} --task denoise" for method in ("starter", "run", "bm3d")),
        "label-budget photos --clean clean --labels 0,1,2,5,10,all --seeds 3 --out out",
        "suggest-labels photos --from run -k 5",
        "export run out.onnx",
        "doctor",
    ],
)
def test_no_word_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """Nothing that it names is there, which is no wrong usage."""
    monkeypatch.chdir(tmp_path)
    ended = in_process(*line.split(), "--json")
    assert ended.exit_code == (0 if line == "doctor" else 3), ended.output


@pytest.mark.usefixtures("starters")
@pytest.mark.parametrize(("beside", "bit_depth"), [([], 16), (["--bit-depth", "8"], 8)])
def test_tiff16_is_tiff_with_16_bits_unless_others_are_asked_for(
    tiny_photos: TinyPhotos, tmp_path: Path, beside: list[str], bit_depth: int
) -> None:
    photo = Path(shutil.copy(tiny_photos.noisy / "photo 0.png", tmp_path / "a.png"))
    done = in_process("restore", "starter", photo, "--out", tmp_path / "out", "--format", "tiff16", *beside, "--json")
    assert done.exit_code == 0, done.output
    restored: list[dict[str, Any]] = last_object(done.stdout)["restored"]
    info = probe_image(Path(restored[0]["output"]))
    assert (info.file_format, info.bit_depth) == ("tiff", bit_depth)
