"""Every example of `docs/extending.md` works as it stands on the page."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.viewer.pictures import Picture, PictureRole, ViewSettings
from app.viewer.pyramid_store import PyramidStore
from app.viewer.view_modes import VIEW_MODES
from engine import jobs
from engine.comparing.baselines.registry import BASELINES, BaselineEntry
from engine.contracts.configs import EvaluateConfig, FinetuneConfig, PretrainConfig, RestoreConfig
from engine.contracts.job_control import JobControl
from engine.contracts.presets import TASK_CARDS, TaskCard
from engine.method import registry
from tests.conftest import TinyPhotos

PAGE = Path(__file__).resolve().parent.parent / "docs" / "extending.md"
BLOCK = re.compile(r"^```python[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def run_examples(section: str) -> dict[str, Any]:
    """Run the code below a heading of the page, class first, then the row of its table."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    blocks = BLOCK.findall(text)
    assert len(blocks) == 2, section
    names: dict[str, Any] = {
        **{name: getattr(registry, name) for name in ("Entry", "PRETEXTS", "BACKBONES", "TASKS")},
        "TASK_CARDS": TASK_CARDS,
        "TaskCard": TaskCard,
        "BASELINES": BASELINES,
        "BaselineEntry": BaselineEntry,
        "VIEW_MODES": VIEW_MODES,
        "__name__": "example",
    }
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    return names


@pytest.fixture(autouse=True)
def tables() -> Iterator[None]:
    """Take the rows out again."""
    changed: list[dict[str, Any]] = [
        *(registry.PRETEXTS, registry.BACKBONES, registry.TASKS),
        *(TASK_CARDS, BASELINES, VIEW_MODES),
    ]
    before = [dict(table) for table in changed]
    yield
    for table, rows in zip(changed, before, strict=True):
        table.clear()
        table.update(rows)


def ignore(event: object) -> None:
    """Nobody watches these jobs."""


def test_a_pretext_task_trains(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    run_examples("A pretext task")
    config = PretrainConfig(
        photos=(tiny_photos.noisy,), out=tmp_path / "run", steps=2, pretext="plain-neighbours", crop_px=16
    )
    assert jobs.pretrain(config, JobControl(), ignore).steps == 2


def test_a_backbone_trains_and_restores_by_tiles(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    run_examples("A backbone")
    backbone = registry.BACKBONES["two-layers"].make({})
    torch.nn.init.normal_(backbone.head.weight, std=0.1)
    photo = torch.rand(1, 3, 24, 24)
    changed = photo.clone()
    changed[..., 0, 0] += 1
    reach = (backbone(photo) != backbone(changed)).any(dim=1)[0].nonzero().max()
    assert reach == backbone.context_px
    config = PretrainConfig(
        photos=(tiny_photos.noisy,), out=tmp_path / "run", steps=2, backbone="two-layers", crop_px=16
    )
    run = jobs.pretrain(config, JobControl(), ignore).run
    restoring = RestoreConfig(model=run, photos=(tiny_photos.noisy,), out=tmp_path / "restored", tile=64)
    assert len(jobs.restore(restoring, JobControl(), ignore).restored) == 8


def test_a_task_learns_from_clean_photos_alone(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    run_examples("A task")
    config = FinetuneConfig(
        parent=None, task="deblur", noisy=(), clean=(tiny_photos.clean,), out=tmp_path / "run", steps=2, crop_px=16
    )
    assert jobs.finetune(config, JobControl(), ignore).steps == 2


def test_a_classical_method_is_measured(tiny_photos: TinyPhotos) -> None:
    run_examples("A classical method")
    config = EvaluateConfig(baseline="median", noisy=(tiny_photos.noisy,), clean=(tiny_photos.clean,))
    result = jobs.evaluate(config, JobControl(), ignore)
    assert result.psnr > result.noisy_psnr


def test_a_view_mode_arranges_panes(qapp: object) -> None:
    run_examples("A view mode")
    panes = [
        Picture(title=title, pixels=np.full((8, 8, 3), 0.5, np.float32), role=PictureRole.OTHER)
        for title in ("Noisy", "Restored", "Reference")
    ]
    panels = VIEW_MODES["first_and_last"].arrange(panes, ViewSettings(), PyramidStore())
    assert [panel.title for panel in panels] == ["Noisy", "Reference"]
