"""How quickly photos are restored, beside what else does it: plain torch, OpenCV, scikit-image.

    python3 run.py bench restore [--runs 5] [--parts network pipeline photo memory scaling] [--docs DIR]

1. Network: our backends and eager single-precision torch of the same network on one tile, and the share of the
   machine's convolution peak.
2. Pipeline: files to files, two photos of 3 megapixels with the U-Net: our job, and the loop that a user would write
   around the same network (read with OpenCV, whole photo through torch in single precision, write).
3. Photo: one photo of 24 megapixels with the starter denoiser, file to file, against non-local means for colour photos
   of OpenCV and scikit-image on the same photo.
4. Memory: the peak of a photo of 100 megapixels and 16 bits, in a process of its own.
5. Scaling: our job over the number of photos, the size of tiles and threads; over megapixels it is a row of the photo's
   table.

Every run takes all sides in turn, so that whatever else the machine does meets them all; ratios are of the same run.
Each part writes its own tables, so that they can be measured one after the other. Takes up to 35 minutes in all.
"""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from engine.contracts.configs import BackendChoice, ComputeConfig, RestoreConfig
from engine.contracts.job_control import JobControl
from engine.machine.devices import num_cpu_threads, open_device
from engine.models.files import ModelCard, build_network, load_model, save_model
from engine.models.starters import require_starter
from engine.restoring.backends.selection import choose_backend
from engine.restoring.job import restore
from tests.benchmarks.document import Table
from tests.benchmarks.parts import Figures, SpeedBenchmark, ratios, spread, timed, with_threads
from tests.benchmarks.restore_memory import measure_memory
from tests.benchmarks.roofline import measure_roofline

NETWORK_PX = 1152
"""The window of a tile of 1,024 pixels with its context."""

PIPELINE_PHOTOS, PIPELINE_SIZE = 2, (1500, 2000)
PHOTO_SIZE = (4000, 6000)
SCALING_SIZES = {1.5: (1000, 1500), 6.0: (2000, 3000), 24.0: PHOTO_SIZE}
SCALING_SIZE = (1500, 2000)
SCALING_PHOTOS, SCALING_TILES = (1, 2, 4, 8), (256, 512, 1024)
NOISE = 12.0
PEER_SIZES = {"scikit-image": (1000, 1500), "OpenCV": (2000, 3000)}
"""Theirs take minutes for a large photo; their time a megapixel does not depend on the size, so a part of it serves."""


def measure_network(folder: Path, num_runs: int) -> Figures:
    """The networks alone, in each backend, against the machine's peak."""
    from torch.utils.flop_counter import FlopCounterMode

    roofline = measure_roofline(num_runs)
    peak = roofline.convolution
    rows, figures = [], {}
    for name, model in networks(folder).items():
        network = load_model(model).network
        noisy = torch.rand(1, 3, NETWORK_PX, NETWORK_PX)
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            network(noisy[:, :, :256, :256])
        gflop = counter.get_total_flops() / 1e9 * (NETWORK_PX / 256) ** 2
        device = open_device(ComputeConfig(device="cpu"))
        sides: dict[str, Callable[[], object]] = {"eager fp32 torch": _eager(network, noisy)}
        for asked in ("torch", "openvino", "onnxruntime"):
            compiled = choose_backend(network, device, asked, megapixels=1e3, cache=folder / "backends").network  # type: ignore[arg-type]
            if asked == "torch":
                sides["ours, torch"] = _ours(network, noisy, device)
            elif compiled is not None:
                sides[f"ours, {asked}"] = lambda used=compiled, given=noisy: used.restore(given.numpy())  # type: ignore[misc]
        seconds = timed(sides, num_runs)
        for side, times in seconds.items():
            rates = [gflop / one for one in times]
            rows.append(
                (
                    name,
                    side,
                    spread([one / (NETWORK_PX**2 / 1e6) for one in times], 3),
                    f"{statistics.median(ratios(seconds, side)['eager fp32 torch']):.2f}",
                    spread(rates, 0),
                    f"{100 * statistics.median(rates) / peak:.0f} %",
                )
            )
        figures[name] = {"gflop": gflop, "seconds": seconds}
    table = Table(
        title="Networks alone, one window of 1,152 pixels",
        header=("network", "computed by", "s a megapixel", "times eager", "GFLOP/s", "of the convolution peak"),
        rows=rows,
    )
    return {"tables": [table, roofline.table()], "figures": {"peak": peak, "networks": figures}}


