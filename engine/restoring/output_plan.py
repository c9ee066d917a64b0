"""Where each result of a batch goes: never over an original, never over one another, and not again where it is done."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine import __version__
from engine.contracts.blending import Blend
from engine.contracts.configs import RestoreConfig
from engine.contracts.errors import EngineError, ImageWriteError
from engine.contracts.given_levels import given_for, given_for_pages
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import FORMATS, FileFormat
from engine.contracts.output_names import NameReader, NameValues, NumberedName, fill_pattern, split_name, stem_of_photo
from engine.contracts.photo import PhotoRef
from engine.models.cards import model_file
from engine.models.reading import read_card
from engine.photo_files.encoding import check_can_hold
from engine.photo_files.metadata.provenance import PREVIEW_LOOK, RAW_LOOK, Provenance, digest_of_file, read_provenance
from engine.photo_files.values.sample_types import SampleType
from engine.photo_files.writing import suffix_of_result, type_that_fits
from engine.photos.identity import is_state_intact, source_digest
from engine.restoring.sources import SourcePhoto, keeps_stacks, list_sources
from engine.translatable import say

if TYPE_CHECKING:
    from engine.models.files import ModelCard

LONGEST_NAME_BYTES = 255
"""No common file system takes longer ones."""

_NAMES_OF_TYPES: dict[str, object] = {"uint8": 8, "uint16": 16}
"""As earlier versions wrote them."""

_TYPES: dict[str, SampleType] = {"8": "uint8", "16": "uint16"}


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where the result of a photo goes, or is.

    Attributes:
        output: The file.
        state: "write"; "done": it is there, undamaged, of the same photo, model and settings; "exists": another file of
            that name is there and stays.
        provenance: Of the file that is to be written, or that is there.
        next_name: What a file that is to be written is called where another batch makes one of its name meanwhile;
            None: it replaces what is there.
    """

    output: Path
    state: Literal["write", "done", "exists"]
    provenance: Provenance | None = None
    next_name: NumberedName | None = None


