"""Collects the licences of all that the frozen program holds, into the file that its About dialog shows.

    .venv/bin/python packaging/licences.py [FILE]

prints what comes with the program, or writes it. The build calls `write_licences` with the system's libraries too.
"""

import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from trimming import left_out_packages  # noqa: E402

from app.window.bundled_licences import BundledPackage, collect_packages, dump_packages, required_packages  # noqa: E402

_TEXTS = HERE / "licence_texts"
# The wheels of Qt for Python name their licence and do not hold its text; the LGPL adds to the GPL.
_TEXTS_OF = {"PySide6_Essentials": ("LGPL-3.txt", "GPL-3.txt"), "shiboken6": ("LGPL-3.txt", "GPL-3.txt")}
_DOCUMENTATION = Path("/usr/share/doc")


def runtime_packages() -> tuple[str, ...]:
    """Return the names of the packages that the frozen program holds, itself first."""
    left_out = left_out_packages()
    return tuple(name for name in required_packages("residua") if name not in left_out)


def write_licences(path: Path, system_libraries: Iterable[Path] = ()) -> tuple[BundledPackage, ...]:
    """Write the list of what is bundled.

    Args:
        path: The file; made anew.
        system_libraries: Libraries of the system that were copied into the program.

    Returns:
        What it lists, by name.
    """
    found = [_with_text(package) for package in collect_packages(runtime_packages())]
    found += [_python(), *_debian_packages(system_libraries)]
    packages = tuple(sorted(found, key=lambda package: package.name.lower()))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump_packages(packages), encoding="utf-8")
    return packages


def _with_text(package: BundledPackage) -> BundledPackage:
    names = _TEXTS_OF.get(package.name, ())
    if package.text or not names:
        return package
    text = "\n\n".join((_TEXTS / name).read_text(encoding="utf-8") for name in names)
    return BundledPackage(name=package.name, version=package.version, licence=package.licence, text=text)


def _python() -> BundledPackage:
    candidates = (Path(sysconfig.get_path("stdlib")) / "LICENSE.txt", Path(sys.base_prefix) / "LICENSE.txt")
    text = next((file.read_text(encoding="utf-8") for file in candidates if file.is_file()), "")
    return BundledPackage(name="Python", version=platform.python_version(), licence="PSF-2.0", text=text)


def _debian_packages(libraries: Iterable[Path]) -> Iterator[BundledPackage]:
    """Yield the packages that hold these libraries, where Debian's package manager knows them."""
    if shutil.which("dpkg-query") is None:
        return
    names = set()
    for library in libraries:
        # Debian's list may know the file by the link's folder or by the real one.
        for place in (library, library.resolve(), Path("/usr") / library.relative_to("/")):
            answer = subprocess.run(["dpkg-query", "-S", str(place)], capture_output=True, text=True, check=False)
            if answer.returncode == 0:
                names.add(answer.stdout.partition(":")[0])
                break
    for name in sorted(names):
        query = ["dpkg-query", "-W", "-f", "${Version}", name]
        version = subprocess.run(query, capture_output=True, text=True, check=False).stdout
        file = _DOCUMENTATION / name / "copyright"
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        yield BundledPackage(name=name, version=version, licence="see its text", text=text)


def main() -> int:
    """Print what comes with the program, or write it into a file."""
    if len(sys.argv) > 1:
        packages = write_licences(Path(sys.argv[1]))
    else:
        packages = tuple(_with_text(package) for package in collect_packages(runtime_packages()))
    for package in packages:
        remark = "" if package.text else "  (no text)"
        print(f"{package.name} {package.version}: {package.licence}{remark}")
    return 0 if all(package.text for package in packages) else 1


if __name__ == "__main__":
    sys.exit(main())
