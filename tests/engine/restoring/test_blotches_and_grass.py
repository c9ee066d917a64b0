"""The starter's blend on what photographers look at first: blotches of colour in shadows, and grass in good light."""

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from engine.contracts.blending import FULL, Blend, suggested_blend
from engine.contracts.configs import ComputeConfig
from engine.contracts.photo import Pixels
from engine.machine.devices import open_device
from engine.models.files import load_model
from engine.models.starters import require_starter
from engine.photo_files.values.sample_types import to_float
from engine.photos.noise_estimate import estimate_noise
from engine.restoring.blending import blended
from engine.restoring.restorer import Restorer
from engine.simulation.camera import Camera, take_photo

LUMA = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def starter() -> Restorer:
    compute = ComputeConfig(device="cpu", precision="32-true")
    return Restorer(load_model(require_starter("denoise")), open_device(compute))


def luma(pixels: Any) -> Any:
    return np.asarray(pixels, float) @ LUMA


def fine(values: Any) -> Any:
    return values - gaussian_filter(values, 2)


def blotches(error: Any) -> float:
    """Broad noise of colours, a few to some dozen pixels wide, of 255."""
    colours = np.asarray(error, float) - luma(error)[..., None]
    bands = [gaussian_filter(colours, (sigma, sigma, 0)) for sigma in (3, 24)]
    return 255 * float(np.sqrt(np.square(bands[0] - bands[1]).mean()))


def grass(amplitude: float) -> Pixels:
    """Fine weak texture on the left, a calm sky on the right. 0 to 1."""
    blades = gaussian_filter(np.random.default_rng(5).normal(0, 1, (192, 192)), (1.0, 0.4))
    green = np.array([0.7, 1.0, 0.5]) * amplitude * blades[..., None] / blades.std()
    picture = np.array([0.35, 0.47, 0.27]) + green
    picture[:, 120:] = (0.4, 0.55, 0.7)
    return np.asarray(picture, np.float32)


def with_noise(clean: Pixels, levels: float) -> Pixels:
    noisy = 255 * clean + np.random.default_rng(6).normal(0, levels, clean.shape)
    return to_float(np.rint(noisy).clip(0, 255).astype(np.uint8))


def test_colour_blotches_in_the_shadows_of_a_jpeg_lessen_and_its_grain_can_stay(starter: Restorer) -> None:
    """A dark photo whose camera smoothed the colours and stored them at half the resolution."""
    rng = np.random.default_rng(2)
    scene = np.stack([gaussian_filter(rng.normal(0, 1, (256, 256)), 40) for _ in range(3)], axis=2)
    clean = np.asarray(0.45 + 0.05 * scene / scene.std(), np.float32)
    camera = Camera(
        shot=0.008,
        read=2e-5,
        exposure=0.35,
        chroma_blur_px=3.0,
        luma_smoothing=1.5,
        jpeg_quality=85,
        has_fine_chroma=False,
        colour_matrix=np.array([[1.6, -0.4, -0.2], [-0.2, 1.5, -0.3], [-0.05, -0.45, 1.5]], np.float32),
    )
    noisy, target = take_photo(clean, camera, rng)
    assert luma(target).mean() < 0.3
    restored = starter.restore(np.ascontiguousarray(noisy))
    before, after = blotches(noisy - target), blotches(restored - target)
    assert before > 2, "there are blotches"
    assert after < 0.75 * before
    with_grain = blended(noisy, restored, Blend(luminance=0))
    assert blotches(with_grain - target) == pytest.approx(after, rel=0.05)
    grain = [float(np.std(fine(luma(picture - target)))) for picture in (with_grain, noisy)]
    assert grain[0] == pytest.approx(grain[1], rel=0.02)


@pytest.mark.parametrize("levels", [0, 1])
def test_a_clean_landscape_keeps_its_grass_as_suggested_and_gets_it_back_by_detail(
    starter: Restorer, levels: float
) -> None:
    clean = grass(0.03)
    noisy = with_noise(clean, levels)
    restored = starter.restore(noisy)
    lawn = np.s_[:, 10:110]

    def kept(blend: Blend) -> float:
        found, wanted = (fine(luma(picture)[lawn]) for picture in (blended(noisy, restored, blend), clean))
        return float((found * wanted).sum() / np.square(wanted).sum())

    suggested = suggested_blend(estimate_noise(noisy))
    assert suggested == Blend.even(0.3)
    assert kept(FULL) < 0.75, "the model takes grass as weak and fine as this for noise"
    assert kept(suggested) > 0.87
    assert kept(Blend(detail=1)) > 0.98
    errors = [np.square(blended(noisy, restored, blend) - clean)[lawn].mean() for blend in (suggested, FULL)]
    assert errors[0] < 0.5 * errors[1]


def test_grass_of_some_contrast_stays_even_in_the_full_restoration(starter: Restorer) -> None:
    clean = grass(0.06)
    found, wanted = (fine(luma(picture)[:, 10:110]) for picture in (starter.restore(clean), clean))
    assert (found * wanted).sum() / np.square(wanted).sum() > 0.95
