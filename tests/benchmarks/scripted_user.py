"""A person's whole way through the window, by the X server's own mouse and keyboard, with a look at every feature.

    python3 run.py bench scripted_user [--pages compare restore] [--out DIR] [--scale 2] [--steps 1500]
        [--language de] [--theme light] [--text 2]

Starts the studio on a virtual screen (Xvfb) on the photos of ../shared/data, once for each part, with user data of its
own; `xdotool` moves the mouse and presses the keys, and nothing is called behind the window's back. Each part leaves
screenshots, numbered in order, in DIR; they are there to be looked at. A part that gets stuck leaves a screenshot of
where it was and does not keep the others from being done.
"""

import argparse
import importlib
import json
import os
import shutil
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import Any

from tests.benchmarks.reporting import SHARED_DATA, require
from tests.benchmarks.scripted.parts import PARTS, Part, Plan
from tests.benchmarks.studio import run_on_virtual_screen

ON_SCREEN = "SCRIPTED_USER_PART"
_SCREENS = {1: "1280x800", 2: "2560x1600"}


def live_through(part: Part, arguments: argparse.Namespace) -> int:
    """Open the window and let the person do one part."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from app import main as program
    from app.core.settings import LANGUAGE, TEXT_SCALE, THEME, Settings
    from tests.benchmarks.scripted.person import Person

    live = importlib.import_module(f"tests.benchmarks.scripted.{part.module}")
    plan = Plan(
        data=Path(os.environ["RESIDUA_DATA"]), shared=SHARED_DATA, steps=arguments.steps, watch_s=arguments.watch_s
    )
    paths = live.prepare(plan)
    application = QApplication([])
    settings = Settings()
    settings.set(LANGUAGE, arguments.language)
    settings.set(THEME, arguments.theme)
    settings.set(TEXT_SCALE, arguments.text)
    settings.save()
    person = Person(application, arguments.out, part.number, arguments.language)
    report: dict[str, Any] = {"part": part.name}

    def live_it() -> None:
        try:
            person.wait("the engine", lambda: person.page.session.compute_text, 180)
            person.take_keyboard()
            live.live(person, plan)
            report["done"] = True
        except Exception as error:  # noqa: BLE001 - told to whoever runs this, and the window is closed
            report["error"] = f"{type(error).__name__}: {error}"
            traceback.print_exc()
            person.shoot("stuck")
        person.see(person.leave)

    thread = threading.Thread(target=live_it, daemon=True)
    QTimer.singleShot(1000, thread.start)
    program.main([str(path) for path in paths])
    report["screenshots"] = person.shots
    if person.meter.lateness.delays_ms:
        report["lateness_ms"] = person.meter.lateness.figures()
    print(json.dumps(report, indent=2), flush=True)
    return 0 if report.get("done") else 1


def main(arguments: argparse.Namespace) -> int:
    """Do the parts one after the other; return 0 if none got stuck."""
    if shutil.which("xdotool") is None:
        sys.exit("This benchmark needs xdotool: apt-get install xdotool")
    require(SHARED_DATA)
    arguments.out.mkdir(parents=True, exist_ok=True)
    stuck = []
    for name in arguments.pages:
        with tempfile.TemporaryDirectory() as data:
            environment = {
                ON_SCREEN: name,
                "SCREEN": _SCREENS[arguments.scale],
                "QT_SCALE_FACTOR": str(arguments.scale),
            }
            if run_on_virtual_screen("tests.benchmarks.scripted_user", sys.argv[1:], Path(data), **environment):
                stuck.append(name)
    print(f"Screenshots are in {arguments.out.resolve()}.")
    if stuck:
        print(f"Got stuck in: {', '.join(stuck)}.")
    return int(bool(stuck))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", nargs="+", choices=PARTS, default=list(PARTS), help="parts to do")
    parser.add_argument("--steps", type=int, default=1500, help="of each training")
    parser.add_argument("--watch-s", type=float, default=15, help="how long lateness is measured while it trains")
    parser.add_argument("--out", type=Path, default=Path("screenshots"), help="folder for the screenshots")
    parser.add_argument("--scale", type=int, choices=_SCREENS, default=1)
    parser.add_argument("--language", choices=("en", "de"), default="en", help="that the window speaks")
    parser.add_argument("--theme", choices=("system", "dark", "light"), default="system")
    parser.add_argument("--text", type=float, choices=(1.0, 1.25, 1.5, 2.0), default=1.0, help="size of all texts")
    chosen = parser.parse_args()
    if ON_SCREEN in os.environ:
        ended = live_through(PARTS[os.environ[ON_SCREEN]], chosen)
        # Qt's and torch's threads have nothing left to save; their order of ending does not matter.
        os._exit(ended)
    sys.exit(main(chosen))
