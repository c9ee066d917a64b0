"""Every method on every test set: starter models, classical methods, and models of one's own.

    python3 run.py bench quality [--sets polyu ...] [--methods starter bm3d MODEL|RUN ...] [--fresh] [--seed 0]
        [--out DIR]

Writes its section of `docs/benchmarks.md` and `docs/benchmarks.json` after each measurement, and at last the charts;
what is there already is kept unless `--fresh` asks for it again, or the model's file has changed. BM3D and DnCNN take
minutes for a large photo, so that they are measured on a few sets unless `--sets` names others. Other packages
(`quality_peers.py`) get environments of their own below `build/peers`, made at the first time.
"""

import argparse
import dataclasses
import hashlib
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.options import find_run_or_model
from engine.comparing.baselines.catalogue import BASELINES
from engine.comparing.evaluating import evaluate
from engine.contracts.configs import EvaluateConfig
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.models.starters import STARTER_WORD, starter_path
from engine.photo_files.photos import probe_image
from engine.photos.folder import list_image_files
from tests.benchmarks.document import COLOURS, DOCS, Chart, Section, Table, draw_chart, stored_data, write_section
from tests.benchmarks.quality_peers import QUALITY_PEERS, install_peers
from tests.benchmarks.quality_sets import SETS, PairSet
from tests.benchmarks.reporting import Progress, describe_machine

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "quality"
METHODS = (*(name for name in BASELINES if name not in ("bicubic", "bilinear")), *QUALITY_PEERS, STARTER_WORD)
"""What is measured if nothing is asked for; the two left out are what the column of inputs shows."""

SLOW_METHODS = {"bm3d": ("polyu", "set12_25"), "dncnn": ("set12_25",)}
"""Sets that are worth their time."""

TEXT = """\
Mean PSNR in dB and, in brackets, SSIM. Every method judges the noise by itself; none is told its level. \
Noisy photos are read from 8-bit files (the bacteria of FMD from one of 16 bits, measured against 65,535), results are \
measured before they are rounded. For super-resolution it is the luminance (BT.601) without `scale` pixels at each \
side; the input is enlarged by bicubic interpolation, or as large as the reference already (City100). Mosaics are \
interpolated bilinearly for the input; methods for photos get them interpolated by Malvar's method. Where there is no \
noise, methods that remove it are left out."""

GROUPS = {
    "denoise": ("Denoising", ("denoise",)),
    "super_resolution": ("Super-resolution", ("sr2", "sr3", "sr4")),
    "demosaick": ("Demosaicking", ("demosaick",)),
}


@dataclass(frozen=True, kw_only=True)
class Method:
    """Something to measure.

    Attributes:
        title: What a person reads.
        config: Fields of `EvaluateConfig` that name it.
        digest: Of its model file; empty for a classical method.
    """

    title: str
    config: Mapping[str, Any]
    digest: str = ""


def find_method(name: str, pair_set: PairSet) -> Method | str:
    """Return the method of a name for the set's task, or the reason why there is none; empty where none is expected."""
    is_demosaicking = pair_set.task == "demosaick"
    if name in BASELINES:
        entry = BASELINES[name]
        if entry.denoise is not None and not pair_set.is_noisy:
            return ""
        if (is_demosaicking and entry.interpolate is None) or not (is_demosaicking or entry.takes_photos):
            return ""
        if not entry.is_installed:
            return f"{entry.title}: the package {entry.package} is not installed."
        return Method(title=entry.title, config={"baseline": name, "task": pair_set.task})
    path = starter_path(pair_set.task) if name == STARTER_WORD else find_run_or_model(name)
    if path is None:
        return f"Starter model: there is none for the task {pair_set.task}."
    from engine.models.files import model_file, read_card

    card = read_card(path)
    if card.task != pair_set.task:
        return ""
    title = "Starter model" if name == STARTER_WORD else f"{card.name} ({path.name})"
    return Method(title=title, config={"model": path}, digest=hashlib.sha256(model_file(path).read_bytes()).hexdigest())


