"""Trying a training's weights on photos whose files hold other numbers and colours than a plain photograph's."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from pytestqt.qtbot import QtBot

from app.core.session import Session
from app.look.theme import Theme
from app.pages.training.try_panel import TryPanel
from app.viewer.pictures import Picture
from engine.models.files import ModelCard, build_network, save_model
from engine.runs.store import Run
from tests.app.conftest import open_photos, show_at
from tests.colour_makers import rgb_profile_of


@pytest.fixture
def run(session: Session) -> Run:
    """A run whose network has fresh weights."""
    torch.manual_seed(0)
    card = ModelCard(name="Tiny", backbone="unet", backbone_params={})
    run = session.run_store.create("pretrain", "Tiny", {})
    save_model(run.model_path, build_network(card).state_dict(), card)
    return run


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session) -> Iterator[TryPanel]:
    panel = TryPanel(session)
    show_at(qtbot, panel, 900, 500)
    yield panel
    panel.shut_down()


@pytest.mark.parametrize(
    ("sample_type", "peak", "num_channels", "profile"),
    [("float32", 1.0, 1, None), ("int16", 32767.0, 1, None), ("uint16", 65535.0, 3, rgb_profile_of(1.8))],
)
def test_a_spot_is_shown_in_the_numbers_and_colours_of_its_file(
    qtbot: QtBot,
    tmp_path: Path,
    session: Session,
    panel: TryPanel,
    run: Run,
    sample_type: str,
    peak: float,
    num_channels: int,
    profile: bytes | None,
) -> None:
    folder = tmp_path / "Slides"
    folder.mkdir()
    counts = np.random.default_rng(0).integers(90, 390, (96, 112, num_channels)).astype(sample_type)
    photometric = "minisblack" if num_channels == 1 else "rgb"
    tifffile.imwrite(folder / "slide.tif", counts.squeeze(), photometric=photometric, iccprofile=profile)
    open_photos(session, folder)
    panel.set_run(run.path)
    with qtbot.waitSignal(panel.tried, timeout=60_000):
        panel.ask()
    noisy, restored = panel.viewer.panes
    assert isinstance(noisy, Picture)
    assert isinstance(restored, Picture)
    assert (noisy.peak, restored.peak) == (peak, peak)
    np.testing.assert_allclose(noisy.pixels * noisy.peak, counts, rtol=1e-4)
    assert (noisy.icc_profile, restored.icc_profile) == (profile, profile)
