"""What learning a folder's own noise gains over the starter, without a label: the folder's noise learned and put back.

    python3 run.py bench own_noise [--sets polyu ...] [--seeds 0 1 2 3 4] [--shares-of 1] [--beside flat bound]
        [--fresh] [--out DIR]

Each cell is what a person does: preset quick from the starter on the folder, then the result measured on the folder's
references. Seed s draws the made noise, the twins and the batches. Of the first `--shares-of` seeds the five shares
that the gate chooses among are measured too. With `--beside` the same is done once more with noise that twins have no
part in (flat): as flat blocks and finest detail tell it; or where twins only lower its levels (bound). Writes its
section of `docs/benchmarks.md` and `docs/benchmarks.json` after each cell; what is there for the same starter is kept
unless `--fresh` asks for it again.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from engine.comparing.evaluating import evaluate
from engine.contracts.configs import EvaluateConfig, Preset, PretrainConfig
from engine.contracts.job_control import JobControl
from engine.contracts.learned_noise import LearnedNoise
from engine.contracts.presets import pretrain_preset
from engine.jobs import pretrain
from engine.label_budget.reports.statistics import estimate
from engine.machine.devices import open_device
from engine.models.files import load_model, save_model
from engine.models.starters import starter_path
from engine.refining.gate import SHARES, between
from engine.runs.store import RunStore
from engine.simulation.learned.twins import fit_by_twins
from engine.training.checkpoints import load_checkpoint
from engine.training.trainer import new_state
from tests.benchmarks.document import DOCS, Section, Table, stored_data, write_section
from tests.benchmarks.own_noise_sets import HALVES, OWN_NOISE_SETS
from tests.benchmarks.quality_sets import PairSet
from tests.benchmarks.reporting import Progress, describe_machine

NAME = "own_noise"

BARS = {
    "w2s": 1.0, "polyu": 0.12, "white_25": 0.05, "samples": 0.0, "mixed": 0.0, "grain": 1.0, "banding": 1.0,
    "blotches": 1.0, "photons": 1.0, "no_noise": -0.05,
}  # fmt: skip
"""Gains over the starter that were set as goals, dB."""

BESIDE = {
    "flat": "flat blocks and finest detail alone",
    "bound": "twins as an upper bound of the levels",
}
"""Other ways to know the noise."""

TEXT = """\
PSNR in dB of the photos' references: noisy, restored by the shipped starter, and by the starter after it learned the \
folder's noise without a label (preset quick). The gain's interval is Student's over the seeds, 95 %. "Worst photo" is \
the lowest mean gain of one photo. "Share" is how much of the way the gate kept, "estimated" the gain that it told \
without a reference, "best share" the gain of the best of the five shares, of the seeds of which they were measured."""


def measure_cell(name: str, pair_set: PairSet, seed: int, starter: Path, *, with_shares: bool) -> dict[str, Any]:
    """Learn a folder's noise from one seed and measure what it gained.

    Args:
        name: Of the set.
        pair_set: The set.
        seed: Of everything.
        starter: The model that is refined.
        with_shares: Whether the shares that the gate chooses among are measured too.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "pictures").mkdir()
        noisy, clean = pair_set.prepare(pair_set.folder, folder / "pictures", seed)
        config = PretrainConfig(
            photos=(noisy,), parent=starter, out=folder / "run", seed=seed,
            **pretrain_preset(Preset.QUICK, from_scratch=False),
        )  # fmt: skip
        started = time.monotonic()
        result = pretrain(config, JobControl(), Progress(f"{name}, seed {seed}"))
        seconds = time.monotonic() - started
        begun, learned = (_scores(model, noisy, clean, pair_set) for model in (starter, result.run))
        shares = _by_share(result.run, config, starter, folder, noisy, clean, pair_set) if with_shares else {}
        metrics = dict(result.metrics)
    return {
        "noisy": statistics.fmean(before for before, _ in begun.values()),
        "starter": statistics.fmean(after for _, after in begun.values()),
        "learned": statistics.fmean(after for _, after in learned.values()),
        "per_image": {photo: round(learned[photo][1] - begun[photo][1], 4) for photo in begun},
        "by_share": shares,
        "share": metrics["share_of_way"],
        "estimated": metrics["estimated_gain"],
        "seconds": seconds,
    }


