"""Other programs on the same noisy photos, for the same minutes on the same cores: CAREamics' Noise2Void, and BM3D.

    python3 run.py bench peers [--minutes 5] [--photos 6] [--sets fmd_1 w2s polyu kodak24_25] [--peers careamics bm3d]
                               [--ours noise2void rcl own-noise starter] [--seed 0] [--environments DIR] [--docs DIR]

Each peer gets an environment of its own below `build/peers`, or in a folder that is given, made at the first time:
CAREamics brings a torch of its own (several gigabytes), BM3D's licence is for non-commercial use. All learn from a
set's noisy photos without their references, and are measured on the middle of the first few of them, before rounding.
One large picture of the same noise is restored for its time. Each side runs in a process of its own, one after the
other; a set that was measured with the same options before is kept. Run it alone.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from engine.comparing.metrics import fit_brightness, psnr
from engine.contracts.photo import Pixels
from engine.photo_files.photo_image import BitDepth
from engine.photo_files.photos import ImageMetadata, PhotoImage, read_image, write_image
from engine.photos.folder import list_image_files
from engine.photos.noise_estimate import estimate_noise
from tests.benchmarks.document import DOCS, Section, Table, stored_data, write_section
from tests.benchmarks.environments import BUILD, environment_of
from tests.benchmarks.peer_ours import OWN_NOISE, STARTER
from tests.benchmarks.quality_sets import SETS, PairSet
from tests.benchmarks.reporting import describe_machine, print_table, require

WORKER = Path(__file__).with_name("peer_worker.py")
PEERS = {"careamics": "CAREamics, Noise2Void", "bm3d": "BM3D, told the noise that is estimated"}
OURS = {
    "noise2void": "ours, Noise2Void",
    "rcl": "ours, RCL",
    OWN_NOISE: "ours, the starter after it learned the photos' noise",
    STARTER: "ours, the starter as it is shipped",
}
NEEDS_SEVERAL_PHOTOS = frozenset({"rcl"})
DEFAULT_SETS = ("fmd_1", "w2s", "polyu", "kodak24_25")
PACKAGES = {"careamics": ("careamics>=0.1",)}
"""Before 0.1 its configuration had another form."""

MEASURED_PX = 256
"""Side of the middle of a photo that is measured: BM3D takes minutes for a whole one."""

LARGE_SIZE = (2048, 3072)


class Told(TypedDict, total=False):
    """What a side says of itself.

    Attributes:
        psnr: Mean over the measured photos, dB; a peer's is computed here from what it restored.
        noisy_psnr: The same before restoring.
        train_seconds: Of the whole training, its start included; 0 where nothing is trained.
        steps: Of the training.
        cores: Processor time by time, while it trained.
        restore_seconds: For `megapixels`: the large picture; BM3D's the measured ones.
        megapixels: That these seconds restored.
        peak_bytes: Of the process's memory.
        version: Of the side.
    """

    psnr: float
    noisy_psnr: float
    train_seconds: float
    steps: int
    cores: float
    restore_seconds: float
    megapixels: float
    peak_bytes: int
    version: str


def run(arguments: argparse.Namespace) -> None:
    """Measure all sides on all sets and write the section, set by set."""
    options = {"minutes": arguments.minutes, "photos": arguments.photos, "seed": arguments.seed}
    data = stored_data("peers", arguments.docs)
    if data.get("options") != options:
        data = {"options": options, "sets": {}, "took": 0.0}
    for name in arguments.sets:
        started = time.monotonic()
        known = data["sets"].setdefault(name, {})
        with tempfile.TemporaryDirectory() as temporary:
            folder = prepared(SETS[name], Path(temporary), arguments)
            is_alone = len(list((folder / "noisy").iterdir())) == 1
            for side in (*arguments.ours, *arguments.peers):
                if side not in known and not (is_alone and side in NEEDS_SEVERAL_PHOTOS):
                    known[side] = (
                        ours(side, SETS[name], folder, arguments)
                        if side in OURS
                        else peer(side, SETS[name], folder, arguments)
                    )
                    print(f"{name}, {side}: {known[side]}", file=sys.stderr, flush=True)
        data["took"] += (time.monotonic() - started) / 60
        tables = [table_of(SETS[one], data["sets"][one]) for one in SETS if one in data["sets"]]
        write_section("peers", section_of(data, tables, arguments), arguments.docs)
        print_table(tables[-1].header, tables[-1].rows)


def section_of(data: Mapping[str, Any], tables: list[Table], arguments: argparse.Namespace) -> Section:
    """The document's section from all sets that were measured."""
    height, width = LARGE_SIZE
    return Section(
        title="Beside CAREamics and BM3D",
        text=(
            "No side sees a reference. CAREamics with the settings that its guide shows (patches of 64 px, batches of "
            "16, all else as it comes; tiles of 256 px for the large picture) in an environment of its own. PSNR is of "
            f"the middle {MEASURED_PX} x {MEASURED_PX} pixels of up to {arguments.photos} photos. Restored is a "
            f"picture of {height * width / 1e6:.1f} megapixels, by us from file to file, by CAREamics from array to "
            "array; by BM3D the measured ones. Memory is the peak of the side's process, training and restoring. Cores "
            "are processor time by time while it trained: what the machine left to the side. Learning the photos' "
            "noise takes the steps of preset quick, however many minutes the others have."
        ),
        command=f"python3 run.py bench peers --minutes {arguments.minutes:g} --photos {arguments.photos}",
        seeds=(arguments.seed,),
        minutes=data["took"],
        machine=describe_machine(),
        tables=tables,
        missing=[
            f"{title}: {', '.join(SETS[name].title for name in without)}."
            for side, title in {**PEERS, **OURS}.items()
            if (without := [name for name, sides in data["sets"].items() if side not in sides])
        ],
        data=dict(data),
    )


