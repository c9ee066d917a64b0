"""Give what opens files contents that nobody would write, and see whether it says more than sentences.

    .venv/bin/python -m tests.fuzzing LOADER [--minutes 10] [--out FOLDER] [--seed 1]
    .venv/bin/python -m tests.fuzzing all

atheris makes the contents and follows which lines of the engine they reach. What a loader must not end with is kept in
FOLDER, once for each place in the code, and the run goes on; a hang or a crash of native code ends the process, is kept
too, and another process goes on for the rest of the time. Findings become tests: `tests/fuzzing/findings/LOADER`.
"""

import argparse
import faulthandler
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
LIMIT_S, LIMIT_MB, LARGEST_PIXELS = 30, 4096, 1_000_000


def main() -> int:
    """Fuzz one loader, or all of them in turn; 0 where nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__.partition("\n")[0])
    parser.add_argument("loader")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "residua-fuzzing")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child-until", type=float, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child_until:
        return fuzz(asked)
    from tests.fuzzing.loaders import LOADERS

    names = list(LOADERS) if asked.loader == "all" else [asked.loader]
    found = sum(fuzz_in_children(name, asked.minutes, asked.out / name, asked.seed) for name in names)
    return int(found > 0)


def fuzz_in_children(name: str, minutes: float, out: Path, seed: int) -> int:
    """Fuzz a loader for a time, whatever happens to the process that does it; return how much was found."""
    out.mkdir(parents=True, exist_ok=True)
    started = time.time()
    until = started + 60 * minutes
    number = 0
    while time.time() < until - 1:
        options = ["--child-until", str(until), "--out", str(out), "--seed", str(seed + number)]
        with (out / "log.txt").open("ab") as log:
            code = subprocess.run(
                [sys.executable, "-m", "tests.fuzzing", name, *options],
                cwd=PROJECT,
                stdout=log,
                stderr=log,
                check=False,
            ).returncode
        number += 1
        case = [file for file in (_scratch(name, out) / "case").rglob("*") if file.is_file()]
        if code < 0 and case:
            shutil.copyfile(case[0], out / f"signal-{-code}-{number}")
        if code and time.time() < until - 1:
            print(f"{name}: the process ended with {code}, see {out / 'log.txt'}", flush=True)
    count_file = out / "count.json"
    counts = json.loads(count_file.read_text("utf-8")) if count_file.is_file() else {}
    # A slow unit is one that a busy machine took ten seconds for.
    found = [
        file
        for file in sorted(out.iterdir())
        if file.is_file() and file.suffix not in (".txt", ".json") and not file.name.startswith("slow-unit")
    ]
    print(
        f"{name}: {counts.get('inputs', 0):,} inputs in {(time.time() - started) / 60:.1f} min, {number} processes, "
        f"{len(found)} found {[file.name for file in found]}",
        flush=True,
    )
    return len(found)


def fuzz(asked: argparse.Namespace) -> int:
    """Fuzz in this process until the time is over or it dies."""
    import atheris

    logging.disable(logging.CRITICAL)
    faulthandler.enable()
    with atheris.instrument_imports(include=["engine", "app.core.settings", "tifffile"]):
        from engine.photo_files import formats as image_formats
        from tests.fuzzing.loaders import LOADERS, open_content, seeds_of
    # The program's own limit allows pictures that a machine decodes for seconds.
    image_formats.MAX_PIXELS = LARGEST_PIXELS
    loader = LOADERS[asked.loader]
    scratch = _scratch(asked.loader, asked.out)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    os.environ["RESIDUA_DATA"] = str(scratch / "data")
    corpus = asked.out / "corpus"
    corpus.mkdir(exist_ok=True)
    for content in seeds_of(loader, scratch / "seeds"):
        (corpus / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
    count_file = asked.out / "count.json"
    num_inputs = json.loads(count_file.read_text("utf-8"))["inputs"] if count_file.is_file() else 0

    def try_one(content: bytes) -> None:
        nonlocal num_inputs
        num_inputs += 1
        if num_inputs % 200 == 0:
            count_file.write_text(json.dumps({"inputs": num_inputs}))
        try:
            open_content(loader, content, scratch / "case")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            _keep(asked.out, content, error)
        shutil.rmtree(scratch / "case", ignore_errors=True)

    rest_s = max(int(asked.child_until - time.time()), 1)
    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-max_total_time={rest_s}",
            f"-timeout={LIMIT_S}",
            f"-rss_limit_mb={LIMIT_MB}",
            f"-max_len={loader.max_bytes}",
            f"-seed={asked.seed}",
            f"-artifact_prefix={asked.out}/",
            "-print_final_stats=1",
            # Python says where it was; the content is in the case's folder.
            *(f"-handle_{name}=0" for name in ("segv", "bus", "abrt", "ill", "fpe")),
        ],
        try_one,
    )
    atheris.Fuzz()
    return 0


def _scratch(name: str, out: Path) -> Path:
    """Where contents become files: in memory, where the system has such a folder."""
    place = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())
    return place / f"residua-fuzzing-{name}-{hashlib.sha256(str(out).encode()).hexdigest()[:8]}"


def _keep(out: Path, content: bytes, error: Exception) -> None:
    """Keep the first content for each kind of error and place in the project."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if str(PROJECT) in frame.filename and ".venv" not in frame.filename] or frames
    place = f"{type(error).__name__}-{Path(own[-1].filename).stem}-{own[-1].lineno}"
    if not (out / place).exists():
        (out / place).write_bytes(content)
        (out / f"{place}.txt").write_text(
            "".join(traceback.format_exception(error)), encoding="utf-8", errors="replace"
        )


if __name__ == "__main__":
    sys.exit(main())
