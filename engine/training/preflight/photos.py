"""What the headers of photos tell before a training: how many there are, how large, how alike, how many are usable."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from engine.contracts.errors import ImageReadError
from engine.contracts.events import FileSkipped
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.method.catalogue.pretexts import methods_for_one_photo
from engine.photo_files.photos import ImageInfo, probe_image
from engine.photo_files.values.sample_types import USUAL_TYPES
from engine.photos.decoded_files import SMALLEST_BYTES
from engine.photos.folder import ResultsBeside, list_image_files
from engine.photos.identity import identity_of
from engine.training.preflight.findings import Finding, blocks, doubtful, note
from engine.translatable import count_of, say, say_counted, say_joined

FEW_PHOTOS = 5
FEW_PIXELS = 2_000_000
_REMEMBERED_HEADERS = 20_000
_COMPARED_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What decoded photos take.

    Attributes:
        memory_bytes: Those that do not lie on the disk.
        num_cut: How many are kept only as their middle.
    """

    memory_bytes: int
    num_cut: int


@dataclass(frozen=True, kw_only=True)
class PhotoSet:
    """Photos by their headers.

    Attributes:
        photos: The usable ones, with their headers.
        skipped: The others.
    """

    photos: tuple[tuple[PhotoRef, ImageInfo], ...]
    skipped: tuple[FileSkipped, ...]

    @property
    def paths(self) -> tuple[PhotoRef, ...]:
        """The usable files."""
        return tuple(path for path, _ in self.photos)

    @property
    def num_pixels(self) -> int:
        """Of all usable photos."""
        return sum(info.width * info.height for _, info in self.photos)

    def reading(self, budget_bytes: int, disk_bytes: int) -> "Reading":
        """Tell what becomes of the photos when a training decodes them; see `engine.photos.crops.decode_photos`.

        Args:
            budget_bytes: Of memory, for all of them.
            disk_bytes: What large ones may take on the disk.
        """
        share = budget_bytes // max(len(self.photos), 1)
        memory_bytes, num_cut = 0, 0
        for _, info in self.photos:
            size = _decoded_bytes(info)
            if SMALLEST_BYTES <= size <= disk_bytes:
                disk_bytes -= size
                continue
            num_cut += size > share
            memory_bytes += min(size, share)
        return Reading(memory_bytes=memory_bytes, num_cut=num_cut)

    @property
    def largest_bytes(self) -> int:
        """Return the bytes of the largest photo while it is read: its samples as 32-bit numbers, twice."""
        return max((8 * 3 * info.width * info.height for _, info in self.photos), default=0)


def look_at_photos(folders: Sequence[PhotoPlace], control: JobControl) -> PhotoSet:
    """Read the headers of all photos in folders; those of unchanged files are remembered.

    Args:
        folders: Folders, looked into with their subfolders, or files.
        control: Asked before each file.

    Raises:
        InvalidInputError: One of `folders` is not there or may not be read.
        JobCancelled: Asked to end.
    """
    photos: list[tuple[PhotoRef, ImageInfo]] = []
    skipped: list[FileSkipped] = []
    listed = list_image_files(folders, recursive=True)
    results = ResultsBeside(listed, folders)
    for path in listed:
        control.wait_if_paused()
        if (result := results.skipped(path)) is not None:
            skipped.append(result)
            continue
        try:
            photos.append((path, _header(path, identity_of(path))))
        except ImageReadError as error:
            skipped.append(FileSkipped(path=path, reason=error.message, hint=error.hint))
    return PhotoSet(photos=tuple(photos), skipped=tuple(skipped))


def photo_findings(
    photos: PhotoSet, *, crop_px: int, min_photos: int, needs_variety: bool, control: JobControl
) -> list[Finding]:
    """Judge noisy photos that a self-supervised method learns from.

    Args:
        photos: What there is.
        crop_px: Side of the square that is cut from a photo, sub-sampling included.
        min_photos: How many different photos the method needs.
        needs_variety: Whether few photos are a doubt; what only refines a model learns from one.
        control: Asked before each file that has to be read.

    Raises:
        JobCancelled: Asked to end.
    """
    num_photos = sum(info.num_pictures for _, info in photos.photos)
    if num_photos < min_photos:
        if num_photos == 1:
            return [
                blocks(
                    say(
                        "There is only {num_photos} usable photo; this method compares the noise of different photos.",
                        num_photos=num_photos,
                    ),
                    say(
                        "Add photos until there are at least {min_photos}, cut the photo into parts, or choose a "
                        "method for a single photo too: {methods_for_one_photo}.",
                        min_photos=min_photos,
                        methods_for_one_photo=say_joined(methods_for_one_photo(), ", "),
                    ),
                )
            ]
        return [
            blocks(
                say("There is no usable photo; this method needs at least {min_photos}.", min_photos=min_photos)
                if num_photos == 0
                else say(
                    "There are only {num_photos} usable photos; this method needs at least {min_photos}.",
                    num_photos=num_photos,
                    min_photos=min_photos,
                ),
                "Open a folder with more photos, or take photos back that were left out.",
            )
        ]
    found = _amount_findings(photos, needs_variety=needs_variety)
    found += mixture_findings(photos) + size_findings(photos, crop_px)
    num_repeated = count_repeated(photos, control)
    if num_photos - num_repeated < min_photos:
        found.append(
            blocks(
                say(
                    "All {num_photos} photos are copies of one file, but this method compares the noise of "
                    "different photos.",
                    num_photos=num_photos,
                ),
                "Add other photos.",
            )
        )
    elif num_repeated:
        found.append(
            doubtful(
                say(
                    "{photos} of {num_photos:,} repeat another one exactly.",
                    photos=count_of(num_repeated, "photo"),
                    num_photos=num_photos,
                ),
                "Leave the copies out on the Photos page: copies count as different noises here, which they are not.",
            )
        )
    return found