@contextmanager
def noise_known_by(way: str) -> Iterator[None]:
    """Let trainings learn the noise in another way, one of `BESIDE`."""
    module = "engine.refining.own_noise"

    def as_guessed(guess: LearnedNoise, *_: object, **__: object) -> LearnedNoise:
        return guess

    def as_bound(guess: LearnedNoise, *rest: Any, **options: Any) -> LearnedNoise:
        fitted = fit_by_twins(guess, *rest, **options)
        pairs = zip(guess.photos, fitted.photos, strict=True)
        lowered = (replace(one, variance=np.minimum(one.variance, other.variance)) for one, other in pairs)
        return replace(guess, photos=tuple(lowered))

    if way == "bound":
        with patch(f"{module}.fit_by_twins", as_bound):
            yield
        return
    # What asks the network about texture and about its answer goes too.
    with (
        patch(f"{module}.fit_by_twins", as_guessed),
        patch(f"{module}.without_texture", as_guessed),
        patch(f"{module}.not_above_answer", as_guessed),
    ):
        yield


def run(arguments: argparse.Namespace) -> None:
    """Measure what is missing and write the section after each cell."""
    starter = starter_path("denoise")
    assert starter is not None
    digest = hashlib.sha256(starter.read_bytes()).hexdigest()[:12]
    results: dict[str, dict[str, Any]] = stored_data(NAME, arguments.out).get("results", {})
    results = {key: result for key, result in results.items() if result["starter_digest"] == digest}
    beside: dict[str, dict[str, float]] = stored_data(NAME, arguments.out).get("beside", {})
    beside = {way: {key: gain for key, gain in gains.items() if key in results} for way, gains in beside.items()}
    missing = []
    for seed in arguments.seeds:
        for name in arguments.sets or OWN_NOISE_SETS:
            pair_set, key = OWN_NOISE_SETS[name], f"{name}/{seed}"
            if not pair_set.folder.is_dir():
                missing.append(f"{pair_set.title}: the pictures are not in the shared data ({pair_set.source}).")
                continue
            if key not in results or arguments.fresh:
                cell = measure_cell(name, pair_set, seed, starter, with_shares=seed < arguments.shares_of)
                results[key] = {**cell, "starter_digest": digest}
                gain = cell["learned"] - cell["starter"]
                print(f"{key}: {cell['learned']:.2f} dB ({gain:+.3f}), {cell['seconds']:.0f} s", flush=True)
                write_results(results, beside, missing, arguments.out)
            for way in arguments.beside:
                gains = beside.setdefault(way, {})
                if key in gains and not arguments.fresh:
                    continue
                with noise_known_by(way):
                    cell = measure_cell(name, pair_set, seed, starter, with_shares=False)
                gains[key] = cell["learned"] - cell["starter"]
                print(f"{key}, {BESIDE[way]}: ({gains[key]:+.3f}), {cell['seconds']:.0f} s", flush=True)
                write_results(results, beside, missing, arguments.out)


def write_results(
    results: Mapping[str, dict[str, Any]],
    beside: Mapping[str, Mapping[str, float]],
    missing: Sequence[str],
    out: Path,
) -> None:
    """Write the section.

    Args:
        results: Cells by set and seed.
        beside: Gains over the starter by set and seed, of noise that was known in another way.
        missing: What was not measured.
        out: Folder of the document.
    """
    rows = []
    for name, pair_set in OWN_NOISE_SETS.items():
        cells = {int(key.partition("/")[2]): cell for key, cell in results.items() if key.partition("/")[0] == name}
        if cells:
            rows.append(_row(name, pair_set, [cells[seed] for seed in sorted(cells)]))
            rows += [_row(name, pair_set, list(cells.values()), half) for half in HALVES.get(name, ())]
    header = (
        "folder", "noisy", "starter", "learned", "gain", "goal", "worst photo", "share", "estimated", "best share",
        "seeds", "s",
    )  # fmt: skip
    section = Section(
        title="Learning one's own noise",
        text=TEXT,
        command="python3 run.py bench own_noise",
        seeds=sorted({int(key.partition("/")[2]) for key in results}),
        minutes=sum(cell["seconds"] for cell in results.values()) / 60,
        machine=describe_machine(),
        tables=[Table(title="Without a label", header=header, rows=rows), *_differences(results, beside)],
        missing=list(dict.fromkeys(missing)),
        data={"results": dict(results), "beside": {way: dict(gains) for way, gains in beside.items()}},
    )
    write_section(NAME, section, out)


