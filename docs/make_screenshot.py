"""Makes the README's screenshot from the sample photos, with the program itself.

    .venv/bin/python -m docs.make_screenshot [--steps 3000] [--photo astronaut]

Pretrains on the sample photos without a label, restores one, and shows it in the real window.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("QT_API", "pyside6")
if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from app.error_reporting import ErrorReporter
from app.job_runner import JobRunner
from app.main_window import MainWindow
from app.pages.compare import ComparePage
from app.session import ModelChoice, RestoredPhoto, Session
from app.settings import Settings
from app.theme import Theme, ThemeChoice
from app.warm_up import WarmUp
from engine.configs import Preset, PretrainConfig, RestoreConfig
from engine.data.photo_folder import list_image_files
from engine.events import JobEvent
from engine.job_control import JobControl
from engine.jobs import pretrain, restore
from engine.presets import pretrain_preset
from engine.run_store import RunStore
from engine.sample_photos import make_sample_photos

PICTURE = Path(__file__).parent / "images" / "studio.png"
WIDTH, HEIGHT = 1280, 800


def ignore(event: JobEvent) -> None:
    """Nobody watches."""


def wait(milliseconds: int) -> None:
    """Let the window work."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def main(steps: int, photo_name: str) -> None:
    """Learn, restore, show, keep the picture."""
    folder = Path(os.environ["RESIDUA_DATA"]) / "Sample photos"
    samples = make_sample_photos(folder)
    values = {**pretrain_preset(Preset.QUICK), "steps": steps}
    run = pretrain(PretrainConfig(photos=(samples.noisy,), name="Samples", **values), JobControl(), ignore).run
    config = RestoreConfig(model=run, photos=(samples.noisy,), out=folder / "restored")
    result = restore(config, JobControl(), ignore)

    application = QApplication([])
    reporter, session, runner, settings = ErrorReporter(), Session(RunStore()), JobRunner(), Settings()
    Theme.of_application().apply(ThemeChoice.DARK)
    window = MainWindow(session, runner, settings, reporter)
    window.resize(WIDTH, HEIGHT)
    window.show()
    warm_up = WarmUp()
    warm_up.finished.connect(session.set_engine_loaded)
    warm_up.start()
    window.open_paths([samples.noisy])
    session.set_references([samples.all_clean])
    session.set_model(ModelChoice(run, "Samples"))
    for source, output in result.restored:
        session.add_restored(source, RestoredPhoto("Samples", output))
    wait(6000)
    session.set_current_photo(next(path for path in list_image_files([samples.noisy]) if photo_name in path.stem))
    window.show_page("compare")
    page = window.current_page
    assert isinstance(page, ComparePage)
    wait(3000)
    PICTURE.parent.mkdir(exist_ok=True)
    window.grab().save(str(PICTURE))
    runner.shut_down(20)
    session.run_catalog.shut_down()
    warm_up.join(20)
    application.processEvents()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--photo", default="astronaut", help="part of the name of the sample photo to show")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        os.environ["RESIDUA_DATA"] = data
        main(arguments.steps, arguments.photo)
    # Qt's and torch's threads have nothing left to save; their order of ending does not matter.
    os._exit(0)
