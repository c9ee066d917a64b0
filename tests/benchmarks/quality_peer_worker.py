"""Runs in the environment of another package, without a line of ours, and restores what it is asked to.

    python quality_peer_worker.py dncnn|menon|demosaicnet

Reads a JSON object a line: `given` and `made`, files of NumPy (height, width, channels; 0 to 1), and `sigma`. Answers
each with a line. Mosaics have red top left.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

BORDER_PX = 48
"""How far demosaicnet sees, rounded up: it pads nothing."""

Restore = Callable[[Any, float], Any]


def dncnn() -> Restore:
    """The network of 17 layers that is told the noise; it takes each channel by itself."""
    network = importlib.import_module("scico.denoiser").DnCNN("17N")
    arrays = importlib.import_module("scico.numpy")

    def restore(pixels: Any, sigma: float) -> Any:
        planes = [network(arrays.array(np.ascontiguousarray(plane)), sigma) for plane in np.moveaxis(pixels, 2, 0)]
        return np.stack([np.asarray(plane) for plane in planes], axis=-1)

    return restore


def menon() -> Restore:
    """Menon, Andriani, Calvagno: "Demosaicing with directional filtering and a posteriori decision", 2007."""
    interpolate = importlib.import_module("colour_demosaicing").demosaicing_CFA_Bayer_Menon2007
    return lambda pixels, sigma: interpolate(pixels[..., 0].astype(np.float64), "RGGB")


def demosaicnet() -> Restore:
    """The released network, which wants green top left and red beside it: one column of border more gives that."""
    torch = importlib.import_module("torch")
    network = importlib.import_module("demosaicnet").BayerDemosaick().eval()

    def restore(pixels: Any, sigma: float) -> Any:
        height, width = pixels.shape[:2]
        rows = (BORDER_PX, BORDER_PX + height % 2)
        columns = (BORDER_PX + 1, BORDER_PX + (width + 1) % 2)
        # Mirrored about the outermost pixels, which keeps the colours' places.
        mosaic = np.pad(pixels[..., 0], (rows, columns), mode="reflect")
        planes = np.zeros((3, *mosaic.shape), np.float32)
        for channel, row, column in ((1, 0, 0), (0, 0, 1), (2, 1, 0), (1, 1, 1)):
            planes[channel, row::2, column::2] = mosaic[row::2, column::2]
        with torch.no_grad():
            made = network(torch.from_numpy(planes)[None])[0].numpy()
        top, left = ((whole - part) // 2 for whole, part in zip(mosaic.shape, made.shape[1:], strict=True))
        rows_kept = slice(rows[0] - top, rows[0] - top + height)
        columns_kept = slice(columns[0] - left, columns[0] - left + width)
        return np.moveaxis(made[:, rows_kept, columns_kept], 0, -1)

    return restore


def main() -> None:
    """Answer until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    makers = {"dncnn": dncnn, "menon": menon, "demosaicnet": demosaicnet}
    parser.add_argument("package", choices=list(makers))
    restore = makers[parser.parse_args().package]()
    for line in sys.stdin:
        asked = json.loads(line)
        pixels = np.load(asked["given"])
        np.save(asked["made"], np.asarray(restore(pixels, asked["sigma"]), np.float32))
        print("made", flush=True)


if __name__ == "__main__":
    main()
