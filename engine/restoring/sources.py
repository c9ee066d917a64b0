"""Which photos a batch restores: those that were given, without what an earlier batch made of them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.contracts.configs import RestoreConfig
from engine.contracts.events import FileSkipped
from engine.contracts.output_names import DEFAULT_PATTERN, NameReader, stem_of_photo
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.photo_files.metadata.provenance import read_provenance
from engine.photo_files.photos import ImageInfo
from engine.photo_files.tiff.pages import list_pages
from engine.photo_files.tiff.stack_reading import describes_itself_as_stack
from engine.photos.folder import find_usable_photos, group_stacks, list_image_files


@dataclass(frozen=True, kw_only=True)
class SourcePhoto:
    """A photo to be restored.

    Attributes:
        photo: Which it is.
        info: What its header tells.
        subfolder: Where it lies within the folder that was given; empty for a file that was given itself.
        pages: Of a stack, which is restored into one file: the numbers of its pages.
    """

    photo: PhotoRef
    info: ImageInfo
    subfolder: Path
    pages: tuple[int, ...] = ()

    @property
    def megapixels(self) -> float:
        """Its size; of a stack that of all pages."""
        return self.info.width * self.info.height / 1e6 * max(len(self.pages), 1)


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

    @property
    def originals(self) -> tuple[PhotoRef, ...]:
        """What no result may be written over: the photos, and files that cannot be read today."""
        return (*(photo.photo for photo in self.photos), *(skipped.path for skipped in self.unusable))


def keeps_stacks(config: RestoreConfig) -> bool:
    """Return whether a stack becomes one file: no other format than TIFF has pages."""
    return config.format in ("keep", "tiff")


def list_sources(
    given: Sequence[PhotoPlace],
    out: Path,
    pattern: str = DEFAULT_PATTERN,
    *,
    files_are_chosen: bool = True,
    stacks_are_whole: bool = True,
) -> SourceListing:
    """Find the photos in files and folders.

    Args:
        given: Photos, files and folders, the last with their subfolders.
        out: The destination. If it lies within a folder that was given, what an earlier batch wrote there is no source;
            nor is, wherever it lies in such a folder, what says of itself that it is a result.
        pattern: By which results are called, see `engine.contracts.output_names`; the usual one counts as well.
        files_are_chosen: Whether a person means each file that was given, even if it is a result.
        stacks_are_whole: Whether a file all pages of which were given is one photo; else each page is one.

    Returns:
        The photos in the given order.

    Raises:
        InvalidInputError: One of the files and folders is not there or may not be read.
    """
    readers = [NameReader(one) for one in dict.fromkeys((pattern, DEFAULT_PATTERN))]
    subfolders: dict[PhotoRef, Path] = {}
    stacks: dict[Path, tuple[int, ...]] = {}
    earlier_results: list[PhotoRef] = []
    for entry, listed in zip(map(PhotoRef.of, given), _files_of_each(given), strict=True):
        folder = entry.file
        files = _with_whole_stacks(listed, stacks) if stacks_are_whole else listed
        if not os.path.isdir(folder):
            if not files_are_chosen and read_provenance(folder) is not None:
                earlier_results.append(entry)
                continue
            subfolders.update((file, Path()) for file in files if file not in subfolders)
            continue
        # By full path without the ending, so that results are told by the photo that they were made from.
        # Of a stack's pages, too, each of which may have become a file of its own.
        stems = {_subfolder(file, folder) / stem_of_photo(file) for file in (*files, *listed)}
        for file in files:
            if _is_earlier_result(file, folder, out, stems, readers):
                earlier_results.append(file)
            else:
                subfolders.setdefault(file, _subfolder(file, folder))
    if stacks_are_whole:
        subfolders = _with_completed_stacks(subfolders, stacks)
    once = {file.resolved(): file for file in reversed(subfolders)}
    photos: list[SourcePhoto] = []
    unusable: list[FileSkipped] = []
    for file in subfolders:
        if once[file.resolved()] != file:
            continue
        pages = () if file.page else stacks.get(file.file, ())
        usable, skipped = _probe(file, pages)
        photos += [SourcePhoto(photo=file, info=info, subfolder=subfolders[file], pages=pages) for info in usable]
        unusable += skipped
    return SourceListing(photos=tuple(photos), unusable=tuple(unusable), earlier_results=tuple(earlier_results))


def _with_whole_stacks(files: Sequence[PhotoRef], stacks: dict[Path, tuple[int, ...]]) -> list[PhotoRef]:
    """Return files with one photo in place of several pages of one, which are noted in `stacks`."""
    grouped = group_stacks(files)
    for photo, pages in grouped:
        if pages:
            stacks[photo.file] = pages
        elif not photo.page and describes_itself_as_stack(photo.file):
            stacks[photo.file] = (1,)
    return [photo for photo, _ in grouped]


def _with_completed_stacks(
    subfolders: Mapping[PhotoRef, Path], stacks: dict[Path, tuple[int, ...]]
) -> dict[PhotoRef, Path]:
    """Return the photos with one in place of pages that were given one by one, where none of their file is missing."""
    pages: dict[Path, list[int]] = {}
    for photo in subfolders:
        if photo.page:
            pages.setdefault(photo.file, []).append(photo.page)
    for file, numbers in pages.items():
        if file not in stacks and sorted(numbers) == [page.page for page in list_pages(file)]:
            stacks[file] = tuple(sorted(numbers))
    found: dict[PhotoRef, Path] = {}
    for photo, subfolder in subfolders.items():
        found.setdefault(PhotoRef(photo.file) if photo.file in stacks else photo, subfolder)
    return found


def _probe(photo: PhotoRef, pages: Sequence[int]) -> tuple[list[ImageInfo], list[FileSkipped]]:
    """Return what the header of a photo tells, or why it cannot be used; of a stack, of its first page that can be."""
    unusable: list[FileSkipped] = []
    for one in [PhotoRef(photo.file, page) for page in pages] or [photo]:
        usable, skipped = find_usable_photos([one])
        if usable:
            return [usable[0][1]], []
        unusable += [replace(each, path=photo) for each in skipped]
    return [], unusable[:1]


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
        for name in reader.names_of(stem_of_photo(photo)):
            places = {inside / name, beside / name} - {beside / stem_of_photo(photo)}
            # A pattern that adds nothing to a name tells nothing.
            if places & stems and reader.is_telling:
                return True
    return False
