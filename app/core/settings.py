"""Preferences of the window, each declared once with its type and default; the only place where they live.

They are kept as one JSON file in the user's configuration folder, or in the folder that RESIDUA_DATA names.
Settings of jobs are not here: those are the configs of `engine.contracts.configs`, kept with each run.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

from PySide6.QtCore import QObject, QStandardPaths, QTimer, Signal

from engine.contracts.blending import FULL, Blend
from engine.contracts.configs import ComputePreference, RestoreConfig
from engine.contracts.output_formats import EARLIER_FORMATS
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.machine.atomic_files import write_bytes_atomically
from engine.machine.folder_lock import lock_folder
from engine.machine.json_files import json_text, read_json_object
from engine.machine.places import Place
from engine.photo_files.formats import IMAGE_SUFFIXES, OTHER_PHOTO_SUFFIXES, PHONE_SUFFIXES, RAW_SUFFIXES

logger = logging.getLogger(__name__)

T = TypeVar("T", bool, int, float, str, list[str])

SETTINGS_VERSION = 1
NUM_REMEMBERED_FOLDERS = 200
"""And as many single files."""

_PHOTO_SUFFIXES = IMAGE_SUFFIXES | PHONE_SUFFIXES | RAW_SUFFIXES | OTHER_PHOTO_SUFFIXES

_LARGEST_NUMBER = 2**31 - 1
"""Of Qt's widgets, which refuse a larger one by an exception."""


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One preference.

    Attributes:
        key: Its name in the file.
        default: Its value when nothing is stored, or when what is stored has another type or is not allowed.
        choices: The allowed values; empty: any.
        bounds: The smallest and the largest allowed number; None: any that Qt's widgets can hold.
    """

    key: str
    default: T
    choices: tuple[T, ...] = ()
    bounds: tuple[T, T] | None = None

    def accept(self, value: Any) -> T:
        """Return `value` where it fits this setting, else the default."""
        kind = type(self.default)
        fits = type(value) is kind or (kind is float and type(value) is int)
        if fits and kind in (int, float):
            # NaN is between no two numbers.
            lowest, highest = self.bounds or (-_LARGEST_NUMBER, _LARGEST_NUMBER)
            fits = lowest <= value <= highest
        if fits and kind is float:
            value = float(value)
        fits = fits and (not self.choices or value in self.choices)
        if fits and isinstance(value, list):
            fits = all(isinstance(item, str) for item in value)
        accepted: T = value if fits else self.default
        return accepted


def restore_setting(field: str) -> Setting[Any]:
    """Return where a field of `RestoreConfig` is kept as it was set last; default and choices are the field's own."""
    info = RestoreConfig.model_fields[field]
    choices = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
    return Setting(f"restore_{field}", info.default, choices)


