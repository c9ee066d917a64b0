"""Gathers the clean pictures that the starter models learn from, and names the licence of each.

    python assets/starters/pictures.py FOLDER

Photographs come with scikit-image and with Debian packages:

    apt-get install gcompris-qt-data mate-backgrounds plasma-workspace-wallpapers
    apt-get install lomiri-wallpapers-16.04 lomiri-wallpapers-20.04 palapeli-data lxqt-themes

The script installs nothing, but says what is missing. Each picture is shrunk until the noise and the compression of
the original are gone, and written as PNG; the list `pictures.json` beside them names package, file, author, licence
and source of each. Pictures that are blurred, noisy, drawn or rendered were left out after looking at each.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from qt_resources import read_resources

from engine.contracts.errors import InvalidInputError
from engine.machine.atomic_files import write_bytes_atomically

LIST_FILE = "pictures.json"

Levels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Licence:
    """Whose picture it is and what may be done with it.

    Attributes:
        author: Name, as the package gives it.
        licence: Its short name.
        source: Where the picture was published; empty where the package does not say.
    """

    author: str
    licence: str
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Pictures of one folder of a Debian package.

    Attributes:
        package: The package.
        folder: Where it puts them.
        shrink: How many pixels to a side become one.
        files: Licence by file name or path in the folder.
    """

    package: str
    folder: str
    shrink: float
    files: Mapping[str, Licence]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture as it is written to the list.

    Attributes:
        name: File name of the PNG.
        package: Where it comes from.
        file: Name of the original there.
        author: Whose it is.
        licence: What may be done with it.
        source: Where it was published.
        shrink: How many pixels to a side became one.
        is_held_out: Whether it measures the models instead of teaching them.
    """

    name: str
    package: str
    file: str
    author: str
    licence: str
    source: str
    shrink: float
    is_held_out: bool


_CC0 = "CC0-1.0"
_PUBLIC_DOMAIN = "public domain"
_GPL = "GPL-2.0-or-later"
_BY = "CC-BY-4.0"
_BY_SA = "CC-BY-SA-4.0"
_LGPL = "LGPL-3.0"

_SCIKIT_IMAGE = {
    "astronaut.png": Licence(author="NASA", licence=_PUBLIC_DOMAIN, source="https://flic.kr/p/r9qvLn"),
    "chelsea.png": Licence(author="Stefan van der Walt", licence=_CC0),
    "coffee.png": Licence(author="Rachel Michetti", licence=_CC0),
    "brick.png": Licence(author="CC0Textures", licence=_CC0, source="https://cc0textures.com/view.php?tex=Bricks25"),
    "grass.png": Licence(
        author="linolafett", licence=_CC0, source="https://www.deviantart.com/linolafett/art/Grass-01-434853879"
    ),
    "gravel.png": Licence(author="CC0Textures", licence=_CC0, source="https://cc0textures.com/view.php?tex=Gravel04"),
    "rocket.jpg": Licence(
        author="SpaceX", licence=_PUBLIC_DOMAIN, source="https://www.flickr.com/photos/spacexphotos/16511594820"
    ),
    "retina.jpg": Licence(
        author="Mikael Häggström",
        licence=_CC0,
        source="https://commons.wikimedia.org/wiki/File:Fundus_photograph_of_normal_left_eye.jpg",
    ),
}
_SCIKIT_IMAGE_SHRINK = {"retina.jpg": 3.0, "rocket.jpg": 1.5}

_BARBIN = Licence(author="Charles Barbin", licence=_GPL)
_BERASATEGI = Licence(author="Aitzol Berasategi", licence=_BY)
_NERLICH = Licence(author="Peter Nerlich", licence=_BY_SA)
_LXQT = Licence(author="LXQt team", licence="LGPL-2.1-or-later")
_SAUKONPAA = Licence(author="Risto Saukonpää", licence=_LGPL)

COLLECTIONS = (
    Collection(
        package="mate-backgrounds",
        folder="/usr/share/backgrounds/mate/nature",
        shrink=2,
        files={
            "Blinds.jpg": Licence(author="Lennart Poettering, Andrea Cimitan", licence=_GPL),
            "Dune.jpg": Licence(author="Marco Cogoni, Hylke Bons", licence=_GPL),
            "FreshFlower.jpg": Licence(author="Jens Ansorg", licence=_GPL),
            "Garden.jpg": _BARBIN,
            "GreenMeadow.jpg": Licence(author="Timothy Schellhase, Lapo Calamandrei", licence=_GPL),
            "LadyBird.jpg": _BARBIN,
            "RainDrops.jpg": Licence(author="blackcombwhistler07", licence=_GPL),
            "TwoWings.jpg": Licence(author="Charles Barbin, Hylke Bons", licence=_GPL),
            "Wood.jpg": Licence(author="Jean-François Fortin Tam", licence=_GPL),
            "YellowFlower.jpg": _BARBIN,
        },
    ),
    Collection(
        package="lomiri-wallpapers-16.04",
        folder="/usr/share/backgrounds",
        shrink=2.5,
        files={
            "Bridge_by_Sander_Klootwijk.jpg": Licence(author="Sander Klootwijk", licence=_BY_SA),
            "Dragonfly_by_Bolly.jpg": Licence(author="Bolly", licence=_BY_SA),
            "Picture_0B_by_freespace.jpg": Licence(author="Trevor “Freespace”", licence=_BY),
            "Picture_1A_by_freespace.jpg": Licence(author="Trevor “Freespace”", licence=_BY),
            "Wine_by_Jakkub_Mede.jpg": Licence(author="Jakub Mede", licence=_BY),
            "aitzgorri_by_Aitzol_Berasategi.jpg": _BERASATEGI,
            "free_by_Peter_Nerlich.jpg": _NERLICH,
            "friends_by_Aitzol_Berasategi.jpg": _BERASATEGI,
            "greentock_by_Peter_Nerlich.jpg": _NERLICH,
            "life_by_Aitzol_Berasategi.jpg": _BERASATEGI,
            "picosdeeuropa_by_Aitzol_Berasategi.jpg": _BERASATEGI,
            "seeding_by_Clements_Engelhardt.jpg": Licence(author="Clemens Engelhardt", licence=_CC0),
            "sunset_by_Aitzol_Berasategi.jpg": _BERASATEGI,
        },
    ),
    Collection(
        package="lomiri-wallpapers-20.04",
        folder="/usr/share/backgrounds",
        shrink=3,
        files={"Kleiber_by_Lukas_Baubkus.jpg": Licence(author="Lukas Baubkus", licence="CC-BY-SA-3.0")},
    ),
    Collection(
        package="plasma-workspace-wallpapers",
        folder="/usr/share/wallpapers",
        shrink=2,
        files={
            f"{name}/contents/images/2560x1600.jpg": licence
            for name, licence in {
                "FallenLeaf": Licence(author="Martin Klapetek", licence=_LGPL),
                "Path": _SAUKONPAA,
                "EveningGlow": Licence(author="Ian Hex", licence=_LGPL),
                "Kite": _SAUKONPAA,
                "ColorfulCups": Licence(author="Dmitri Popov", licence=_LGPL),
                "OneStandsOut": _SAUKONPAA,
                "BytheWater": Licence(author="Maciej Wiklo", licence=_LGPL),
            }.items()
        },
    ),
    Collection(
        package="palapeli-data",
        folder="/usr/share/palapeli/collection",
        shrink=1.75,
        files={
            "castle-maintenon.jpg": Licence(author="Eric Pouhier", licence="GFDL-1.2-or-later"),
            "cincinnati-bridge.jpg": Licence(author="Derek Jensen", licence=_PUBLIC_DOMAIN),
            "citrus-fruits.jpg": Licence(author="US Department of Agriculture", licence=_PUBLIC_DOMAIN),
            "european-honey-bee.jpg": Licence(author="John Severns", licence=_PUBLIC_DOMAIN),
            "panther-chameleon-female.jpg": Licence(author="B. Navez and others", licence="GFDL-1.2-or-later"),
        },
    ),
    Collection(
        package="lxqt-themes",
        folder="/usr/share/lxqt/wallpapers",
        shrink=2.5,
        files={
            "Butterfly-Kenneth-Wimer.jpg": Licence(author="Kenneth Wimer, LXQt team", licence="LGPL-2.1-or-later"),
            "butterfly.png": _LXQT,
            "flowers.png": _LXQT,
            "this-is-not-windows.jpg": _LXQT,
        },
    ),
)

_GCOMPRIS_PACKAGE = "gcompris-qt-data"
_GCOMPRIS_FOLDER = "/usr/share/gcompris-qt/rcc"
_GCOMPRIS_SHRINK = {
    "erase": 2.5,
    "explore_monuments": 2.0,
    "explore_farm_animals": 2.0,
    "explore_world_animals": 2.0,
    "explore_world_music": 2.0,
}
"""Resource files of GCompris with photographs, whose READMEs name author, licence and source of each."""

_GCOMPRIS_LEFT_OUT = {
    *("castleClinton", "georgeWashingtonBirthplace", "greatPyramidOfGiza", "greatStupa", "meidumPyramid", "rangGhar"),
    *("australia", "ireland", "japan"),
}
"""Noisy or blurred at their size."""

_HELD_OUT = {
    "mate-backgrounds-GreenMeadow",
    "lomiri-wallpapers-16.04-picosdeeuropa_by_Aitzol_Berasategi",
    "lomiri-wallpapers-16.04-Picture_1A_by_freespace",
    "plasma-workspace-wallpapers-ColorfulCups",
    "scikit-image-coffee",
    "gcompris-qt-data-erase-red_panda",
    "gcompris-qt-data-erase-chamaeleon",
    "gcompris-qt-data-erase-kingfisher",
    "gcompris-qt-data-monuments-hawaMahal",
    "gcompris-qt-data-monuments-mysorePalace",
    "gcompris-qt-data-monuments-reimsCathedral",
    "gcompris-qt-data-farm_animals-sheep",
}


def gather(folder: Path) -> list[Picture]:
    """Write all pictures and their list, unless they are there already.

    Args:
        folder: Made where it is missing.

    Returns:
        The list.

    Raises:
        InvalidInputError: Packages are missing, or an original cannot be read.
    """
    listed = folder / LIST_FILE
    if listed.is_file():
        return read_list(folder)
    missing = missing_packages()
    if missing:
        raise InvalidInputError(
            f"Packages with pictures are missing: {', '.join(missing)}.",
            f"Install them, on Debian with: apt-get install {' '.join(missing)}",
        )
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for picture, levels in _originals():
        shrunk = _shrink(levels, picture.shrink)
        encoded = cv2.imencode(".png", shrunk)[1]
        write_bytes_atomically(folder / picture.name, encoded.tobytes())
        pictures.append(picture)
    # Written last: it stands for a whole set.
    text = json.dumps([asdict(picture) for picture in pictures], indent=1, ensure_ascii=False)
    write_bytes_atomically(listed, text.encode())
    return pictures


def read_list(folder: Path) -> list[Picture]:
    """Return what `gather` wrote.

    Raises:
        InvalidInputError: There is no list, or it is damaged.
    """
    try:
        entries = json.loads((folder / LIST_FILE).read_text(encoding="utf-8"))
        return [Picture(**entry) for entry in entries]
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInputError(
            f"The folder {folder} holds no list of pictures: {error}.", "Make it with pictures.py, or name another."
        ) from error


def missing_packages() -> list[str]:
    """Return the Debian packages that are not installed."""
    missing = [
        entry.package for entry in COLLECTIONS if not all(Path(entry.folder, file).is_file() for file in entry.files)
    ]
    if not all(Path(_GCOMPRIS_FOLDER, f"{name}.rcc").is_file() for name in _GCOMPRIS_SHRINK):
        missing.append(_GCOMPRIS_PACKAGE)
    return missing


def _originals() -> Iterator[tuple[Picture, Levels]]:
    yield from _scikit_image_originals()
    for collection in COLLECTIONS:
        for file, licence in collection.files.items():
            path = Path(collection.folder, file)
            stem = file.split("/", maxsplit=1)[0].removesuffix(path.suffix)
            picture = _describe(collection.package, stem, file, licence, collection.shrink)
            yield picture, _decode(path.read_bytes(), path.name)
    for resource, shrink in _GCOMPRIS_SHRINK.items():
        files = read_resources(Path(_GCOMPRIS_FOLDER, f"{resource}.rcc").read_bytes())
        readme = next(content for path, content in files.items() if path.endswith("/README"))
        licences = _read_licences(readme.decode("utf-8"))
        for path, content in sorted(files.items()):
            name = Path(path).name
            if name.endswith(".webp") and name in licences and Path(name).stem not in _GCOMPRIS_LEFT_OUT:
                inner = f"{resource}.rcc:{path}"
                # Several resources hold a horse.
                stem = f"{resource.removeprefix('explore_')}-{Path(name).stem}"
                picture = _describe(_GCOMPRIS_PACKAGE, stem, inner, licences[name], shrink)
                yield picture, _decode(content, name)


def _scikit_image_originals() -> Iterator[tuple[Picture, Levels]]:
    import skimage

    for file, licence in _SCIKIT_IMAGE.items():
        content = (Path(skimage.__file__).parent / "data" / file).read_bytes()
        shrink = _SCIKIT_IMAGE_SHRINK.get(file, 1.0)
        yield _describe("scikit-image", Path(file).stem, file, licence, shrink), _decode(content, file)


def _describe(package: str, stem: str, file: str, licence: Licence, shrink: float) -> Picture:
    name = f"{package}-{stem}"
    return Picture(
        name=f"{name}.png", package=package, file=file, shrink=shrink, is_held_out=name in _HELD_OUT, **asdict(licence)
    )


def _read_licences(readme: str) -> dict[str, Licence]:
    """Return the licences that a README of GCompris names, by file name.

    It holds paragraphs of lines `Copyright: ...`, `License: ...`, `Source: ...` and `Files:`, the latter followed by
    names on the same or on further lines.
    """
    licences = {}
    for paragraph in readme.split("\n\n"):
        fields: dict[str, list[str]] = {}
        current: list[str] = []
        for line in paragraph.splitlines():
            key, separator, value = line.partition(": ")
            if line.rstrip() == "Files:" or (
                separator and key in {"Copyright", "License", "Source", "Files", "Comments"}
            ):
                current = fields.setdefault(key.rstrip(":"), [])
                current += [value.strip()] if separator else []
            else:
                current.append(line.strip())
        if {"Copyright", "License", "Files"} <= fields.keys():
            licence = Licence(
                author=" ".join(fields["Copyright"]),
                licence=_short_name(" ".join(fields["License"])),
                source="".join(fields.get("Source", [])),
            )
            licences |= {Path(file).name: licence for file in fields["Files"]}
    return licences


def _short_name(licence: str) -> str:
    """Write the names of licences in one way: "CC-BY-SA 4.0" and "CC-BY-SA-4.0" are one."""
    return (
        _PUBLIC_DOMAIN if licence.casefold() == _PUBLIC_DOMAIN else licence.replace("BY ", "BY-").replace("SA ", "SA-")
    )


def _decode(content: bytes, name: str) -> Levels:
    levels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if levels is None:
        raise InvalidInputError(f"The picture {name} cannot be read.", "Install its package again.")
    return np.asarray(levels, np.uint8)


def _shrink(levels: Levels, factor: float) -> Levels:
    """Average over squares of `factor` pixels a side. Shape: (height, width, 3)."""
    if factor == 1:
        return levels
    size = (round(levels.shape[1] / factor), round(levels.shape[0] / factor))
    return np.asarray(cv2.resize(levels, size, interpolation=cv2.INTER_AREA), np.uint8)


def main(arguments: Sequence[str] | None = None) -> int:
    """Gather the pictures; 0 when done, 3 when packages are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    try:
        pictures = gather(folder)
    except InvalidInputError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    sys.stdout.write(f"{len(pictures)} pictures in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
