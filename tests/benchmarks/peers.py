"""Other programs on the same noisy photos, for the same minutes: CAREamics' Noise2Void, and BM3D.

    python3 run.py bench peers [--minutes 5] [--photos 6] [--seed 0] [--peers careamics bm3d] [--docs DIR]

Each peer gets an environment of its own below `build/peers`, made at the first time: CAREamics brings a torch of its
own (several gigabytes), BM3D's licence is for non-commercial use. All learn from the 24 Kodak photos with white noise
of sigma 25, without clean ones; they are measured on the first few of these photos, before rounding. Ours are trained
for as many steps as fit into the minutes. Run it alone: all sides are timed one after the other.
"""

import argparse
import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.comparing.evaluating import evaluate
from engine.comparing.metrics import psnr
from engine.contracts.configs import EvaluateConfig, PretrainConfig, RestoreConfig
from engine.contracts.job_control import JobControl
from engine.jobs import pretrain
from engine.models.starters import require_starter
from engine.photo_files.photos import read_image
from engine.restoring.job import restore
from tests.benchmarks.document import DOCS, Section, Table, write_section
from tests.benchmarks.environments import environment_of
from tests.benchmarks.quality_sets import SETS
from tests.benchmarks.reporting import Progress, describe_machine, print_table, require

WORKER = Path(__file__).with_name("peer_worker.py")
PEERS = {"careamics": "CAREamics, Noise2Void", "bm3d": "BM3D, told the noise level"}
RATE_STEPS = 60


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one side reached.

    Attributes:
        side: What a person reads.
        train_seconds: 0 where nothing is trained.
        psnr: Mean over the measured photos, dB.
        restore_seconds: For a megapixel; ours with reading and writing files.
        note: Version, steps.
    """

    side: str
    train_seconds: float
    psnr: float
    restore_seconds: float
    note: str


def run(arguments: argparse.Namespace) -> None:
    """Measure all sides and write the section."""
    pair_set = SETS["kodak24_25"]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "photos").mkdir()
        noisy, clean = pair_set.prepare(require(pair_set.folder), folder / "photos", arguments.seed)
        wanted = sorted(path.stem for path in noisy.iterdir())[: arguments.photos]
        outcomes = [measure_peer(peer, noisy, clean, wanted, arguments) for peer in arguments.peers]
        for pretext, title in (("noise2void", "ours, Noise2Void"), ("rcl", "ours, RCL")):
            outcomes.append(measure_ours(pretext, title, noisy, clean, wanted, folder / pretext, arguments))
        starter = require_starter("denoise")
        outcomes.append(_measured("ours, starter model", starter, noisy, clean, wanted, folder / "starter", 0.0, ""))
    rows = [
        (
            one.side,
            f"{one.train_seconds / 60:.1f}" if one.train_seconds else "–",
            f"{one.psnr:.2f}",
            f"{one.restore_seconds:.2f}",
            one.note,
        )
        for one in outcomes
    ]
    table = Table(
        title=f"Learned from 24 noisy photos, measured on {arguments.photos} of them",
        header=("side", "minutes of training", "PSNR, dB", "restoring, s a megapixel", "note"),
        rows=rows,
    )
    print_table(table.header, table.rows)
    write_section(
        "peers",
        Section(
            title="Beside CAREamics and BM3D",
            text=(
                "Kodak photos with white noise of sigma 25 (20.4 dB), no clean photo seen in training. CAREamics with "
                "the settings that its guide shows (patches of 64 px, batches of 16, all else as it comes) in an "
                "environment of its own. Both Noise2Voids and RCL had the same minutes. Ours restore from files to "
                "files, the peers from arrays to arrays."
            ),
            command=f"python3 run.py bench peers --minutes {arguments.minutes:g} --photos {arguments.photos}",
            seeds=(arguments.seed,),
            minutes=(time.monotonic() - started) / 60,
            machine=describe_machine(),
            tables=[table],
            missing=[f"{PEERS[name]}: not asked for." for name in PEERS if name not in arguments.peers],
            data={one.side: vars(one) for one in outcomes},
        ),
        arguments.docs,
    )


def measure_peer(peer: str, noisy: Path, clean: Path, wanted: list[str], arguments: argparse.Namespace) -> Outcome:
    """Run a peer in its environment on copies of the photos."""
    python = environment_of(peer)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "noisy").mkdir()
        for path in noisy.iterdir():
            np.save(folder / "noisy" / f"{path.stem}.npy", 255 * read_image(path).pixels)
        (folder / "wanted.json").write_text(json.dumps([f"{name}.npy" for name in wanted]))
        options = ["--minutes", str(arguments.minutes), "--seed", str(arguments.seed)]
        command = [str(python), str(WORKER), peer, str(folder), *options]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=folder).stdout
        told: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
        scores = [
            psnr(np.load(folder / "restored" / f"{name}.npy").clip(0, 255) / 255, clean_of(clean, name))
            for name in wanted
        ]
    return Outcome(
        side=PEERS[peer],
        train_seconds=told["train_seconds"],
        psnr=float(np.mean(scores)),
        restore_seconds=told["restore_seconds"] / told["megapixels"],
        note=f"version {told['version']}",
    )


def clean_of(folder: Path, name: str) -> Any:
    """The clean photo of a noisy one's name. Shape: (height, width, 3), 0 to 1."""
    return read_image(next(folder.glob(f"{name}.*"))).pixels