class OutputPlan:
    """Gives each photo of a batch its output file."""

    def __init__(
        self, config: RestoreConfig, originals: Iterable[PhotoRef], card: "ModelCard", model_file: Path
    ) -> None:
        """Plan for a batch.

        Args:
            config: Destination, format and what to do with existing files.
            originals: All files of the batch, damaged ones too, none of which may be written over.
            card: Of the model that restores.
            model_file: Its file.
        """
        self._config = config
        self._card = card
        self._model_file = model_file
        # Of those that are still there: the others can be written over by nothing.
        self._originals = {identity for photo in originals if (identity := _identity(photo.file)) is not None}
        self._names_tell_results = NameReader(config.name_pattern).is_telling
        self._claimed: set[str] = set()
        self._day = date.today()
        self._present: dict[tuple[Path, Blend], dict[str, list[Path]]] = {}

    def file_format(self, photo: SourcePhoto) -> FileFormat:
        """Return the format of a photo's result."""
        return photo.info.file_format if self.keeps_format(photo) else self._config.format

    def keeps_format(self, photo: SourcePhoto) -> bool:
        """Tell whether a photo's result is of its own format: as was asked for, or since no other photo becomes one."""
        chosen = self._config.format
        return chosen == "keep" or (FORMATS[chosen].is_of_sensors and not photo.info.is_raw)

    def sample_type(self, photo: SourcePhoto) -> SampleType:
        """Return the type of the numbers of a photo's result."""
        wanted = _TYPES.get(self._config.bit_depth, photo.info.type_written)
        return type_that_fits(self.file_format(photo), wanted)

    def claim(self, photo: SourcePhoto) -> Placement:
        """Return where the result of a photo goes or is; that file is then taken.

        Results of one batch never replace one another, whatever is to be done with existing files.

        Raises:
            ImageReadError: The photo cannot be read.
            ImageWriteError: The format cannot hold the photo, the result's name would be too long, or the folder for it
                cannot be looked into.
        """
        try:
            return self._claim(photo)
        except OSError as error:
            raise ImageWriteError(
                say(
                    "The folder {folder} cannot be looked into ({error}).",
                    folder=self._folder(photo),
                    error=error.strerror or error,
                ),
                "Choose another folder.",
            ) from error

    def _claim(self, photo: SourcePhoto) -> Placement:
        provenance = self._provenance(photo) if self._config.provenance else None
        done = self.find_done(photo)
        if done is not None:
            return done
        file_format, info = self.file_format(photo), photo.info
        # Before any time goes into restoring it; what an enlargement needs is looked at when it is made.
        check_can_hold(file_format, info.width, info.height, self.sample_type(photo), info.has_alpha, info.num_extra)
        suffix = suffix_of_result(photo.photo, file_format)
        stem = fill_pattern(
            self._config.name_pattern, stem_of_photo(photo.photo), self._name_values(self._blend(photo))
        )
        name = NumberedName(stem=stem, suffix=suffix)
        while True:
            candidate = self._folder(photo) / name.text
            name = name.next
            key = _key(candidate)
            if key in self._claimed:
                continue
            if len(os.fsencode(candidate.name)) > LONGEST_NAME_BYTES:
                raise ImageWriteError(
                    say(
                        "The result's name would be longer than {longest_name_bytes} bytes.",
                        longest_name_bytes=LONGEST_NAME_BYTES,
                    ),
                    "Give the photo a shorter name, or choose a shorter pattern for the results' names.",
                )
            if candidate.exists():
                identity = _identity(candidate)
                if self._config.existing == "rename" or identity is None or identity in self._originals:
                    continue
                if self._config.existing == "skip":
                    self._claimed.add(key)
                    return Placement(output=candidate, state="exists", provenance=read_provenance(candidate))
                if not self._is_result(candidate):
                    continue
                self._claimed.add(key)
                return Placement(output=candidate, state="write", provenance=provenance)
            self._claimed.add(key)
            return Placement(output=candidate, state="write", provenance=provenance, next_name=name)

    def further_paths(self, placement: Placement) -> Iterator[Path] | None:
        """Yield where a result goes whose place another batch takes meanwhile; each is taken then. From any thread.

        Returns:
            None where it replaces what is in its place.
        """
        return None if placement.next_name is None else self._numbered(placement.output, placement.next_name)

    def _numbered(self, path: Path, name: NumberedName) -> Iterator[Path]:
        while True:
            numbered = path.with_name(name.text)
            self._claimed.add(_key(numbered))
            yield numbered
            name = name.next

    def find_done(self, photo: SourcePhoto) -> Placement | None:
        """Return a photo's result where it is there already, undamaged; that file is then taken.

        The photo itself is read only where a result by this model with these settings may be its own.

        Raises:
            ImageReadError: The photo cannot be read.
        """
        if not (self._config.provenance and self._config.skip_done):
            return None
        results = self._results_in(self._folder(photo), self._blend(photo))
        for path in results.get(stem_of_photo(photo.photo).casefold(), ()):
            found = read_provenance(path) if _key(path) not in self._claimed else None
            if found is None or not found.is_same_work(self._provenance(photo, found.source_digest)):
                continue
            if found.source_digest == source_digest(photo.photo) and is_state_intact(path):
                self._claimed.add(_key(path))
                return Placement(output=path, state="done", provenance=found)
        return None

    def _is_result(self, file: Path) -> bool:
        """Tell whether a file that is there may be replaced: a photo that was not given has a photo's plain name."""
        return self._names_tell_results or read_provenance(file) is not None

    def _folder(self, photo: SourcePhoto) -> Path:
        return self._config.out / photo.subfolder

    def _blend(self, photo: SourcePhoto) -> Blend:
        """What counts for a photo of the blend that is set."""
        blend = self._config.blend_of(photo.photo)
        return blend.of_gray() if photo.info.num_channels == 1 else blend

    def _name_values(self, blend: Blend) -> NameValues:
        return NameValues(model=self._card.name, task=self._card.task, blend=blend, day=self._day)

    def _results_in(self, folder: Path, blend: Blend) -> dict[str, list[Path]]:
        """Files that were there before the batch, by the names of the photos whose results they may be."""
        if (folder, blend) not in self._present:
            reader = NameReader(self._config.name_pattern, self._name_values(blend))
            results: dict[str, list[Path]] = {}
            try:
                files = sorted(path for path in folder.iterdir() if path.is_file())
            except OSError:
                files = []
            for path in files:
                for name in reader.names_of(split_name(path.name)[0]):
                    results.setdefault(name.casefold(), []).append(path)
            self._present[folder, blend] = results
        return self._present[folder, blend]

    def _provenance(self, photo: SourcePhoto, digest: str = "") -> Provenance:
        """What is written into a photo's result; its digest is computed where it is not given."""
        config = self._config
        file_format, sample_type, blend = self.file_format(photo), self.sample_type(photo), self._blend(photo)
        settings: dict[str, object] = {
            "bit_depth": _NAMES_OF_TYPES.get(sample_type, sample_type),
            "format": file_format,
            "metadata": config.metadata,
            "precision": config.precision,
            **blend.as_fields,
            **config.file_choices.noted(file_format),
        }
        if config.levels and not photo.info.is_raw:
            # Without the places, which are nobody's business.
            given = [one.levels_as_text for one in given_for(photo.photo, config.levels)]
            given += self._levels_of_pages(photo, given)
            settings |= {"levels": given} if given else {}
        if photo.info.is_raw and config.raw_look != "neutral":
            # What earlier versions wrote is neutral and says nothing of it. What is still to be developed has no look
            # but in the previews that it holds.
            settings[PREVIEW_LOOK if FORMATS[file_format].is_of_sensors else RAW_LOOK] = config.raw_look
        return Provenance(
            version=__version__,
            model=self._card.name,
            run=self._card.run or "",
            task=self._card.task,
            **{name: f"{share:g}" for name, share in blend.as_fields.items()},
            source=photo.photo.name,
            source_digest=digest or source_digest(photo.photo),
            model_digest=self._model_digest,
            settings=json.dumps(settings, sort_keys=True),
        )

    def _levels_of_pages(self, photo: SourcePhoto, of_file: list[str]) -> list[str]:
        """Return what counts for the pages of a stack where that is not what counts for its file."""
        if not photo.pages:
            return []
        levels, file = self._config.levels, photo.photo.file
        pages = sorted({page for page, _ in given_for_pages(file, levels)} & set(photo.pages))
        by_page = {page: [one.levels_as_text for one in given_for(PhotoRef(file, page), levels)] for page in pages}
        return [f"page {page}: {text}" for page, given in by_page.items() if given != of_file for text in given]

    @cached_property
    def _model_digest(self) -> str:
        return digest_of_file(self._model_file)