def mixture_findings(photos: PhotoSet) -> list[Finding]:
    """Judge photos of which some are gray and some in colour."""
    num_gray = sum(info.num_channels == 1 for _, info in photos.photos)
    num_colour = len(photos.photos) - num_gray
    if not num_gray or not num_colour:
        return []
    return [
        doubtful(
            say_counted(
                "{photos} is gray, {num_colour:,} in colour: their noises differ in kind.",
                "{photos} are gray, {num_colour:,} in colour: their noises differ in kind.",
                num_gray,
                photos=count_of(num_gray, "photo"),
                num_colour=num_colour,
            ),
            "Train on one kind at a time: leave the others out on the Photos page.",
        )
    ]


def size_findings(photos: PhotoSet, crop_px: int) -> list[Finding]:
    """Judge photos that are smaller than what is cut from them."""
    num_small = sum(min(info.width, info.height) < crop_px for _, info in photos.photos)
    if not num_small:
        return []
    is_one = num_small == 1
    return [
        doubtful(
            say(
                "All {num_small:,} photos are smaller than the square of {crop_px} pixels that is cut from "
                "each photo, and will be continued by mirroring.",
                num_small=num_small,
                crop_px=crop_px,
            )
            if num_small == len(photos.photos) and not is_one
            else (
                say(
                    "{photos} is smaller than the square of {crop_px} pixels that is cut from each photo, and "
                    "will be continued by mirroring.",
                    photos=count_of(num_small, "photo"),
                    crop_px=crop_px,
                )
                if is_one
                else say(
                    "{photos} are smaller than the square of {crop_px} pixels that is cut from each photo, and "
                    "will be continued by mirroring.",
                    photos=count_of(num_small, "photo"),
                    crop_px=crop_px,
                )
            ),
            "Choose a smaller crop size under More settings, or use larger photos.",
        )
    ]


def count_repeated(photos: PhotoSet, control: JobControl) -> int:
    """Return how many photos have the content of another one; only files of one size are read.

    Raises:
        JobCancelled: Asked to end.
    """
    by_size: defaultdict[int, list[PhotoRef]] = defaultdict(list)
    for path, _ in photos.photos:
        # The pages of one file are photos of their own.
        if not path.page:
            by_size[path.file.stat().st_size].append(path)
    num_repeated = 0
    for same_size in by_size.values():
        if len(same_size) < 2:
            continue
        seen: set[bytes] = set()
        for path in same_size:
            control.wait_if_paused()
            digest = _digest(path.file, path.file.stat().st_mtime_ns)
            num_repeated += digest in seen
            seen.add(digest)
    return num_repeated


def _amount_findings(photos: PhotoSet, *, needs_variety: bool) -> list[Finding]:
    num_photos = len(photos.photos)
    found = []
    if needs_variety and (num_photos < FEW_PHOTOS or photos.num_pixels < FEW_PIXELS):
        found.append(
            doubtful(
                say(
                    "{photos} with {num_pixels:.1f} megapixels show little variety.",
                    photos=count_of(num_photos, "photo"),
                    num_pixels=photos.num_pixels / 1e6,
                ),
                "More photos of the same camera make the result better and steadier.",
            )
        )
    if photos.skipped:
        first = photos.skipped[0]
        found.append(
            note(
                say(
                    "{files} cannot be used, such as {file}: {reason}",
                    files=count_of(len(photos.skipped), "file"),
                    file=first.path.name,
                    reason=first.reason,
                ),
                first.hint,
            )
        )
    return found


def _decoded_bytes(info: ImageInfo) -> int:
    """As many at most: whether floats are kept as such only their numbers tell."""
    num_channels = info.num_pictures if info.num_pictures > 1 else 3
    bytes_per_level = info.bit_depth // 8 if info.type_written in USUAL_TYPES else 4
    return num_channels * info.width * info.height * bytes_per_level


@lru_cache(maxsize=_REMEMBERED_HEADERS)
def _header(photo: PhotoRef, identity: str) -> ImageInfo:
    """The header of a photo in one state; one that cannot be read is tried again each time."""
    return probe_image(photo)


@lru_cache(maxsize=_REMEMBERED_HEADERS)
def _digest(path: Path, changed_ns: int) -> bytes:
    """Of the beginning and the end of a file: photos differ in both, and large files need not be read whole."""
    with path.open("rb") as file:
        start = file.read(_COMPARED_BYTES)
        size = path.stat().st_size
        file.seek(max(size - _COMPARED_BYTES, len(start)))
        return hashlib.sha256(start + file.read()).digest()
