"""The Debian package of the frozen program: `/opt/residua`, two commands, a desktop entry, icons and file types."""

import platform
import shutil
import subprocess
from pathlib import Path

from engine import __version__

HERE = Path(__file__).resolve().parent

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# What Qt loads from the system and the program does not bring along.
_DEPENDS = (
    "libc6, libegl1, libgl1, libxkbcommon0, libdbus-1-3, libfontconfig1, libglib2.0-0t64 | libglib2.0-0, "
    "libxcb-cursor0, libxcb-icccm4, libxcb-keysyms1, libxkbcommon-x11-0, libxcb-shape0, fonts-dejavu-core"
)
_CONTROL = """\
Package: residua
Version: {version}
Architecture: {architecture}
Maintainer: The Residua developers <residua@localhost>
Installed-Size: {kilobytes}
Depends: {depends}
Section: graphics
Priority: optional
Description: Restore noisy photos with a network trained on your own photos
 A desktop studio that learns from noisy photos alone, refines with a few clean
 references, restores whole folders and compares the results side by side.
 Everything runs on this machine.
"""


def write_debian_package(program: Path, icons: dict[int, Path], out: Path, work: Path) -> Path:
    """Write the package.

    Args:
        program: The frozen program's folder.
        icons: PNG files by size.
        out: Folder of the package.
        work: Where its content is gathered; emptied first.

    Returns:
        The package.
    """
    shutil.rmtree(work, ignore_errors=True)
    installed = work / "opt" / "residua"
    # Hard links, where possible: the program is large.
    shutil.copytree(program, installed, symlinks=True, copy_function=_link_or_copy)
    commands = work / "usr" / "bin"
    commands.mkdir(parents=True)
    for name in ("residua", "residua-studio"):
        (commands / name).symlink_to(Path("/opt/residua") / name)
    _copy(HERE / "residua.desktop", work / "usr" / "share" / "applications" / "residua.desktop")
    _copy(HERE / "residua.mime.xml", work / "usr" / "share" / "mime" / "packages" / "residua.xml")
    _copy(HERE.parent / "LICENSE", work / "usr" / "share" / "doc" / "residua" / "copyright")
    for size, icon in icons.items():
        folder = work / "usr" / "share" / "icons" / "hicolor" / f"{size}x{size}" / "apps"
        _copy(icon, folder / "residua.png")
    architecture = _ARCHITECTURES[platform.machine()]
    kilobytes = sum(file.lstat().st_size for file in work.rglob("*") if not file.is_dir()) // 1024
    control = work / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text(
        _CONTROL.format(version=__version__, architecture=architecture, kilobytes=kilobytes, depends=_DEPENDS)
    )
    package = out / f"residua_{__version__}_{architecture}.deb"
    # gzip: packing a gigabyte with the default takes minutes for a tenth less.
    command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z5", "--build", str(work), str(package)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(work)
    return package


def _link_or_copy(source: str, target: str) -> None:
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    target.chmod(0o644)
