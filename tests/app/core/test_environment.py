"""The environment does not grow once the window's threads are there: glibc's `getenv` does not bear it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

# What trainings and restoring import, on this thread as on theirs.
_START_AND_IMPORT = """
import os, sys
added = []
def notice(event, arguments):
    if event == "os.putenv" and "PySide6.QtCore" in sys.modules:
        from PySide6.QtCore import QCoreApplication
        name = os.fsdecode(arguments[0])
        if QCoreApplication.instance() is not None and name not in os.environ:
            added.append(name)
sys.addaudithook(notice)
import app.main
from tests.benchmarks.studio import measure_in_studio, wait_until
def work(window):
    wait_until(lambda: "torch" in sys.modules, 60)
    import engine.training.job, engine.restoring.job, engine.refining.own_noise, lightning_fabric
    import importlib.util
    for compiled in ("openvino", "onnxruntime"):
        if importlib.util.find_spec(compiled):
            __import__(compiled)
measure_in_studio(work)
print(added)
"""


def test_no_variable_is_added_while_the_window_is_open(tmp_path: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("RESIDUA", "TORCH", "PYTORCH"))}
    environment = {**bare, "RESIDUA_DATA": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", _START_AND_IMPORT]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert ended.returncode == 0, ended.stderr
    assert ast.literal_eval(ended.stdout.splitlines()[-1]) == []
