"""Which photos a batch restores: those that were given, without what an earlier batch made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.contracts.events import FileSkipped
from engine.contracts.output_names import DEFAULT_PATTERN, NameReader
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.photo_files.metadata.provenance import read_provenance
from engine.photo_files.photos import ImageInfo
from engine.photos.folder import find_usable_photos, list_image_files


@dataclass(frozen=True, kw_only=True)
class SourcePhoto:
    """A photo to be restored.

    Attributes:
        path: Which it is.
        info: What its header tells.
        subfolder: Where it lies within the folder that was given; empty for a file that was given itself.
    """

    path: PhotoRef
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
        earlier_results: Restored files of earlier batches among the photos of a folder; passed over.
    """

    photos: tuple[SourcePhoto, ...]
    unusable: tuple[FileSkipped, ...]
    earlier_results: tuple[PhotoRef, ...]


def list_sources(
    given: Sequence[PhotoPlace], out: Path, pattern: str = DEFAULT_PATTERN, *, files_are_chosen: bool = True
) -> SourceListing:
    """Find the photos in files and folders.

    Args:
        given: Photos, files and folders, the last with their subfolders.
        out: The destination. If it lies within a folder that was given, what an earlier batch wrote there is no source;
            nor is, wherever it lies in such a folder, what says of itself that it is a result.
        pattern: By which results are called, see `engine.contracts.output_names`; the usual one counts as well.
        files_are_chosen: Whether a person means each file that was given, even if it is a result.

    Returns:
        The photos in the given order.

    Raises:
        InvalidInputError: One of the files and folders is not there or may not be read.
    """
    readers = [NameReader(one) for one in dict.fromkeys((pattern, DEFAULT_PATTERN))]
    subfolders: dict[PhotoRef, Path] = {}
    earlier_results: list[PhotoRef] = []
    for entry, files in zip(map(PhotoRef.of, given), _files_of_each(given), strict=True):
        folder = entry.file
        if not folder.is_dir():
            if not files_are_chosen and read_provenance(folder) is not None:
                earlier_results.append(entry)
                continue
            subfolders.update((file, Path()) for file in files if file not in subfolders)
            continue
        # By full path without the ending, so that results are told by the photo that they were made from.
        stems = {_subfolder(file, folder) / file.stem for file in files}
        for file in files:
            if _is_earlier_result(file, folder, out, stems, readers):
                earlier_results.append(file)
            else:
                subfolders.setdefault(file, _subfolder(file, folder))
    once = {file.resolved(): file for file in reversed(subfolders)}
    usable, unusable = find_usable_photos(file for file in subfolders if once[file.resolved()] == file)
    photos = tuple(SourcePhoto(path=path, info=info, subfolder=subfolders[path]) for path, info in usable)
    return SourceListing(photos=photos, unusable=tuple(unusable), earlier_results=tuple(earlier_results))


def _subfolder(photo: PhotoRef, folder: Path) -> Path:
    """Return where a photo lies within a folder."""
    return photo.file.relative_to(folder).parent


def _files_of_each(given: Sequence[PhotoPlace]) -> list[list[PhotoRef]]:
    """List what lies in each folder; one of several files that is gone stands for itself."""
    # All at once first, which refuses what is not there.
    list_image_files(given, recursive=False)
    return [list_image_files([entry]) if entry.is_on_disk() else [entry] for entry in map(PhotoRef.of, given)]


def _is_earlier_result(
    photo: PhotoRef, folder: Path, out: Path, stems: set[Path], readers: Sequence[NameReader]
) -> bool:
    if read_provenance(photo.file) is not None:
        return True
    file = photo.resolved().file
    if not file.is_relative_to(out.resolve()):
        return False
    # Below `out` an earlier batch repeated the photo's subfolder.
    inside = file.relative_to(out.resolve()).parent
    beside = _subfolder(photo, folder)
    for reader in readers:
        for name in reader.names_of(photo.stem):
            places = {inside / name, beside / name} - {beside / photo.stem}
            # A pattern that adds nothing to a name tells nothing.
            if places & stems and reader.is_telling:
                return True
    return False
