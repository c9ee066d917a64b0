"""Where the files are that ship with the program: in a checkout, an installed package or a frozen program."""

import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2

_INSTALLED_FOLDER = Path("share", "residua")
"""Where the package's data files go, below the environment's folder."""


def shipped_folders(name: str) -> Iterator[Path]:
    """Yield the places where a folder of shipped files may lie, the likeliest first; not all of them exist.

    Args:
        name: The folder's name below `assets` in the sources: "starters", "translations".
    """
    frozen = getattr(sys, "_MEIPASS", None)
    if frozen is not None:
        yield Path(frozen) / "assets" / name
    yield Path(__file__).resolve().parents[2] / "assets" / name
    yield Path(sysconfig.get_path("data")) / _INSTALLED_FOLDER / name
    # Only the installer knows where "pip install --user" or "--target" have put data files.
    try:
        files = metadata.files("residua") or []
    except metadata.PackageNotFoundError:
        return
    wanted = (_INSTALLED_FOLDER / name).as_posix()
    for file in files:
        inside, found, below = file.as_posix().partition(f"{wanted}/")
        if found and (not inside or inside.endswith("/")):
            yield Path(file.locate()).resolve().parents[below.count("/")]
            return


def page_template(name: str) -> "jinja2.Template":
    """Return the template of an HTML page, which escapes all that is filled in.

    Args:
        name: Where it lies below the engine: beside the module that fills it in, such as "comparing/page.html".
    """
    return _templates().get_template(name)


@cache
def _templates() -> "jinja2.Environment":
    # Loaded where a page is written, which hardly any job does.
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).resolve().parents[1]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
