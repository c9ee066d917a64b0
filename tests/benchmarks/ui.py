"""How quickly the window answers: five measurements in the real program on a virtual screen.

    python3 run.py bench ui [--parts start canvas folder training preview] [--quick] [--docs DIR]

1. Frame times while panning and zooming a photo of 51 megapixels, in 1, 2 and 4 panes.
2. A folder of 10,000 files: time to the first thumbnail, to the whole list, and frames of scrolling it.
3. How late the window's event loop is while it trains: a timer that ought to fire every 10 ms.
4. Latency of the Restore page's preview, of the whole and of any spot at 100 %, on a photo of 24 megapixels.
5. Starting: from Python's start to the first picture of the window, and to the first restored spot of a photo.

Each runs in a process of its own, so that none disturbs the next and one that fails leaves the others. Takes about
four minutes; the machine should do nothing else. Prints tables and writes a section of `docs/benchmarks.md`.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.document import DOCS, Section, Table, stored_data, write_section
from tests.benchmarks.reporting import describe_machine, print_table
from tests.benchmarks.studio import SCREEN, measure_in_studio, run_on_virtual_screen

FRAME_GOAL_MS = 1000 / 60
LATENESS_GOAL_MS = 30.0
THUMBNAIL_GOAL_S = 1.0
PREVIEW_GOAL_S = 1.0
WINDOW_GOAL_S, READY_GOAL_S = 1.5, 2.5

Figures = dict[str, Any]


def measure_canvas_part(data: Path, is_quick: bool) -> Figures:
    """Frame times of the comparison canvas."""
    from PySide6.QtWidgets import QApplication

    from app.look.theme import Theme, ThemeChoice
    from app.studio import SWITCH_INTERVAL_S
    from tests.benchmarks.ui_canvas import HEIGHT, WIDTH, measure_canvas

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    application = QApplication([])
    Theme.of_application().apply(ThemeChoice.DARK)
    panes, num_frames = ((2,), 30) if is_quick else ((1, 2, 4), 180)
    rows = [asdict(row) for num_panes in panes for row in measure_canvas(num_panes, num_frames)]
    application.processEvents()
    return {"width_px": WIDTH, "height_px": HEIGHT, "frames_per_movement": num_frames, "rows": rows}


def measure_folder_part(data: Path, is_quick: bool) -> Figures:
    """Opening and scrolling a folder of ten thousand files."""
    from tests.benchmarks.ui_photos import NUM_FILES, make_many_photos, measure_opening, measure_scrolling

    folder = make_many_photos(data / "many photos", 500 if is_quick else NUM_FILES)
    return measure_in_studio(lambda window: {**measure_opening(window, folder), **measure_scrolling(window)})


def measure_training_part(data: Path, is_quick: bool) -> Figures:
    """Lateness of the event loop while it trains."""
    from engine.machine.places import Place
    from engine.photos.sample_photos import make_sample_photos
    from tests.benchmarks.ui_training import measure_training

    samples = make_sample_photos(Place.SAMPLE_PHOTOS.path())
    seconds = 4.0 if is_quick else 25.0
    return dict(measure_in_studio(lambda window: measure_training(window, seconds), [samples.noisy]))


def measure_preview_part(data: Path, is_quick: bool) -> Figures:
    """Latency of the Restore page's preview."""
    from tests.benchmarks.ui_training import make_large_photo, measure_preview

    photo = make_large_photo(data / "large photo" / "photo.jpg")
    return measure_in_studio(lambda window: measure_preview(window, 3 if is_quick else 20), [photo.parent])


def measure_start_part(data: Path, is_quick: bool) -> Figures:
    """Time from the start to the window, and to the first restored spot."""
    from engine.photos.sample_photos import make_sample_photos
    from tests.benchmarks.ui_start import NUM_STARTS, measure_starts

    samples = make_sample_photos(data / "samples")
    return dict(measure_starts(samples.noisy, 1 if is_quick else NUM_STARTS))


