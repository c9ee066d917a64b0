"""The programs of a Mac that open a kind of file, as they say of themselves."""

import logging
import plistlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

APPLICATION_FOLDERS = (Path("/Applications"), Path.home() / "Applications", Path("/System/Applications"))

_TYPE_OF_ALL_PICTURES = "public.image"
_TYPES_OF_SUFFIXES = {
    "jpg": "public.jpeg",
    "jpeg": "public.jpeg",
    "png": "public.png",
    "tif": "public.tiff",
    "tiff": "public.tiff",
    "bmp": "com.microsoft.bmp",
    "webp": "org.webmproject.webp",
    "heic": "public.heic",
}
_TYPES_OF_RAW = frozenset({"public.camera-raw-image", "com.adobe.raw-image"})


@dataclass(frozen=True, kw_only=True)
class MacApplication:
    """One program.

    Attributes:
        bundle: Its folder, such as "/Applications/darktable.app".
        name: What a person calls it.
    """

    bundle: Path
    name: str

    def arguments(self, files: Sequence[Path]) -> list[str]:
        """Return the command that opens files."""
        return ["open", "-a", str(self.bundle), *map(str, files)]


def applications_for(suffix: str, folders: Iterable[Path] = APPLICATION_FOLDERS) -> list[MacApplication]:
    """Return the programs that open files whose name ends so, by name.

    Args:
        suffix: Such as ".jpg".
        folders: Where programs lie, or folders of them.
    """
    ending = suffix.lower().lstrip(".")
    own = {_TYPES_OF_SUFFIXES[ending]} if ending in _TYPES_OF_SUFFIXES else _TYPES_OF_RAW
    wanted = frozenset({_TYPE_OF_ALL_PICTURES, *own})
    found = [
        MacApplication(bundle=bundle, name=bundle.stem)
        for folder in folders
        for pattern in ("*.app", "*/*.app")
        for bundle in folder.glob(pattern)
        if _opens(bundle, ending, wanted)
    ]
    return sorted(found, key=lambda application: application.name.casefold())


def _opens(bundle: Path, ending: str, wanted: frozenset[str]) -> bool:
    try:
        described = plistlib.loads((bundle / "Contents" / "Info.plist").read_bytes())
    except (OSError, ValueError, plistlib.InvalidFileException) as error:
        logger.info("%s: %s", bundle, error)
        return False
    kinds: Any = described.get("CFBundleDocumentTypes", []) if isinstance(described, dict) else []
    for kind in kinds if isinstance(kinds, list) else []:
        if not isinstance(kind, dict) or kind.get("CFBundleTypeRole") == "None":
            continue
        endings = {str(name).lower() for name in kind.get("CFBundleTypeExtensions", [])}
        if ending in endings or wanted.intersection(map(str, kind.get("LSItemContentTypes", []))):
            return True
    return False