def _differences(results: Mapping[str, dict[str, Any]], beside: Mapping[str, Mapping[str, float]]) -> list[Table]:
    """What twins add to other ways of knowing the noise, seed by seed."""
    rows = []
    for name, pair_set in OWN_NOISE_SETS.items():
        for way, gains in beside.items():
            keys = sorted(key for key in gains if key.partition("/")[0] == name)
            if not keys:
                continue
            fitted = [results[key]["learned"] - results[key]["starter"] for key in keys]
            other = [gains[key] for key in keys]
            added = estimate([one - two for one, two in zip(fitted, other, strict=True)])
            interval = f" ({added.low:+.2f} to {added.high:+.2f})" if added.has_interval else ""
            rows.append(
                (
                    pair_set.title,
                    BESIDE[way],
                    f"{statistics.fmean(other):+.2f}",
                    f"{statistics.fmean(fitted):+.2f}",
                    f"{added.mean:+.2f}{interval}",
                    str(len(keys)),
                )
            )
    header = ("folder", "noise known by", "gain", "by twins fitted", "twins add", "seeds")
    return [Table(title="What twins add, paired", header=header, rows=rows)] if rows else []


def _scores(model: Path, noisy: Path, clean: Path, pair_set: PairSet) -> dict[str, tuple[float, float]]:
    """PSNR of each photo before and after, by its name."""
    config = EvaluateConfig(model=model, noisy=(noisy,), clean=(clean,), fit_brightness=pair_set.fit_brightness)
    result = evaluate(config, JobControl(), Progress(f"Evaluating {model.name}"))
    # Without noise, what is perfect would be infinite.
    return {score.name: (min(score.noisy_psnr, 99.0), min(score.psnr, 99.0)) for score in result.per_image}


def _by_share(
    run: Path, config: PretrainConfig, starter: Path, folder: Path, noisy: Path, clean: Path, pair_set: PairSet
) -> dict[str, float]:
    """Mean PSNR of each share of the way from the starter to the end of the training."""
    model = load_model(starter)
    state = new_state(load_model(starter).network, config, open_device(config))
    load_checkpoint(RunStore().open(run).checkpoint_path, state)
    begun, ended = model.network.state_dict(), state.averaged.state_dict()
    means = {}
    for share in SHARES:
        path = folder / f"{round(100 * share)}.safetensors"
        save_model(path, between(begun, ended, share), model.card)
        means[f"{share:g}"] = statistics.fmean(after for _, after in _scores(path, noisy, clean, pair_set).values())
    return means


def _row(name: str, pair_set: PairSet, cells: Sequence[Mapping[str, Any]], half: str = "") -> tuple[str, ...]:
    photos = [photo for photo in cells[0]["per_image"] if photo.startswith(half)]
    gains = [statistics.fmean(cell["per_image"][photo] for photo in photos) for cell in cells]
    gain = estimate(gains)
    interval = f" ({gain.low:+.2f} to {gain.high:+.2f})" if gain.has_interval else ""
    worst = min(statistics.fmean(cell["per_image"][photo] for cell in cells) for photo in photos)
    goal = f"{BARS[name]:+.2f}" if name in BARS else "–"
    if half:
        return (
            f"– of these {half.rstrip('_')}",
            "",
            "",
            "",
            f"{gain.mean:+.2f}{interval}",
            goal,
            f"{worst:+.2f}",
            *[""] * 5,
        )
    noisy, starter, learned = (
        statistics.fmean(cell[kind] for cell in cells) for kind in ("noisy", "starter", "learned")
    )
    best = [max(cell["by_share"].values()) - cell["by_share"]["0"] for cell in cells if cell["by_share"]]
    return (
        pair_set.title, f"{noisy:.2f}", f"{starter:.2f}", f"{learned:.2f}", f"{gain.mean:+.2f}{interval}", goal,
        f"{worst:+.2f}", ", ".join(f"{100 * cell['share']:.0f} %" for cell in cells),
        f"{statistics.fmean(cell['estimated'] for cell in cells):+.2f}",
        f"{statistics.fmean(best):+.2f}" if best else "–", str(len(cells)),
        f"{statistics.fmean(cell['seconds'] for cell in cells):.0f}",
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sets", nargs="+", choices=list(OWN_NOISE_SETS), metavar="SET", help=", ".join(OWN_NOISE_SETS)
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)))
    parser.add_argument("--shares-of", type=int, default=1, help="seeds of which all shares are measured; default: 1")
    parser.add_argument(
        "--beside", nargs="+", choices=list(BESIDE), default=[], metavar="WAY", help="flat, bound: see above"
    )
    parser.add_argument("--fresh", action="store_true", help="measure again what is there already")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of benchmarks.md; default: docs")
    run(parser.parse_args())