PARTS: Mapping[str, Callable[[Path, bool], Figures]] = {
    "start": measure_start_part,
    "canvas": measure_canvas_part,
    "folder": measure_folder_part,
    "training": measure_training_part,
    "preview": measure_preview_part,
}


def summary_rows(data: Mapping[str, Figures]) -> list[tuple[str, str, str, str]]:
    """Return the figures that have a goal: what, measured, goal, met or not."""

    def row(what: str, value: float, goal: float, unit: str, digits: int) -> tuple[str, str, str, str]:
        return what, f"{value:.{digits}f} {unit}", f"at most {goal:.3g} {unit}", "yes" if value <= goal else "no"

    rows: list[tuple[str, str, str, str]] = []
    if "start" in data:
        figures = data["start"]
        rows.append(row("First picture of the window after Python's start", figures["window_s"], WINDOW_GOAL_S, "s", 2))
        what = "First restored spot on screen after the first picture, photo and model being read"
        rows.append(row(what, figures["restored_s"] - figures["window_s"], READY_GOAL_S, "s", 2))
    if "canvas" in data:
        for num_panes in sorted({frames["num_panes"] for frames in data["canvas"]["rows"]}):
            worst = max(frames["p99_ms"] for frames in data["canvas"]["rows"] if frames["num_panes"] == num_panes)
            panes = "1 pane" if num_panes == 1 else f"{num_panes} panes"
            what = f"Frame of panning and zooming 51 megapixels in {panes}, 99th percentile of the worst movement"
            rows.append(row(what, worst, FRAME_GOAL_MS, "ms", 1))
    if "folder" in data:
        what = f"First thumbnail of a folder of {data['folder']['num_files']:,.0f} files"
        rows.append(row(what, data["folder"]["first_thumbnail_s"], THUMBNAIL_GOAL_S, "s", 2))
    if "training" in data:
        for key, doing in (("training_page", "watching it"), ("compare_page", "walking through photos on Compare")):
            what = f"Event loop's lateness while training, {doing}, 99th percentile"
            rows.append(row(what, data["training"][key]["p99_ms"], LATENESS_GOAL_MS, "ms", 1))
    if "preview" in data:
        what = "Restored spot at 100 % on screen, half of the spots"
        rows.append(row(what, data["preview"]["median_s"], PREVIEW_GOAL_S, "s", 2))
        rows.append(row(what.replace("half", "slowest"), data["preview"]["slowest_s"], PREVIEW_GOAL_S, "s", 2))
    return rows


def tables_of(data: Mapping[str, Figures]) -> list[Table]:
    """Return all that was measured as tables, the figures with a goal first."""
    tables = [Table(title="Against the goals", header=("what", "measured", "goal", "met"), rows=summary_rows(data))]
    if "canvas" in data:
        rows = [
            (
                str(row["num_panes"]),
                row["movement"],
                *(f"{row[key]:.1f} ms" for key in ("p50_ms", "p99_ms", "max_ms", "main_thread_p99_ms")),
                f"{row['soft_share']:.0%}",
            )
            for row in data["canvas"]["rows"]
        ]
        header = ("panes", "movement", "p50", "p99", "slowest", "p99 of the window's thread alone", "soft frames")
        tables.append(Table(title="Panning and zooming", header=header, rows=rows))
    if "training" in data:
        rows = [
            (doing, *(f"{data['training'][key][name]:.1f} ms" for name in ("p50_ms", "p99_ms", "max_ms")))
            for key, doing in (("training_page", "watching the training"), ("compare_page", "walking through photos"))
        ]
        tables.append(Table(title="Lateness while training", header=("doing", "p50", "p99", "most"), rows=rows))
    further = _further_rows(data)
    if further:
        tables.append(Table(title="Further figures", header=("what", "measured"), rows=further))
    return tables