def _key(path: Path) -> str:
    """File systems that do not tell upper from lower case would take paths with the same key for one file."""
    return str(path).casefold()


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file on which disk it is; None where it is not there or cannot be asked."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def find_done_photos(config: RestoreConfig, control: JobControl) -> tuple[PhotoRef, ...]:
    """Return the photos that a batch would pass over, since their results are there already.

    Where the destination holds no result with the model and the settings asked for, no photo is read at all.

    Args:
        config: The batch.
        control: Asked before each photo.

    Returns:
        In the order of the batch. A photo that cannot be read is not done.

    Raises:
        JobCancelled: Asked to end.
        EngineError: The model cannot be read, or an input is not there.
    """
    if not (config.provenance and config.skip_done and os.path.isdir(config.out)):
        return ()
    config = config.model_copy(update={"out": config.out.absolute()})
    control.wait_if_paused()
    file = model_file(config.model)
    listing = list_sources(config.photos, config.out, config.name_pattern, stacks_are_whole=keeps_stacks(config))
    plan = OutputPlan(config, listing.originals, read_card(file), file)
    done = []
    for photo in listing.photos:
        control.wait_if_paused()
        try:
            is_done = plan.find_done(photo) is not None
        except EngineError:
            # The batch will say what is wrong with it.
            continue
        if is_done:
            done.append(photo.photo)
    return tuple(done)
