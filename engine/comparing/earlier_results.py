"""The job that finds what was made of photos before: by what the results say of themselves, wherever they lie by now.

A result holds the digest of the photo that it was made from. By it a photo and its result are told to belong together
when either was renamed or moved; the photo's name in it only says which digests are worth computing first.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from engine.contracts.configs import JobConfig
from engine.contracts.errors import EngineError
from engine.contracts.events import Emit
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import FORMATS
from engine.contracts.photo import PhotoRef
from engine.machine.caches import KeptMeasures
from engine.machine.interruptible import answering_folders, run_interruptibly
from engine.machine.places import Place
from engine.models.cards import model_file
from engine.photo_files.metadata.provenance import Provenance
from engine.photos.identity import (
    digest_of_state,
    identity_of,
    is_state_intact,
    provenance_of_state,
    source_digest,
)

MAX_LISTED_FILES: Final = 50_000
"""In one look."""

MAX_SEEN_FILES: Final = 20_000
"""Whose content is remembered: what took reading them whole."""

_SEEN_VERSION: Final = 1
_RESULT_SUFFIXES: Final = frozenset(
    suffix for spec in FORMATS.values() if "xmp" in spec.holds for suffix in spec.suffixes
)
_MAX_BYTES_SEARCHED: Final = 4 * 2**30
"""Of photos without a result that are read whole, since a result's photo may be one of them under another name."""


@dataclass(frozen=True, kw_only=True)
class SoughtPhoto:
    """A photo of which results are looked for.

    Attributes:
        photo: The photo, or the stack.
        num_bytes: Size of its file; 0 where unknown.
        pages: Of a stack: the numbers of its pages, each of which may have a result of its own.
    """

    photo: PhotoRef
    num_bytes: int = 0
    pages: tuple[int, ...] = ()

    @property
    def photos(self) -> tuple[PhotoRef, ...]:
        """The photo, and its pages."""
        return (self.photo, *(PhotoRef(self.photo.file, page) for page in self.pages))


@dataclass(frozen=True, kw_only=True)
class FoundResult:
    """A restored file that says of itself what it was made from.

    Attributes:
        photo: The photo.
        output: The restored file.
        provenance: What it says.
        changed_ns: When the file became what it is, nanoseconds since 1970.
        is_of_photo: Whether it was made from the photo as it is; else the photo was edited since.
        is_intact: Whether it is, byte for byte, what was written.
        is_of_model: Whether the model that was named made it, in the state in which that is; None where it cannot be
            told.
    """

    photo: PhotoRef
    output: Path
    provenance: Provenance
    changed_ns: int
    is_of_photo: bool
    is_intact: bool
    is_of_model: bool | None


@dataclass(frozen=True, kw_only=True)
class FoundResults:
    """What there is of results.

    Attributes:
        results: In the order in which they became what they are.
        gone: Files of `FindResultsConfig.known` that are not there any more.
    """

    results: tuple[FoundResult, ...]
    gone: tuple[Path, ...]


class FindResultsConfig(JobConfig):
    """Look for results of photos.

    Attributes:
        photos: The photos.
        folders: Where results of these photos go, and where the photos lie; with subfolders.
        other_folders: Where results of other photos went; some may have been moved there.
        model: The one that restores now.
        known: Results that were there before.
    """

    photos: tuple[SoughtPhoto, ...]
    folders: tuple[Path, ...]
    other_folders: tuple[Path, ...] = ()
    model: Path | None = None
    known: tuple[Path, ...] = ()