def measure_ours(
    pretext: str, title: str, noisy: Path, clean: Path, wanted: list[str], out: Path, arguments: argparse.Namespace
) -> Outcome:
    """Train one of our methods for the minutes, and measure it."""
    out.mkdir()

    def train(steps: int, name: str) -> tuple[Path, float]:
        config = PretrainConfig(
            photos=(noisy,), out=out / name, pretext=pretext, device="cpu", steps=steps, crop_px=48,
            learning_rate=2e-3, seed=arguments.seed, preview_interval_s=3600.0,
        )  # fmt: skip
        started = time.monotonic()
        result = pretrain(config, JobControl(), Progress(f"{title}, {steps} steps"))
        return result.run, time.monotonic() - started

    short = train(RATE_STEPS, "short")[1]
    longer = train(3 * RATE_STEPS, "longer")[1]
    # What the start takes counts once.
    a_step = (longer - short) / (2 * RATE_STEPS)
    steps = max(int((60 * arguments.minutes - (short - RATE_STEPS * a_step)) / a_step), 1)
    model, seconds = train(steps, "run")
    return _measured(title, model, noisy, clean, wanted, out, seconds, f"{steps:,} steps")


def _measured(
    title: str, model: Path, noisy: Path, clean: Path, wanted: list[str], out: Path, train_seconds: float, note: str
) -> Outcome:
    photos = tuple(noisy / f"{name}.png" for name in wanted)
    references = tuple(next(clean.glob(f"{name}.*")) for name in wanted)
    scores = evaluate(
        EvaluateConfig(model=model, noisy=photos, clean=references, device="cpu"), JobControl(), Progress(title)
    )
    config = RestoreConfig(model=model, photos=photos, out=out / "restored", device="cpu", skip_done=False)
    # The first time chooses what computes.
    restore(config, JobControl(), lambda event: None)
    started = time.perf_counter()
    assert not restore(config, JobControl(), lambda event: None).failed
    seconds = time.perf_counter() - started
    megapixels = sum(read_image(path).pixels.shape[0] * read_image(path).pixels.shape[1] for path in photos) / 1e6
    return Outcome(
        side=title,
        train_seconds=train_seconds,
        psnr=scores.psnr,
        restore_seconds=seconds / megapixels,
        note=note,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="of training, for each side")
    parser.add_argument("--photos", type=int, default=6, help="how many are measured")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the document")
    run(parser.parse_args())