THEME = Setting("theme", "system", ("system", "dark", "light"))
TEXT_SCALE = Setting("text_scale", 1.0, (1.0, 1.25, 1.5, 2.0))
LANGUAGE = Setting("language", "system", ("system", "en", "de"))
"""Takes effect at the next start."""
COMPUTE_DEVICE = Setting("compute_device", "auto", ("auto", "cpu", "cuda", "mps"))
COMPUTE_PRECISION = Setting("compute_precision", "auto", ("auto", "32-true", "bf16-mixed"))
COMPUTE_THREADS = Setting("compute_threads", 0, bounds=(0, 256))
"""Processor cores that the network may take; 0: all."""
COMPUTE_BACKEND = Setting("compute_backend", "auto", ("auto", "torch", "openvino", "onnxruntime"))
COMPUTE_SETTINGS: dict[str, Setting[Any]] = {
    "device": COMPUTE_DEVICE,
    "precision": COMPUTE_PRECISION,
    "threads": COMPUTE_THREADS,
    "backend": COMPUTE_BACKEND,
}
"""Where the network computes, by the fields of `ComputePreference`."""
RUNS_FOLDER = Setting("runs_folder", "")
"""Empty: the user's data folder. Takes effect at the next start."""
THUMBNAIL_CACHE_MB = Setting("thumbnail_cache_mb", 256, (64, 256, 1024, 4096))
DECODED_PHOTOS_GB = Setting("decoded_photos_gb", 16, (0, 4, 16, 64, 256))
"""What large photos that a training has decoded may take on the disk; 0: none is kept."""
SPLITTERS: Setting[list[str]] = Setting("splitters", [])
"""How far the panes of the pages are apart: "page.number=state", the state as Qt writes it, in Base64."""
LAST_PHOTO = Setting("last_photo", "")
WINDOW_GEOMETRY = Setting("window_geometry", "")
LAST_PAGE = Setting("last_page", "photos")
LAST_FOLDERS: Setting[list[str]] = Setting("last_folders", [])
LAST_REFERENCE_FOLDERS: Setting[list[str]] = Setting("last_reference_folders", [])
LAST_MODEL = Setting("last_model", "")
MODEL_DIALOG_FOLDER = Setting("model_dialog_folder", "")
LAST_RUN = Setting("last_run", "")
RUNS_SORT = Setting("runs_sort", "started:descending")
KEEP_DELETED_DAYS = Setting("keep_deleted_days", 30, (7, 30, 90, 0))
"""How long deleted runs can be brought back; 0: until they are removed by hand."""
OPEN_DIALOG_FOLDER = Setting("open_dialog_folder", "")
OPEN_IN_PROGRAM = Setting("open_in_program", "")
"""In which other program something was opened last, by `Program.key`."""
PRETRAIN_PRESET = Setting("pretrain_preset", "balanced", ("quick", "balanced", "thorough"))
FINETUNE_PRESET = Setting("finetune_preset", "balanced", ("quick", "balanced", "thorough"))
MORE_SETTINGS_OPEN = Setting("more_settings_open", False)
GIVEN_LEVELS: Setting[list[str]] = Setting("given_levels", [])
"""What is black and white in photos by hand, as `GivenLevels.as_text` says it."""
EXCLUDED_PHOTOS: Setting[list[str]] = Setting("excluded_photos", [])
MEASURED_SPEEDS: Setting[list[str]] = Setting("measured_speeds", [])
"""How quick this machine is (`app.pages.training.setup.time`): rows of kind, what it depends on, pixels a second."""
USED_LABELS: Setting[list[str]] = Setting("used_labels", [])
"""Noisy photos whose pair is used although it is doubtful."""
ASIDE_LABELS: Setting[list[str]] = Setting("aside_labels", [])
MEASURING_LABELS: Setting[list[str]] = Setting("measuring_labels", [])
"""Noisy photos whose pair only measures."""
UNFITTED_LABELS: Setting[list[str]] = Setting("unfitted_labels", [])
"""Noisy photos whose reference keeps its own exposure or stretch."""
MATCHED_LABELS: Setting[list[str]] = Setting("matched_labels", [])
"""A noisy photo and the reference chosen for it by hand, in turns; an empty reference: none."""
SUGGESTED_LABELS = Setting("suggested_labels", 5)
"""How many photos to suggest for labelling."""
BURST_FOLDER = Setting("burst_folder", "")
BURST_MOTION = Setting("burst_motion", "fill", ("fill", "leave_out"))
RECURSIVE = Setting("recursive", True)
THUMBNAIL_PX = Setting("thumbnail_px", 160)
PHOTOS_SORT = Setting(
    "photos_sort",
    "name",
    ("name", "noisiest", "cleanest", "largest", "smallest", "camera", "highest_iso", "lowest_iso", "newest", "oldest"),
)
STRETCH_THUMBNAILS = Setting("stretch_thumbnails", False)
NOISE_MAP_AXIS = Setting("noise_map_axis", "brightness", ("brightness", "iso", "rank"))
CANVAS_BACKGROUND = Setting("canvas_background", "gray", ("gray", "black", "white"))
COMPARE_MODE = Setting("compare_mode", "side_by_side")
COMPARE_GAIN = Setting("compare_gain", 4.0)
COMPARE_HISTOGRAM = Setting("compare_histogram", False)
COMPARE_PROFILE = Setting("compare_profile", False)
COMPARE_PANES: Setting[list[str]] = Setting("compare_panes", [])
"""What the panes show, for each folder; see `PaneChoice.to_text`."""
RESTORE_BLEND = Setting("restore_blend", FULL.as_text)
"""How much of a restoration photos keep that have no blend of their own, as `Blend.as_text` says it."""
RESTORE_OWN_BLENDS: Setting[list[str]] = Setting("restore_own_blends", [])
"""Photos that have one: the blend, a space and the photo."""
RESTORE_BLEND_PRESETS: Setting[list[str]] = Setting("restore_blend_presets", [])
"""Those that a person saved: the blend, a space and its name."""
RESTORE_RAW_LOOK = restore_setting("raw_look")
RESTORE_DESTINATION = Setting("restore_destination", "")
RESULT_FOLDERS: Setting[list[str]] = Setting("result_folders", [])
"""Where restored photos were written, whatever folder was open; the newest last."""


