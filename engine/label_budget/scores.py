"""How the models of an experiment did, photo by photo, kept as files so that nothing is measured twice."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.contracts.errors import InvalidInputError
from engine.contracts.results import PairScore
from engine.machine.json_files import json_text, read_json_object
from engine.runs.folder import write_text
from engine.translatable import say


@dataclass(frozen=True, kw_only=True)
class Score:
    """How one model did.

    Attributes:
        photos: Figures by name of the noisy photo, of all that did not teach it.
        labels: Names of the noisy photos whose references taught it or chose among its weights.
        steps: Optimisation steps of its own training.
        seconds: Their time.
        metrics: Final figures of the training by name, such as what a starter has forgotten.
    """

    photos: Mapping[str, PairScore]
    labels: tuple[str, ...] = ()
    steps: int = 0
    seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ScoreFolder:
    """The scores of an experiment, a file each.

    Attributes:
        folder: Where they are; made when the first is written.
    """

    folder: Path
    _schema: int = field(default=1, repr=False)

    def find(self, name: str, settings: Mapping[str, Any]) -> Score | None:
        """The score of a training; None where it has not ended.

        Args:
            name: Of the training.
            settings: All that it depends on.

        Raises:
            InvalidInputError: What is kept belongs to a training with other settings.
        """
        path = self._path(name)
        try:
            kept = read_json_object(path)
            if kept["schema_version"] == self._schema and kept["settings"] == settings:
                return _read(kept["score"]) if kept["score"] else None
            differences = _differences(kept["settings"], settings)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
            raise InvalidInputError(
                say("The file {path} is damaged.", path=path), "Delete it; that training is done again."
            ) from error
        raise InvalidInputError(
            say(
                "The folder {folder} holds an experiment with other photos or settings, or of another "
                "version ({name}: {differences}).",
                folder=self.folder.parent,
                name=name,
                differences=", ".join(differences) or "schema_version",
            ),
            "Choose another destination, or give the same settings again to go on.",
        )

    def begin(self, name: str, settings: Mapping[str, Any]) -> None:
        """Note the settings of a training before it begins.

        Raises:
            RunStoreError: The file cannot be written.
        """
        self._write(name, settings, None)

    def keep(self, name: str, settings: Mapping[str, Any], score: Score) -> None:
        """Keep a score.

        Raises:
            RunStoreError: The file cannot be written.
        """
        self._write(name, settings, score)

    def _write(self, name: str, settings: Mapping[str, Any], score: Score | None) -> None:
        content = {
            "schema_version": self._schema,
            "settings": settings,
            "score": asdict(score) if score else None,
        }
        write_text(self._path(name), json_text(content, indent=1))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def _differences(kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Names of the settings that differ, those of the training by their own names."""
    flat = [{**settings, **(settings.get("training") or {})} for settings in (kept, wanted)]
    names = dict.fromkeys(name for settings in flat for name in settings if name != "training")
    # None is a setting too, other than none at all.
    return [name for name in names if any(name not in settings for settings in flat) or flat[0][name] != flat[1][name]]


def _read(fields: Mapping[str, Any]) -> Score:
    photos = {name: PairScore(**score) for name, score in fields["photos"].items()}
    return Score(
        photos=photos,
        labels=tuple(fields["labels"]),
        steps=int(fields["steps"]),
        seconds=float(fields["seconds"]),
        metrics=dict(fields["metrics"]),
    )