def _further_rows(data: Mapping[str, Figures]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if "start" in data:
        figures = data["start"]
        slowest = f"{figures['window_s_slowest']:.2f} s and {figures['restored_s_slowest']:.2f} s"
        rows.append((f"Start: slowest of {figures['num_starts']:.0f}, to the window and to the restored spot", slowest))
    if "folder" in data:
        figures = data["folder"]
        rows += [
            ("Folder: a whole page of thumbnails", f"{figures['first_page_s']:.2f} s"),
            ("Folder: all files listed", f"{figures['all_listed_s']:.2f} s"),
            ("Folder: lateness while listing, p99", f"{figures['listing_lateness_p99_ms']:.1f} ms"),
            ("Folder: frame of scrolling, p50", f"{figures['scroll_frame_median_ms']:.1f} ms"),
            ("Folder: frame of scrolling, p99", f"{figures['scroll_frame_p99_ms']:.1f} ms"),
        ]
    if "preview" in data:
        figures = data["preview"]
        rows += [
            ("Preview: the whole photo, with photo and model being read", f"{figures['first_s']:.2f} s"),
            ("Preview: another blend, p50", f"{figures['blend_median_ms']:.0f} ms"),
        ]
    return rows


def measure_parts(parts: Sequence[str], is_quick: bool) -> tuple[dict[str, Figures], list[str]]:
    """Run each part in a process of its own; return the figures by part, and a sentence for each that failed."""
    data: dict[str, Figures] = {}
    missing: list[str] = []
    for part in parts:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "result.json"
            arguments = ["--part", part, "--result", str(result), *(["--quick"] if is_quick else [])]
            code = run_on_virtual_screen("tests.benchmarks.ui", arguments, Path(folder) / "data")
            if result.is_file():
                data[part] = json.loads(result.read_text(encoding="utf-8"))
                data[part]["minutes"] = (time.monotonic() - started) / 60
            else:
                missing.append(f"{part}: the measurement ended with exit code {code}; see its output.")
        print(f"{part}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return data, missing


def main(arguments: argparse.Namespace) -> int:
    """Measure, print, and write the section."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    measured, missing = measure_parts(arguments.parts, arguments.quick)
    # Parts that were measured before stay in the document.
    known = {} if arguments.quick else stored_data("ui", arguments.docs)
    data = {part: {**known, **measured}[part] for part in PARTS if part in known or part in measured}
    for table in tables_of(data):
        print(f"\n{table.title}\n")
        print_table(table.header, table.rows)
    print("\n".join(missing))
    if arguments.quick and arguments.docs == DOCS:
        print("\nA quick try: the document was left as it is.")
        return int(bool(missing))
    text = (
        "The program itself on a virtual screen (Xvfb, {} x {}), driven from within. A frame is one step of panning or "
        "zooming, asked for every 1/60 s and painted to the screen; it is soft where some tile in view came later and "
        "the photo was shown less sharp for that moment. Lateness is the delay of a timer that ought to fire every "
        "10 ms. A spot counts from asking for it to its being on screen, in steps of 2 ms."
    ).format(*SCREEN)
    section = Section(
        title="The window",
        text=text,
        command="python3 run.py bench ui",
        seeds=(0, 1),
        minutes=sum(figures.get("minutes", 0.0) for figures in data.values()),
        machine=f"{describe_machine()}; load before the start {load:.1f}",
        tables=tables_of(data),
        missing=missing,
        data=data,
    )
    write_section("ui", section, arguments.docs)
    return int(bool(missing))


def run_part(part: str, result: Path, is_quick: bool) -> int:
    """Measure one part in this process and leave its figures in a file."""
    figures = PARTS[part](result.parent, is_quick)
    result.write_text(json.dumps(figures), encoding="utf-8")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--quick", action="store_true", help="small and short, to see whether it works")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the document")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.part:
        code = run_part(chosen.part, chosen.result, chosen.quick)
        # Qt's and torch's threads have nothing left to save; their order of ending does not matter.
        sys.stdout.flush()
        os._exit(code)
    sys.exit(main(chosen))