def measure(method: Method, pair_set: PairSet, seed: int) -> dict[str, Any]:
    """Measure a method on a set; a model's own training labels do not count."""
    with tempfile.TemporaryDirectory() as temporary:
        noisy, clean = pair_set.prepare(pair_set.folder, Path(temporary), seed)
        require_one_peak(pair_set, list_image_files([clean]))
        config = EvaluateConfig(noisy=(noisy,), clean=(clean,), fit_brightness=pair_set.fit_brightness, **method.config)
        result = evaluate(config, JobControl(), Progress(f"{method.title}, {pair_set.title}"))
    figures = dataclasses.asdict(result)
    figures["per_image"] = {score.name: round(score.psnr, 4) for score in result.per_image}
    figures["failed"] = [f"{skipped.path.name}: {skipped.reason}" for skipped in result.failed]
    return {**figures, "title": method.title, "digest": method.digest, "seed": seed}


def require_one_peak(pair_set: PairSet, references: Sequence[PhotoRef]) -> None:
    """Refuse to average decibels against different peaks.

    Raises:
        ValueError: References of 8 and of 16 bits are in one set.
    """
    depths = {probe_image(reference).bit_depth for reference in references}
    if len(depths) > 1:
        raise ValueError(f"{pair_set.title}: references of {sorted(depths)} bits have no PSNR in common")


def run(arguments: argparse.Namespace) -> None:
    """Measure what is missing and write the section after each measurement."""
    install_peers()
    stored: dict[str, dict[str, Any]] = stored_data(NAME, arguments.out).get("results", {})
    results = {key: result for key, result in stored.items() if key.partition("/")[0] in SETS}
    missing: list[str] = []
    for set_name, method_name in _combinations(arguments):
        pair_set = SETS[set_name]
        if not pair_set.folder.is_dir():
            missing.append(f"{pair_set.title}: the pictures are not in the shared data ({pair_set.source}).")
            continue
        method = find_method(method_name, pair_set)
        if isinstance(method, str):
            missing += [method] if method and f"{set_name}/{method_name}" not in results else []
            continue
        key = f"{set_name}/{method_name if method_name in (*BASELINES, STARTER_WORD) else method.digest[:12]}"
        known = results.get(key)
        if known and not arguments.fresh and (known["digest"], known["seed"]) == (method.digest, arguments.seed):
            continue
        results[key] = measure(method, pair_set, arguments.seed)
        gain = results[key]["psnr"] - results[key]["noisy_psnr"]
        print(f"{key}: {results[key]['psnr']:.2f} dB ({gain:+.2f}), {results[key]['seconds']:.0f} s", flush=True)
        write_results(results, missing, arguments)
    write_results(results, missing, arguments, with_charts=True)


def write_results(
    results: Mapping[str, dict[str, Any]],
    missing: Sequence[str],
    arguments: argparse.Namespace,
    *,
    with_charts: bool = False,
) -> None:
    """Write the section; its charts only where all is there."""
    tables, charts = [], []
    for group, (title, tasks) in GROUPS.items():
        rows = {name: _of_set(results, name) for name in SETS if SETS[name].task in tasks}
        rows = {name: row for name, row in rows.items() if row}
        if not rows:
            continue
        tables.append(_table(title, rows))
        name = f"benchmark_quality_{group}"
        if with_charts:
            draw_chart(name, lambda figure, rows=rows, title=title: _draw(figure, title, rows), arguments.out)
        if (arguments.out / "images" / f"{name}.png").is_file():
            charts.append(Chart(file=f"{name}.png", caption=f"{title}: gain over the input, dB"))
    tables.append(_time_table(results))
    section = Section(
        title="Quality",
        text=TEXT,
        command="python3 run.py bench quality",
        seeds=sorted({result["seed"] for result in results.values()}) or [arguments.seed],
        minutes=sum(result["seconds"] for result in results.values()) / 60,
        machine=describe_machine(),
        tables=tables,
        charts=charts,
        missing=list(dict.fromkeys(missing)),
        data={"results": results},
    )
    write_section(NAME, section, arguments.out)