def measure_pipeline(folder: Path, num_runs: int) -> Figures:
    """Files to files, ours against the plain loop."""
    photos = folder / "photos"
    photos.mkdir()
    for number in range(PIPELINE_PHOTOS):
        write_photo(photos / f"photo {number}.png", PIPELINE_SIZE, seed=number)
    rows, figures = [], {}
    for name, model in list(networks(folder).items())[:1]:
        seconds = timed(
            {
                "eager fp32 torch, plain loop": lambda used=model: plain_loop(used, photos, folder / "plain"),  # type: ignore[misc]
                "ours, best backend": lambda used=model: our_job(used, photos, out=folder / "ours"),  # type: ignore[misc]
            },
            num_runs,
        )
        factor = ratios(seconds, "ours, best backend")["eager fp32 torch, plain loop"]
        rows += [(name, side, spread(times, 1), "") for side, times in seconds.items()]
        rows[-1] = (*rows[-1][:3], spread(factor))
        figures[name] = {"seconds": seconds, "ratio": factor}
    table = Table(
        title=f"{PIPELINE_PHOTOS} PNG photos of 3 megapixels, file to file",
        header=("network", "side", "seconds", "times as fast"),
        rows=rows,
    )
    return {"tables": [table], "figures": figures}


def measure_photo(folder: Path, num_runs: int) -> Figures:
    """One large photo with the starter, against non-local means."""
    from skimage.restoration import denoise_nl_means

    starter = require_starter("denoise")
    rows, scaling = [], {}
    for megapixels, size in SCALING_SIZES.items():
        photos = folder / f"{megapixels} megapixels"
        photos.mkdir()
        write_photo(photos / "photo.jpg", size, seed=0)
        ours = timed({"ours": lambda used=photos: our_job(starter, used, out=folder / "ours")}, num_runs)["ours"]  # type: ignore[misc]
        scaling[megapixels] = ours
        rows.append(
            ("starter denoiser, file to file", f"{megapixels:g}", spread(ours, 1), "", spread_rate(ours, megapixels))
        )
    large = cv2.imread(str(folder / "24.0 megapixels" / "photo.jpg"))
    parts = {name: np.ascontiguousarray(large[:height, :width]) for name, (height, width) in PEER_SIZES.items()}
    bright = parts["scikit-image"].astype(np.float32) / 255
    peers = timed(
        {
            "scikit-image": lambda: denoise_nl_means(bright, h=0.04, sigma=NOISE / 255, fast_mode=True, channel_axis=2),
            "OpenCV": lambda: cv2.fastNlMeansDenoisingColored(parts["OpenCV"], None, 10, 10, 7, 21),
        },
        num_runs,
    )
    theirs = {}
    for name, times in peers.items():
        megapixels = PEER_SIZES[name][0] * PEER_SIZES[name][1] / 1e6
        theirs[name] = [one * 24 / megapixels for one in times]
        factor = [one / statistics.median(scaling[24.0]) for one in theirs[name]]
        side = f"{name} non-local means, without files (from {megapixels:g} megapixels of it)"
        rows.append((side, "24", spread(theirs[name], 1), spread(factor), spread_rate(theirs[name], 24)))
    table = Table(
        title="One JPEG photo",
        header=("side", "megapixels", "seconds", "times as long as ours", "s a megapixel"),
        rows=rows,
    )
    return {"tables": [table], "figures": {"ours": scaling, "peers": theirs}}