class Settings(QObject):
    """The preferences, read once, written back a moment after a change.

    Attributes:
        is_of_newer_version: Whether the file was written by a newer version of the program: it is left as it is, and
            this session has the defaults, which it does not keep.

    Signals:
        changed: A preference has a new value; carries its key (main thread).
    """

    changed = Signal(str)

    def __init__(self, path: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path or Place.SETTINGS.path()
        self._values: dict[str, Any] = {}
        self._folders: dict[str, dict[str, Any]] = {}
        self._changed: set[str] = set()
        self._changed_folders: set[str] = set()
        self.is_of_newer_version = False
        self._read()
        self._write_later = QTimer(self, singleShot=True, interval=500)
        self._write_later.timeout.connect(self.save)

    def get(self, setting: Setting[T]) -> T:
        """Return a preference's value."""
        return setting.accept(self._values.get(setting.key, setting.default))

    def set(self, setting: Setting[T], value: T) -> None:
        """Store a preference.

        Raises:
            ValueError: The value has another type or is not allowed.
        """
        if setting.accept(value) != value:
            raise ValueError(f"{setting.key} cannot be {value!r}; allowed: {setting.choices or type(setting.default)}")
        if self.get(setting) != value:
            self._values[setting.key] = value
            self._changed.add(setting.key)
            self._write_later.start()
            self.changed.emit(setting.key)

    @property
    def dialog_folder(self) -> str:
        """Where a dialog for photos opens: where the last one did, at first in the person's Pictures."""
        pictures = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        return self.get(OPEN_DIALOG_FOLDER) or pictures

    def get_for_folder(self, folder: PhotoPlace, setting: Setting[T]) -> T:
        """Return a preference as it was last set for one photo folder; the general value if it never was."""
        return setting.accept(self._folders.get(str(folder), {}).get(setting.key, self.get(setting)))

    def set_for_folder(self, folder: PhotoPlace, setting: Setting[T], value: T) -> None:
        """Store a preference for one photo folder or file; the most recent ones of either kind are remembered."""
        accepted = setting.accept(value)
        if str(folder) not in self._folders and accepted == setting.default == self.get(setting):
            # Each of hundreds of files that are opened together would push another folder's decisions out.
            return
        values = self._folders.pop(str(folder), {})
        values[setting.key] = accepted
        self._folders[str(folder)] = values
        self._changed_folders.add(str(folder))
        self._write_later.start()

    def save(self) -> None:
        """Write the file now; preferences that cannot be written are not worth an interruption.

        Only what was changed here is written: the rest is taken from the file, which another window may have changed.
        """
        self._write_later.stop()
        if self.is_of_newer_version:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with lock_folder(self._path.parent):
                values, folders = self._merged()
                fields = {"schema_version": SETTINGS_VERSION, "values": values, "folders": folders}
                content = json_text(fields, indent=1)
                write_bytes_atomically(self._path, content.encode())
        except OSError as error:
            logger.warning("Preferences not saved to %s: %s", self._path, error)

    def _merged(self) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """What the file holds by now, with the changes of this window."""
        try:
            content = read_json_object(self._path)
        except (OSError, ValueError):
            content = {}
        values, folders = content.get("values"), content.get("folders")
        if not isinstance(values, dict) or not isinstance(folders, dict):
            return self._values, _most_recent(self._folders)
        own = {key: value for key, value in self._values.items() if key in self._changed}
        # Those of this window come last: the most recent ones are kept.
        others = {name: entry for name, entry in folders.items() if name not in self._changed_folders}
        changed = {name: entry for name, entry in self._folders.items() if name in self._changed_folders}
        return _renewed(values) | own, _most_recent(others | changed)

    def _read(self) -> None:
        try:
            content = read_json_object(self._path)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            logger.warning("Preferences in %s are unreadable, starting with the defaults: %s", self._path, error)
            return
        version = content.get("schema_version")
        if isinstance(version, int) and version > SETTINGS_VERSION:
            logger.warning("Preferences in %s are of a newer version, starting with the defaults", self._path)
            self.is_of_newer_version = True
            return
        values, folders = content.get("values"), content.get("folders")
        self._values = _renewed(values) if isinstance(values, dict) else {}
        if isinstance(folders, dict):
            self._folders = {name: entry for name, entry in folders.items() if isinstance(entry, dict)}


def compute_preference(settings: Settings) -> ComputePreference:
    """Where the network shall compute, as the settings say."""
    return ComputePreference.model_validate({name: settings.get(each) for name, each in COMPUTE_SETTINGS.items()})


def _most_recent(folders: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what is remembered of the last folders and of the last files: neither kind pushes the other out."""
    files = [name for name in folders if PhotoRef.of(name).file.suffix.lower() in _PHOTO_SUFFIXES]
    others = folders.keys() - set(files)
    forgotten = {
        *files[:-NUM_REMEMBERED_FOLDERS],
        *[name for name in folders if name in others][:-NUM_REMEMBERED_FOLDERS],
    }
    return {name: entry for name, entry in folders.items() if name not in forgotten}


def _renewed(values: dict[str, Any]) -> dict[str, Any]:
    """Return the stored values under the names and with the choices that they have today."""
    renewed = dict(values)
    # Version 0.1 knew metadata as a yes or no, and 16 bits as a part of the format.
    keeps_metadata = renewed.pop("restore_keep_metadata", True)
    if keeps_metadata is False:
        renewed.setdefault("restore_metadata", "none")
    # And one strength for all noise.
    strength = renewed.pop("restore_strength", None)
    if isinstance(strength, int | float) and 0 <= strength <= 1:
        renewed.setdefault("restore_blend", Blend.even(strength).as_text)
    for field, value in EARLIER_FORMATS.get(str(renewed.get("restore_format")), {}).items():
        renewed[f"restore_{field}"] = value
    return renewed