def _combinations(arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Yield sets and methods, quick methods first."""
    for method in sorted(arguments.methods or METHODS, key=lambda name: name in SLOW_METHODS):
        for name in arguments.sets or SETS:
            if arguments.sets or name in SLOW_METHODS.get(method, SETS):
                yield name, method


def _of_set(results: Mapping[str, dict[str, Any]], set_name: str) -> list[dict[str, Any]]:
    return [result for key, result in results.items() if key.partition("/")[0] == set_name]


def _figures(result: Mapping[str, Any], prefix: str = "") -> tuple[float, float]:
    """PSNR and SSIM, of the luminance where it is what counts."""
    kind = "luminance_" if result["luminance_psnr"] is not None else ""
    return result[f"{prefix}{kind}psnr"], result[f"{prefix}{kind}ssim"]


def _titles(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    titles = dict.fromkeys(result["title"] for row in rows.values() for result in row)
    order = [entry.title for entry in BASELINES.values()]
    return sorted(titles, key=lambda title: order.index(title) if title in order else len(order))


def _table(title: str, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    titles = _titles(rows)
    texts = []
    for name, row in rows.items():
        best = max(_figures(result)[0] for result in row)
        cells = {}
        for result in row:
            quality, similarity = _figures(result)
            text = f"{quality:.2f}" if quality < best else f"**{quality:.2f}**"
            cells[result["title"]] = f"{text} ({similarity:.3f})"
        quality, similarity = _figures(row[0], "noisy_")
        texts.append(
            (SETS[name].title, f"{quality:.2f} ({similarity:.3f})", *(cells.get(column, "–") for column in titles))
        )
    return Table(title=title, header=("set", "input", *titles), rows=texts)


def _time_table(results: Mapping[str, dict[str, Any]]) -> Table:
    seconds: dict[str, list[float]] = {}
    for result in results.values():
        seconds.setdefault(result["title"], []).append(result["seconds_per_megapixel"])
    rows = [(title, f"{statistics.median(values):.2f}") for title, values in seconds.items()]
    return Table(title="Time for a megapixel of the result, median over the sets", header=("method", "s"), rows=rows)


def _draw(figure: "Figure", title: str, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """A line for each set, a dot for each method at its gain over the input."""
    figure.set_size_inches(9, 1.4 + 0.42 * len(rows))
    axes = figure.add_subplot()
    titles = _titles(rows)
    for index, method in enumerate(titles):
        points = [
            (_figures(result)[0] - _figures(result, "noisy_")[0], place)
            for place, row in enumerate(rows.values())
            for result in row
            if result["title"] == method
        ]
        style = {"color": COLOURS[index % len(COLOURS)], "marker": "osD^vPX"[index % 7], "s": 46, "zorder": 3}
        axes.scatter(*zip(*points, strict=True), label=method, **style)
    axes.axvline(0, color="#888888", linewidth=1)
    axes.set_yticks(range(len(rows)), [SETS[name].title for name in rows])
    axes.invert_yaxis()
    axes.grid(axis="both", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel("PSNR above the input, dB")
    axes.set_title(title, loc="left", fontweight="bold")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), metavar="SET", help=", ".join(SETS))
    parser.add_argument("--methods", nargs="+", metavar="METHOD", help="classical methods, starter, models or runs")
    parser.add_argument("--seed", type=int, default=0, help="of the noise that is put on clean photos")
    parser.add_argument("--fresh", action="store_true", help="measure again what is there already")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of benchmarks.md; default: docs")
    run(parser.parse_args())
