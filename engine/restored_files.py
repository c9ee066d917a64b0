"""Which photos a batch restores, and where each result goes: never over an original, never over one another."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.configs import RestoreConfig
from engine.data.image_files import BitDepth, FileFormat, ImageInfo, format_of_name, usual_suffix
from engine.data.photo_folder import find_usable_photos, list_image_files
from engine.data.tiff_pages import containing_file
from engine.events import FileSkipped

_RESULT_NAME = re.compile(r"(?P<stem>.+)_restored(_\d+)?")

_FORMATS: dict[str, FileFormat] = {"png": "png", "tiff16": "tiff", "jpeg": "jpeg"}
_BIT_DEPTHS: dict[str, BitDepth] = {"tiff16": 16, "jpeg": 8}


@dataclass(frozen=True, kw_only=True)
class SourcePhoto:
    """A photo to be restored.

    Attributes:
        path: The file.
        info: What its header tells.
        subfolder: Where it lies within the folder that was given; empty for a file that was given itself.
    """

    path: Path
    info: ImageInfo
    subfolder: Path

    @property
    def megapixels(self) -> float:
        """Its size."""
        return self.info.width * self.info.height / 1e6


@dataclass(frozen=True, kw_only=True)
class SourceListing:
    """What was found in the given files and folders.

    Attributes:
        photos: To be restored, each once.
        unusable: Files that cannot be read as photos.
        earlier_results: Restored files of an earlier batch among the photos of a folder; passed over.
    """

    photos: tuple[SourcePhoto, ...]
    unusable: tuple[FileSkipped, ...]
    earlier_results: tuple[Path, ...]


def list_sources(given: Sequence[Path], out: Path) -> SourceListing:
    """Find the photos in files and folders.

    Args:
        given: Files and folders, the latter with their subfolders.
        out: The destination. If it lies within a folder that was given, what an earlier batch wrote there is no source.

    Returns:
        The photos in the given order.

    Raises:
        InvalidInputError: One of the files and folders is not there or may not be read.
    """
    subfolders: dict[Path, Path] = {}
    earlier_results: list[Path] = []
    for entry in given:
        files = list_image_files([entry])
        if not entry.is_dir():
            subfolders.update((file, Path()) for file in files if file not in subfolders)
            continue
        # By full path without the ending, so that results are told by the photo that they were made from.
        stems = {_subfolder(file, entry) / file.stem for file in files}
        for file in files:
            if _is_earlier_result(file, entry, out, stems):
                earlier_results.append(file)
            else:
                subfolders.setdefault(file, _subfolder(file, entry))
    once = {file.resolve(): file for file in reversed(subfolders)}
    usable, unusable = find_usable_photos(file for file in subfolders if once[file.resolve()] == file)
    photos = tuple(SourcePhoto(path=path, info=info, subfolder=subfolders[path]) for path, info in usable)
    return SourceListing(photos=photos, unusable=tuple(unusable), earlier_results=tuple(earlier_results))


class OutputPlan:
    """Gives each photo of a batch its output file."""

    def __init__(self, config: RestoreConfig, originals: Sequence[SourcePhoto]) -> None:
        """Plan for a batch.

        Args:
            config: Destination, format and what to do with existing files.
            originals: All photos of the batch, none of which may be written over.
        """
        self._config = config
        self._originals = {_identity(photo.path) for photo in originals}
        self._claimed: set[str] = set()

    def file_format(self, photo: SourcePhoto) -> FileFormat:
        """Return the format of a photo's result."""
        return _FORMATS.get(self._config.format, photo.info.file_format)

    def bit_depth(self, photo: SourcePhoto) -> BitDepth:
        """Return the bits per channel of a photo's result."""
        return _BIT_DEPTHS.get(self._config.format, photo.info.bit_depth)

    def claim(self, photo: SourcePhoto) -> Path | None:
        """Return the output file of a photo, which is then taken; None where the result of an earlier batch stays.

        Results of one batch never replace one another, whatever is to be done with existing files.
        """
        file_format = self.file_format(photo)
        keeps_suffix = format_of_name(photo.path) == file_format
        suffix = photo.path.suffix if keeps_suffix else usual_suffix(file_format)
        folder = self._config.out / photo.subfolder
        number = 1
        while True:
            numbering = "" if number == 1 else f"_{number}"
            candidate = folder / f"{photo.path.stem}_restored{numbering}{suffix}"
            number += 1
            # File systems that do not tell upper from lower case would take these for one file.
            key = str(candidate).casefold()
            if key in self._claimed:
                continue
            if candidate.exists():
                if self._config.existing == "rename" or _identity(candidate) in self._originals:
                    continue
                if self._config.existing == "skip":
                    self._claimed.add(key)
                    return None
            self._claimed.add(key)
            return candidate


def _subfolder(file: Path, folder: Path) -> Path:
    """Return where a photo lies within a folder; pages of a file lie where the file does."""
    return containing_file(file).relative_to(folder).parent


def _is_earlier_result(file: Path, folder: Path, out: Path, stems: set[Path]) -> bool:
    match = _RESULT_NAME.fullmatch(file.stem)
    if match is None or not file.resolve().is_relative_to(out.resolve()):
        return False
    # Below `out` an earlier batch repeated the photo's subfolder.
    inside = file.resolve().relative_to(out.resolve()).parent
    return inside / match["stem"] in stems or file.relative_to(folder).parent / match["stem"] in stems


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(containing_file(path))
    return status.st_dev, status.st_ino