def measure_scaling(folder: Path, num_runs: int) -> Figures:
    """Our job with the starter over photos, tiles and threads."""
    starter = require_starter("denoise")
    all_photos = folder / "photos"
    all_photos.mkdir()
    paths = [all_photos / f"{number}.jpg" for number in range(max(SCALING_PHOTOS))]
    for number, path in enumerate(paths):
        write_photo(path, SCALING_SIZE, seed=number)
    megapixels = SCALING_SIZE[0] * SCALING_SIZE[1] / 1e6
    all_threads = num_cpu_threads()

    def side(count: int, **values: object) -> Callable[[], object]:
        return lambda: our_job(starter, *paths[:count], out=folder / "ours", **values)

    sides = {f"{count} photos" if count > 1 else "1 photo": side(count) for count in SCALING_PHOTOS}
    counts = list(SCALING_PHOTOS)
    for tile in SCALING_TILES:
        sides[f"2 photos, tiles of {tile} px"] = side(2, tile=tile)
        counts.append(2)
    # The compiled network is chosen for a number of threads; torch takes what it is given from one call to the next.
    for threads in sorted({1, all_threads}):
        used = side(1, backend="torch")
        sides[f"1 photo, by torch on {threads} thread{'s'[: threads > 1]}"] = lambda count=threads, call=used: (  # type: ignore[misc]
            with_threads(count, call)
        )
        counts.append(1)
    seconds = timed(sides, num_runs)
    rows = [
        (name, spread(times, 1), spread_rate(times, count * megapixels))
        for (name, times), count in zip(seconds.items(), counts, strict=True)
    ]
    table = Table(
        title=f"Scaling of our job with the starter, JPEG photos of {megapixels:g} megapixels, file to file",
        header=("job", "seconds", "s a megapixel"),
        rows=rows,
    )
    return {"tables": [table], "figures": {"seconds": seconds, "threads": all_threads}}


def spread_rate(times: Sequence[float], megapixels: float) -> str:
    """Seconds a megapixel, with their spread."""
    return spread([one / megapixels for one in times])


def networks(folder: Path) -> dict[str, Path]:
    """The starter, and a U-Net of middle size; fresh, since speed does not depend on weights."""
    path = folder / "unet.safetensors"
    if not path.is_file():
        torch.manual_seed(0)
        card = ModelCard(name="U-Net", backbone="unet", backbone_params={"size": "medium"})
        save_model(path, build_network(card).state_dict(), card)
    return {"U-Net, medium": path, "NAFNet, medium (starter)": require_starter("denoise")}


def write_photo(path: Path, size: tuple[int, int], *, seed: int) -> None:
    """Write a noisy picture of soft shapes. `size` is (height, width)."""
    rng = np.random.default_rng(seed)
    height, width = size
    soft = cv2.resize(rng.random((24, 36, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    noisy = 255 * soft + rng.normal(0, NOISE, soft.shape).astype(np.float32)
    cv2.imwrite(str(path), np.clip(noisy, 0, 255).astype(np.uint8))


@torch.inference_mode()
def plain_loop(model: Path, photos: Path, out: Path) -> None:
    """What a user would write: read, whole photo through the network, write."""
    out.mkdir(exist_ok=True)
    network = load_model(model).network
    for path in sorted(photos.iterdir()):
        pixels = torch.from_numpy(cv2.imread(str(path))).permute(2, 0, 1)[None].flip(1) / 255
        restored = network(pixels).clamp(0, 1)
        samples = (restored[0].flip(0).permute(1, 2, 0) * 255).round().to(torch.uint8)
        cv2.imwrite(str(out / path.name), samples.numpy())


def our_job(model: Path, *photos: Path, out: Path, backend: BackendChoice = "auto", tile: int = 0) -> None:
    """The program's own job."""
    config = RestoreConfig(
        model=model,
        photos=photos,
        out=out,
        device="cpu",
        existing="overwrite",
        skip_done=False,
        backend=backend,
        tile=tile,
    )
    result = restore(config, JobControl(), lambda event: None)
    assert not result.failed, result.failed


def _eager(network: torch.nn.Module, noisy: torch.Tensor) -> Callable[[], object]:
    @torch.inference_mode()
    def call() -> object:
        return network(noisy)

    return call


def _ours(network: torch.nn.Module, noisy: torch.Tensor, device: Any) -> Callable[[], object]:
    last = noisy.contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def call() -> object:
        with device.autocast():
            return network(last)

    return call


BENCHMARK = SpeedBenchmark(
    name="restore",
    title="Restoring: speed",
    text=(
        "Medians with the least and the most of at least {runs} runs, all sides in turn within a process of 2 threads. "
        "Eager torch is what a user would write: single precision, the whole photo at once. Memory is measured twice."
    ),
    parts={
        "network": measure_network,
        "pipeline": measure_pipeline,
        "photo": measure_photo,
        "memory": measure_memory,
        "scaling": measure_scaling,
    },
)


if __name__ == "__main__":
    BENCHMARK.run((__doc__ or "").partition("\n")[0])