def table_of(pair_set: PairSet, sides: Mapping[str, Told]) -> Table:
    """A set's table; dashes where a side does not train, or only restores."""
    rows = []
    for name, title in {**PEERS, **OURS}.items():
        if name not in sides:
            continue
        told = sides[name]
        has_trained = told["steps"] > 0
        rows.append(
            (
                title,
                f"{told['train_seconds'] / 60:.1f}" if has_trained else "–",
                f"{told['steps']:,}" if has_trained else "–",
                f"{told['steps'] / told['train_seconds']:.1f}" if has_trained else "–",
                f"{told['cores']:.2f}" if has_trained else "–",
                f"{told['psnr']:.2f}",
                f"{told['megapixels'] / told['restore_seconds']:.3f}",
                f"{told['peak_bytes'] / 2**20:,.0f}",
                told["version"],
            )
        )
    noisy = next(iter(sides.values())).get("noisy_psnr")
    given = "" if noisy is None else f" (noisy: {noisy:.2f} dB)"
    return Table(
        title=f"{pair_set.title}{given}",
        header=(
            "side", "minutes of training", "steps", "steps a second", "cores", "PSNR, dB",
            "megapixels a second", "memory, MiB", "version",
        ),
        rows=rows,
    )  # fmt: skip


def prepared(pair_set: PairSet, folder: Path, arguments: argparse.Namespace) -> Path:
    """Write what every side is given; returns its folder.

    Photos to learn from in `noisy`, what is measured in `measured` and `clean`, and `large.png`.
    """
    (folder / "made").mkdir()
    noisy, clean = pair_set.prepare(require(pair_set.folder), folder / "made", arguments.seed)
    for name in ("noisy", "measured", "clean"):
        (folder / name).mkdir()
    paths = [path.file for path in list_image_files([noisy])]
    for path in paths:
        shutil.copy(path, folder / "noisy" / path.name)
    for path in paths[: arguments.photos]:
        for source, target in ((path, "measured"), (next(clean.glob(f"{path.stem}.*")), "clean")):
            image = read_image(source)
            _write(folder / target / f"{path.stem}.png", middle_of(image.pixels), image.metadata.bit_depth)
    image = read_image(paths[0])
    repeats = [-(-wanted // side) for wanted, side in zip(LARGE_SIZE, image.pixels.shape[:2], strict=True)]
    large = np.tile(image.pixels, (*repeats, 1))[: LARGE_SIZE[0], : LARGE_SIZE[1]]
    _write(folder / "large.png", np.ascontiguousarray(large), image.metadata.bit_depth)
    return folder


def middle_of(pixels: Pixels) -> Pixels:
    """The middle of a photo. Shape: (up to 256, up to 256, channels)."""
    top, left = (max(side - MEASURED_PX, 0) // 2 for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + MEASURED_PX, left : left + MEASURED_PX])


def _write(path: Path, pixels: Pixels, bit_depth: BitDepth) -> None:
    """In the bits of the file that they are from, so that nothing of it is lost."""
    write_image(path, PhotoImage(pixels, metadata=ImageMetadata(file_format="png", bit_depth=bit_depth)))


def ours(method: str, pair_set: PairSet, folder: Path, arguments: argparse.Namespace) -> Told:
    """One of our methods in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.peer_ours", method, str(folder)]
    if pair_set.fit_brightness:
        command.append("--fit-brightness")
    for made in ("short", "longer", "run", "out"):
        shutil.rmtree(folder / made, ignore_errors=True)
    return _told_by(command, arguments)


def peer(name: str, pair_set: PairSet, folder: Path, arguments: argparse.Namespace) -> Told:
    """A peer in its environment, on arrays of the same pixels."""
    python = environment_of(name, PACKAGES.get(name, ()), folder=arguments.environments)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        sigmas = {}
        for place in ("noisy", "measured"):
            (work / place).mkdir()
            for path in (folder / place).iterdir():
                pixels = 255 * read_image(path).pixels
                np.save(work / place / f"{path.stem}.npy", as_given(pixels))
                sigmas[path.stem] = 255 * estimate_noise(pixels / 255).sigma
        if name != "bm3d":
            np.save(work / "large.npy", as_given(255 * read_image(folder / "large.png").pixels))
        (work / "sigmas.json").write_text(json.dumps(sigmas))
        told = _told_by([str(python), str(WORKER), name, str(work)], arguments)
        scores = []
        for path in sorted((folder / "clean").iterdir()):
            clean = read_image(path).pixels
            restored = np.load(work / "restored" / f"{path.stem}.npy").clip(0, 255) / 255
            restored = np.ascontiguousarray(restored.reshape(*restored.shape[:2], -1), np.float32)
            scores.append(psnr(fit_brightness(restored, clean) if pair_set.fit_brightness else restored, clean))
    told["psnr"] = float(np.mean(scores))
    return told


def as_given(pixels: Pixels) -> Pixels:
    """A picture as others take it: gray without an axis of channels."""
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels


def _told_by(command: Sequence[str], arguments: argparse.Namespace) -> Told:
    options = ["--minutes", str(arguments.minutes), "--seed", str(arguments.seed)]
    output = subprocess.run([*command, *options], stdout=subprocess.PIPE, text=True, check=True).stdout
    told: Told = json.loads(output.strip().splitlines()[-1])
    return told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="of training, for each side")
    parser.add_argument("--photos", type=int, default=6, help="how many of a set are measured")
    parser.add_argument("--sets", nargs="*", choices=[*SETS], default=list(DEFAULT_SETS), help="test sets")
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--ours", nargs="*", choices=list(OURS), default=list(OURS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--environments", type=Path, default=BUILD, help="where the peers' environments are made")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the document")
    run(parser.parse_args())
