"""Makes the frozen program: one folder, an archive of it, and on Debian a package.

    .venv/bin/python packaging/build.py [--out dist] [--with-openvino] [--without-archive] [--without-package]

Ends with the self-test of the frozen program, run from a bare folder with no Python on the path.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = ROOT / "build" / "packaging"
sys.path[:0] = [str(HERE), str(ROOT)]

from debian_package import write_debian_package  # noqa: E402
from trimming import OPENVINO_VARIABLE  # noqa: E402

from engine import __version__  # noqa: E402

MEGABYTE = 1e6
LARGEST_MB = 950
OPENVINO_MB = 100
"""That the program may take beyond it where OpenVINO comes along."""

_ICON_SIZES_PX = (16, 32, 48, 128, 256)
_SELF_TEST_LIMIT_S = 600


def main() -> int:
    """Build, pack, test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument(
        "--with-openvino", action="store_true", help="bring OpenVINO along, which restores more quickly: 98 MB more"
    )
    parser.add_argument("--without-archive", action="store_true")
    parser.add_argument("--without-package", action="store_true")
    options = parser.parse_args()
    out = options.out.resolve()
    started = time.monotonic()
    icons = write_icons(BUILD / "icons")
    program = freeze(out, options.with_openvino)
    size_mb = folder_bytes(program) / MEGABYTE
    print(f"{program}: {size_mb:,.0f} MB unpacked, frozen in {time.monotonic() - started:.0f} s")
    if run_self_test(program):
        return 1
    if not options.without_archive:
        archive = pack(program, out)
        print(f"{archive}: {archive.stat().st_size / MEGABYTE:,.0f} MB")
    if not options.without_package and shutil.which("dpkg-deb"):
        package = write_debian_package(program, icons, out, BUILD / "debian")
        print(f"{package}: {package.stat().st_size / MEGABYTE:,.0f} MB")
    largest_mb = LARGEST_MB + OPENVINO_MB * options.with_openvino
    if size_mb > largest_mb:
        print(f"{size_mb:,.0f} MB unpacked are more than the {largest_mb:,} MB that it may take.", file=sys.stderr)
        return 1
    return 0


def write_icons(folder: Path) -> dict[int, Path]:
    """Paint the program's icon in the sizes and forms that systems ask for; return the PNG files by size."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PIL import Image
    from PySide6.QtGui import QGuiApplication

    from app.look.app_icon import app_icon

    application = QGuiApplication.instance() or QGuiApplication(sys.argv[:1])
    assert application is not None
    folder.mkdir(parents=True, exist_ok=True)
    icons = {}
    for size in _ICON_SIZES_PX:
        icons[size] = folder / f"residua-{size}.png"
        if not app_icon().pixmap(size, size).save(str(icons[size])):
            raise OSError(f"{icons[size]} cannot be written")
    largest = Image.open(icons[max(_ICON_SIZES_PX)])
    if sys.platform == "win32":
        largest.save(BUILD / "residua.ico", sizes=[(size, size) for size in _ICON_SIZES_PX])
    elif sys.platform == "darwin":
        largest.save(BUILD / "residua.icns")
    return icons


def freeze(out: Path, with_openvino: bool) -> Path:
    """Run PyInstaller; return the program's folder."""
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    command += ["--distpath", str(out), "--workpath", str(BUILD / "work"), str(HERE / "residua.spec")]
    environment = {**os.environ, OPENVINO_VARIABLE: str(int(with_openvino))}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    program = out / "residua"
    if sys.platform == "linux":
        strip_symbols(program)
    if sys.platform != "win32":
        (program / "residua-studio").symlink_to("residua")
    return program


def strip_symbols(program: Path) -> None:
    """Take the symbols out of the program's libraries, which are a tenth of it.

    Those in folders named `*.libs` were rewritten when their packages were made, and do not load once stripped.
    """
    for path in (program / "_internal").rglob("*.so*"):
        if path.is_symlink() or path.parent.name.endswith(".libs"):
            continue
        subprocess.run(["strip", "--strip-unneeded", str(path)], check=False, stderr=subprocess.DEVNULL)


def folder_bytes(folder: Path) -> int:
    """Return what all files below a folder take; links count nothing."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def run_self_test(program: Path) -> int:
    """Let the frozen program test itself from a bare folder, with nothing of this environment; return its exit code."""
    name = "residua.exe" if sys.platform == "win32" else "residua"
    with tempfile.TemporaryDirectory() as bare:
        environment = {"PATH": "", "HOME": bare, "QT_QPA_PLATFORM": "offscreen", "LC_ALL": "C.UTF-8"}
        if sys.platform == "win32":
            environment |= {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP", "TMP")}
        command = [str(program / name), "--self-test"]
        return subprocess.run(command, cwd=bare, env=environment, check=False, timeout=_SELF_TEST_LIMIT_S).returncode


def pack(program: Path, out: Path) -> Path:
    """Pack the program's folder into one file; a zip on Windows, else a tar."""
    system = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
    name = f"residua-{__version__}-{system}"
    if sys.platform == "win32":
        archive = out / f"{name}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for path in sorted(program.rglob("*")):
                file.write(path, Path(name) / path.relative_to(program))
        return archive
    archive = out / f"{name}.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=5) as file:
        file.add(program, name)
    return archive


if __name__ == "__main__":
    sys.exit(main())