def find_results(config: FindResultsConfig, control: JobControl, emit: Emit) -> FoundResults:
    """Find the results of photos.

    What was learned of a file is remembered, and holds until the file changes. Where no result is found, no photo is
    read.

    Args:
        config: The photos, and where to look.
        control: Asked before each file; a folder that does not answer keeps nobody waiting.
        emit: Receives nothing.

    Raises:
        JobCancelled: Asked to end.
    """
    del emit
    own = answering_folders(config.folders, control)
    others = [folder for folder in answering_folders(config.other_folders, control) if folder not in own]
    return run_interruptibly(partial(_find, config, own, others, control), control)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What is remembered of a file, or, by its content's digest, of a photo wherever it lies.

    Attributes:
        is_intact: Of a result whether it is what was written; None where nobody has looked.
        digest: Of its content; "" where nobody has computed it.
        num_bytes: Its size, of a photo that is known by its digest.
    """

    is_intact: bool | None = None
    digest: str = ""
    num_bytes: int = 0


@dataclass(frozen=True)
class _Result:
    """A restored file.

    Attributes:
        output: The restored file.
        provenance: What it says.
        changed_ns: When it became what it is.
        is_own: Whether it lies where results of these photos go.
    """

    output: Path
    provenance: Provenance
    changed_ns: int
    is_own: bool


def _find(config: FindResultsConfig, own: Sequence[Path], others: Sequence[Path], control: JobControl) -> FoundResults:
    seen = KeptMeasures(Place.SEEN_RESULTS.path(), _Seen, version=_SEEN_VERSION, limit=MAX_SEEN_FILES)
    try:
        results = list(_results_in(own, others, control))
        matched = _match(config.photos, results, seen, control)
        model_digest = _digest_of_model(config.model) if results else ""
        found = []
        for photo, result, is_of_photo in matched:
            control.wait_if_paused()
            found.append(
                FoundResult(
                    photo=photo,
                    output=result.output,
                    provenance=result.provenance,
                    changed_ns=result.changed_ns,
                    is_of_photo=is_of_photo,
                    is_intact=_is_intact(result.output, seen),
                    is_of_model=result.provenance.model_digest == model_digest if model_digest else None,
                )
            )
    finally:
        # Of a look that was given up, too: the next one goes on from there.
        seen.save()
    found.sort(key=lambda result: (result.changed_ns, result.output))
    return FoundResults(results=tuple(found), gone=tuple(path for path in config.known if _is_gone(path)))


def _results_in(own: Sequence[Path], others: Sequence[Path], control: JobControl) -> Iterator[_Result]:
    """Yield the restored files in folders, each once."""
    num_files = 0
    met: set[Path] = set()
    for is_own, folders in ((True, own), (False, others)):
        for file in _files_in(folders, met):
            num_files += 1
            if num_files > MAX_LISTED_FILES:
                return
            control.wait_if_paused()
            provenance = provenance_of_state(file)
            if provenance is None:
                continue
            try:
                status = file.stat()
            except OSError:
                continue
            # A result may have been given its photo's time of change.
            yield _Result(file, provenance, max(status.st_mtime_ns, status.st_ctime_ns), is_own)


def _files_in(folders: Iterable[Path], met: set[Path]) -> Iterator[Path]:
    """Yield the files that may be results; a folder that lies within another one is looked into once."""
    for top in folders:
        for place, subfolders, names in os.walk(top):
            folder = Path(place)
            subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
            if folder in met:
                subfolders.clear()
                continue
            met.add(folder)
            for name in sorted(names):
                if not name.startswith(".") and os.path.splitext(name)[1].lower() in _RESULT_SUFFIXES:
                    yield folder / name


def _match(
    photos: Sequence[SoughtPhoto], results: Sequence[_Result], seen: KeptMeasures[_Seen], control: JobControl
) -> list[tuple[PhotoRef, _Result, bool]]:
    """Return which result is of which photo, and whether of the photo as it is."""
    if not results:
        return []
    by_digest: dict[str, list[_Result]] = {}
    for result in results:
        by_digest.setdefault(result.provenance.source_digest, []).append(result)
    matched: list[tuple[PhotoRef, _Result, bool]] = []
    has_result: set[PhotoRef] = set()

    def try_photo(sought: SoughtPhoto) -> None:
        control.wait_if_paused()
        content = _digest_of_photo(sought.photo.file, seen)
        for photo in sought.photos if content else ():
            try:
                digest = source_digest(photo, content)
            except EngineError:
                continue
            for result in by_digest.get(digest, ()):
                matched.append((photo, result, True))
                has_result.add(photo)
                seen.add(_of_digest(digest), _Seen(num_bytes=sought.num_bytes))

    by_name: dict[str, list[SoughtPhoto]] = {}
    for sought in photos:
        for photo in sought.photos:
            by_name.setdefault(photo.name.casefold(), []).append(sought)
    tried: set[PhotoRef] = set()
    for name in {result.provenance.source.casefold() for result in results}:
        for sought in by_name.get(name, ()):
            if sought.photo not in tried:
                tried.add(sought.photo)
                try_photo(sought)
    known = {id(result) for _, result, _ in matched}
    orphans = [result for result in results if id(result) not in known]
    for sought in _renamed_photos(orphans, photos, tried, by_name.keys(), seen):
        try_photo(sought)
    known = {id(result) for _, result, _ in matched}
    for result in results:
        former = _edited_photo(result, by_name) if result.is_own and id(result) not in known else None
        if former is not None:
            matched.append((former, result, False))
    return matched


def _renamed_photos(
    orphans: Sequence[_Result],
    photos: Sequence[SoughtPhoto],
    tried: set[PhotoRef],
    names: Iterable[str],
    seen: KeptMeasures[_Seen],
) -> Iterator[SoughtPhoto]:
    """Yield the photos that results without one may be of under another name.

    Those of the size that a result's photo had when it was met last; where it was never met, those of its kind, if the
    result lies where those of these photos go.
    """
    present = set(names)
    sizes: set[int] = set()
    suffixes: set[str] = set()
    for result in orphans:
        met = seen.find(_of_digest(result.provenance.source_digest))
        if met is not None and met.num_bytes:
            sizes.add(met.num_bytes)
        elif result.is_own and result.provenance.source.casefold() not in present:
            suffixes.add(os.path.splitext(result.provenance.source)[1].casefold())
    left = _MAX_BYTES_SEARCHED
    for sought in photos:
        if sought.photo in tried:
            continue
        if sought.num_bytes in sizes:
            yield sought
        elif sought.photo.suffix.casefold() in suffixes and sought.num_bytes <= left:
            left -= sought.num_bytes
            yield sought


def _edited_photo(result: _Result, by_name: dict[str, list[SoughtPhoto]]) -> PhotoRef | None:
    """Return the photo that a result was made from in an earlier state; None where it cannot be told."""
    name = result.provenance.source.casefold()
    candidates = [photo for sought in by_name.get(name, ()) for photo in sought.photos if photo.name.casefold() == name]
    if len(candidates) > 1:
        folder = result.output.parent
        candidates = [
            photo for photo in candidates if folder == photo.file.parent or folder.name == photo.file.parent.name
        ]
    return candidates[0] if len(candidates) == 1 else None


def _is_intact(file: Path, seen: KeptMeasures[_Seen]) -> bool:
    identity = identity_of(file)
    known = seen.find(identity) or _Seen()
    if known.is_intact is None:
        known = replace(known, is_intact=is_state_intact(file))
        seen.add(identity, known)
    return bool(known.is_intact)


def _digest_of_photo(file: Path, seen: KeptMeasures[_Seen]) -> str:
    """Return the digest of a photo's file; "" where it cannot be read."""
    identity = identity_of(file)
    known = seen.find(identity) or _Seen()
    if not known.digest:
        try:
            known = replace(known, digest=digest_of_state(file))
        except OSError:
            return ""
        seen.add(identity, known)
    return known.digest


def _digest_of_model(model: Path | None) -> str:
    """Return the digest of a model's file; "" where there is none, or it cannot be read."""
    try:
        return "" if model is None else digest_of_state(model_file(model))
    except (OSError, EngineError):
        return ""


def _is_gone(path: Path) -> bool:
    try:
        return not path.is_file()
    except OSError:
        # A drive that cannot be asked may be back in a moment.
        return False


def _of_digest(digest: str) -> str:
    """What a photo is remembered by whatever its name."""
    return f"digest {digest}"
