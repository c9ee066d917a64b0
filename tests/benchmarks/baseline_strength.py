"""Which strength suits each classical method best, for a noise level that is estimated and not told.

    python3 run.py bench baseline_strength [--seed 0]

Photographs that come with scikit-image, none of which is in a test set, get noise of four levels: white, and blurred so
that neighbours correlate as in camera photos (0.4 one pixel apart). The factor with the highest mean PSNR is what
`engine.comparing.baselines.denoisers` holds.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import skimage
from scipy.ndimage import gaussian_filter

from engine.comparing.baselines import denoisers
from engine.comparing.metrics import psnr
from engine.contracts.photo import Pixels
from engine.photo_files.photos import read_image
from engine.photos.noise_estimate import estimate_noise
from tests.benchmarks.reporting import print_table

PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "camera.png")
CROP_PX = 224
SIGMAS = (5, 10, 20, 40)
BLUR_PX = 0.6
"""Correlates neighbours with 0.4."""

FACTORS: dict[Callable[[Pixels, float, float], Pixels], tuple[float, ...]] = {
    denoisers.non_local_means: (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2),
    denoisers.wavelet: (0.8, 1.0, 1.2, 1.5, 1.8, 2.2),
    denoisers.total_variation: (0.6, 0.8, 1.0, 1.2, 1.5, 1.8),
}


def noisy_photos(seed: int) -> Iterator[tuple[Pixels, Pixels]]:
    """Yield noisy and clean crops; the noisy ones clipped and rounded to 8 bits."""
    folder = Path(skimage.__file__).parent / "data"
    for index, name in enumerate(PHOTOS):
        pixels = read_image(folder / name).pixels
        top, left = ((side - CROP_PX) // 2 for side in pixels.shape[:2])
        clean = pixels[top : top + CROP_PX, left : left + CROP_PX]
        for sigma in SIGMAS:
            white = np.random.default_rng((seed, index, sigma)).normal(size=clean.shape)
            blurred = gaussian_filter(white, (BLUR_PX, BLUR_PX, 0))
            for noise in (white, blurred / blurred.std()):
                noisy = np.rint((clean + noise * sigma / 255).clip(0, 1) * 255) / 255
                yield noisy.astype(np.float32), clean


def run(seed: int) -> None:
    """Measure and print all factors."""
    gains: dict[tuple[str, float], list[float]] = {}
    for noisy, clean in noisy_photos(seed):
        sigma, before = estimate_noise(noisy).sigma, psnr(noisy, clean)
        for method, factors in FACTORS.items():
            for factor in factors:
                gain = psnr(method(noisy, sigma, factor), clean) - before
                gains.setdefault((method.__name__, factor), []).append(gain)
    rows = [(name, f"{factor:g}", f"{np.mean(values):.3f}") for (name, factor), values in gains.items()]
    print_table(("method", "factor", "mean gain, dB"), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    run(parser.parse_args().seed)
