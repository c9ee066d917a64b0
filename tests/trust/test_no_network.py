"""Promise 8: no network access of any kind, by anything that the program loads; and no library for it in its code."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TinyPhotos
from tests.trust import no_network
from tests.trust.kill_host import PROJECT

NETWORK_MODULES = {"socket", "ssl", "http", "urllib", "ftplib", "smtplib", "requests", "httpx", "aiohttp", "urllib3"}
NETWORK_MODULES |= {"PySide6.QtNetwork", "PySide6.QtWebEngineWidgets", "huggingface_hub", "xmlrpc", "telnetlib"}


def do(what: str, photos: TinyPhotos, out: Path) -> "subprocess.CompletedProcess[str]":
    import platform

    if sys.platform != "linux" or platform.machine() not in no_network.SOCKET_CALLS:
        pytest.skip("needs Linux's seccomp")
    return subprocess.run(
        [sys.executable, "-m", "tests.trust.no_network", what, str(photos.noisy), str(photos.clean), str(out)],
        cwd=PROJECT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "RESIDUA_DATA": str(out / "data")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("what", ["socket", "child"])
def test_a_socket_ends_the_process(tiny_photos: TinyPhotos, tmp_path: Path, what: str) -> None:
    """Its own, and that of a program that it has started; otherwise the tests below could not fail."""
    assert do(what, tiny_photos, tmp_path).returncode == -signal.SIGSYS


@pytest.mark.parametrize("what", ["jobs", "window"])
def test_no_socket_is_asked_for(tiny_photos: TinyPhotos, tmp_path: Path, what: str) -> None:
    result = do(what, tiny_photos, tmp_path)
    assert result.returncode == 0, result.stderr[-3000:]


def test_the_code_imports_nothing_that_speaks_to_a_network() -> None:
    found = []
    for package in ("engine", "app"):
        for path in (PROJECT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module:
                    names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                found += [(path.name, name) for name in names if _is_for_networks(name)]
    # To ask whether a window system is there, through a socket of this machine's own.
    assert found == [("system_libraries.py", "socket")]


def _is_for_networks(name: str) -> bool:
    return name in NETWORK_MODULES or name.split(".")[0] in NETWORK_MODULES
