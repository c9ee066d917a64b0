"""The pretrain page says which stride was measured, and lets it be changed."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.pages.training.pretrain import PretrainPage
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.method.catalogue.pretexts import PRETEXTS
from tests.app.conftest import OpenWindow
from tests.conftest import TinyPhotos

CAMERA = (0.6, 0.2, 0.1, 0.0)
COARSE = (0.9, 0.8, 0.7, 0.6)


def scanned(path: Path, correlation: tuple[float, ...]) -> PhotoScanned:
    return PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.02, noise_correlation=correlation)


@pytest.fixture
def page(opened: OpenWindow, tiny_photos: TinyPhotos) -> PretrainPage:
    opened.session.set_folders([tiny_photos.noisy])
    paths = sorted(tiny_photos.noisy.iterdir())
    opened.session.add_photos([scanned(path, CAMERA if index < 5 else COARSE) for index, path in enumerate(paths)])
    opened.window.show_page("pretrain")
    page = opened.window.pages["pretrain"]
    assert isinstance(page, PretrainPage)
    return page


def test_the_measured_stride_is_shown_and_left_to_the_training(page: PretrainPage) -> None:
    assert page.inputs.noise_facts.isVisible()
    assert "pixels 3 apart (stride\xa03)" in page.inputs.noise_facts.label.text()
    page.session.set_engine_loaded("CPU")
    # Measured by the training, as on the command line: of a raw file it learns from other pixels.
    config = page.inputs.make_config()
    assert PRETEXTS.find(config.pretext).leaves_stride_open(config.pretext_params)
    # Without the photos of fine grain, the coarse ones decide.
    page.session.set_excluded([photo.path for photo in page.session.photos[:5]])
    assert "(stride\xa04)" in page.inputs.noise_facts.label.text()


def test_the_stride_can_be_changed(qtbot: QtBot, page: PretrainPage) -> None:
    page.session.set_engine_loaded("CPU")
    page.form.set_more_shown(False)
    page.inputs.change_stride.click()
    editor = page.form.params_editor("pretext_params", "stride")
    assert editor is not None
    qtbot.waitUntil(editor.isVisible)
    editor.set_value(2)
    editor.edited.emit()
    assert "Stride 2, as set below; measured: 3." in page.inputs.noise_facts.label.text()
    assert page.inputs.make_config().pretext_params["stride"] == 2


def test_a_method_without_a_stride_says_nothing_of_it(page: PretrainPage) -> None:
    page.session.set_engine_loaded("CPU")
    page.form.form.set_values({"pretext": "rcl-plain"})
    page.form.form.edited.emit("pretext")
    assert page.form.params_editor("pretext_params", "stride") is None
    assert "stride" not in page.inputs.noise_facts.label.text()
    assert not page.inputs.change_stride.isVisible()
    assert "stride" not in page.inputs.make_config().pretext_params


def test_photos_without_a_measured_noise(page: PretrainPage) -> None:
    page.session.set_engine_loaded("CPU")
    page.session.add_photos(
        [PhotoScanned(path=photo.path, width=112, height=96, noise_sigma=None) for photo in page.session.photos]
    )
    assert not page.inputs.noise_facts.isVisible()
    assert page.inputs.make_config().pretext_params["stride"] == 0
