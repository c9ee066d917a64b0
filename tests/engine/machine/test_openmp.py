"""How waiting threads wait is said before torch is loaded, and a person's own word is kept."""

import json
import os
import subprocess
import sys

import pytest

from engine.machine.processes.openmp import WAITING, share_the_processor


@pytest.mark.parametrize("start", ["import app.main", "from engine.cli.main import main; main()"])
def test_each_way_into_the_program_says_it_before_torch_is_loaded(start: str) -> None:
    program = (
        "import atexit, json, os, sys\n"
        f"atexit.register(lambda: print(json.dumps([{{n: os.environ.get(n) for n in {list(WAITING)}}}, "
        "'torch' in sys.modules])))\n"
        f"sys.argv = ['residua', '--version']\n{start}"
    )
    clean = {name: value for name, value in os.environ.items() if name not in WAITING}
    done = subprocess.run([sys.executable, "-c", program], env=clean, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [WAITING, False]


def test_what_a_person_says_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    share_the_processor()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    assert "GOMP_SPINCOUNT" not in os.environ
