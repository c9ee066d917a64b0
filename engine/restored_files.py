"""Which photos a batch restores: those that were given, without what an earlier batch made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.data.image_files import ImageInfo
from engine.data.photo_folder import find_usable_photos, list_image_files
from engine.data.provenance import read_provenance
from engine.data.tiff_pages import containing_file, resolved
from engine.events import FileSkipped
from engine.output_names import DEFAULT_PATTERN, NameReader


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


def list_sources(given: Sequence[Path], out: Path, pattern: str = DEFAULT_PATTERN) -> SourceListing:
    """Find the photos in files and folders.

    Args:
        given: Files and folders, the latter with their subfolders.
        out: The destination. If it lies within a folder that was given, what an earlier batch wrote there is no source.
        pattern: By which results are called, see `engine.output_names`; the usual one counts as well.

    Returns:
        The photos in the given order.

    Raises:
        InvalidInputError: One of the files and folders is not there or may not be read.
    """
    readers = [NameReader(one) for one in dict.fromkeys((pattern, DEFAULT_PATTERN))]
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
            if _is_earlier_result(file, entry, out, stems, readers):
                earlier_results.append(file)
            else:
                subfolders.setdefault(file, _subfolder(file, entry))
    once = {resolved(file): file for file in reversed(subfolders)}
    usable, unusable = find_usable_photos(file for file in subfolders if once[resolved(file)] == file)
    photos = tuple(SourcePhoto(path=path, info=info, subfolder=subfolders[path]) for path, info in usable)
    return SourceListing(photos=photos, unusable=tuple(unusable), earlier_results=tuple(earlier_results))


def _subfolder(file: Path, folder: Path) -> Path:
    """Return where a photo lies within a folder; pages of a file lie where the file does."""
    return containing_file(file).relative_to(folder).parent


def _is_earlier_result(file: Path, folder: Path, out: Path, stems: set[Path], readers: Sequence[NameReader]) -> bool:
    if not resolved(file).is_relative_to(out.resolve()):
        return False
    # Below `out` an earlier batch repeated the photo's subfolder.
    inside = containing_file(file).resolve().relative_to(out.resolve()).parent
    beside = _subfolder(file, folder)
    for reader in readers:
        for name in reader.names_of(file.stem):
            places = {inside / name, beside / name} - {beside / file.stem}
            # A pattern that adds nothing to a name tells nothing: then the file itself must say that it is a result.
            if places & stems and (reader.is_telling or read_provenance(file) is not None):
                return True
    return False
