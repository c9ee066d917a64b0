"""How long a training will take on this machine: a guess at first, then a trial, then what trainings have taken."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.core.settings import MEASURED_SPEEDS, Settings
from app.look import phrases
from app.look.translation import format_number, mark, tr
from engine.contracts.configs import FinetuneConfig, Preset, PretrainConfig, TrainingConfig

_MIN_MEASURED_STEPS = 200
_NUM_REMEMBERED = 40
_AS_ESTIMATED = 0.05
"""Estimates that are this close count as met."""


class SpeedSource(StrEnum):
    """Where an estimate comes from."""

    MEASURED = mark("Measured in earlier trainings with this network and method on this machine.")
    TRIED = mark("An estimate: a few steps were tried on this machine just now.")
    ALIKE = mark("An estimate: made from another training on this machine.")
    GUESSED = mark("A guess: how long it takes on two processor cores.")


@dataclass(frozen=True)
class Estimate:
    """How long a training will take.

    Attributes:
        minutes: The figure.
        source: Where it comes from.
    """

    minutes: float
    source: SpeedSource


class TrainingTime:
    """Estimates times from the pixels that a training learns from, and learns how quick this machine is."""

    def __init__(
        self,
        settings: Settings,
        kind: str,
        preset_values: Callable[[Preset], Mapping[str, Any]],
        reference_minutes: Callable[[Preset], float],
        tried: dict[tuple[str, str], float],
    ) -> None:
        """Take what an estimate is made from.

        Args:
            settings: Where measured speeds are kept.
            kind: "pretrain" or "finetune".
            preset_values: Config values of a preset.
            reference_minutes: How long a preset takes on the reference machine.
            tried: What trials have shown, shared by all who estimate: pixels a second by kind and key.
        """
        self._settings = settings
        self._kind = kind
        self._preset_values = preset_values
        self._reference_minutes = reference_minutes
        self._tried = tried

    def estimate(self, values: Mapping[str, Any], like: Preset, num_photos: int, speed_key: str) -> Estimate:
        """Return how long a training will take.

        Args:
            values: `steps`, `photos_per_batch` and `crop_px`.
            like: The preset whose reference time is scaled while nothing is known of this machine.
            num_photos: Photos there are; a batch has no more.
            speed_key: What the speed depends on, see `speed_key_of`; "" while it is not known.
        """
        work = _work(values, num_photos)
        measured = self._measured()
        for source, speed in (
            (SpeedSource.MEASURED, measured.get(speed_key)),
            (SpeedSource.TRIED, self._tried.get((self._kind, speed_key))),
            (SpeedSource.ALIKE, next(reversed(measured.values()), None)),
            (SpeedSource.ALIKE, self._last_tried()),
        ):
            if speed:
                return Estimate(work / speed / 60, source)
        reference = TrainingConfig().model_dump() | dict(self._preset_values(like))
        return Estimate(self._reference_minutes(like) * work / _work(reference, num_photos), SpeedSource.GUESSED)

    def preset_minutes(self, preset: Preset, num_photos: int, speed_key: str) -> float:
        """Return how long a preset will take."""
        values = TrainingConfig().model_dump() | dict(self._preset_values(preset))
        return self.estimate(values, preset, num_photos, speed_key).minutes

    def knows(self, speed_key: str) -> bool:
        """Return whether a speed was measured or tried."""
        return speed_key in self._measured() or (self._kind, speed_key) in self._tried

    def take_trial(self, speed_key: str, config: TrainingConfig, num_photos: int, steps_per_second: float) -> None:
        """Use what a few steps on this machine have shown, until the window is closed."""
        self._tried[self._kind, speed_key] = steps_per_second * _work_per_step(config, num_photos)

    def learn(
        self, speed_key: str, config: TrainingConfig, num_photos: int, num_steps: int, steps_per_second: float
    ) -> None:
        """Remember for good how quick a training was; a handful of steps says nothing."""
        if speed_key and num_steps >= _MIN_MEASURED_STEPS and steps_per_second > 0:
            measured = self._measured()
            measured.pop(speed_key, None)
            measured[speed_key] = steps_per_second * _work_per_step(config, num_photos)
            others = [json.dumps(row) for row in self._rows() if row[0] != self._kind]
            own = [json.dumps([self._kind, key, speed]) for key, speed in measured.items()]
            self._settings.set(MEASURED_SPEEDS, others + own[-_NUM_REMEMBERED:])

    def _last_tried(self) -> float | None:
        return next((speed for (kind, _), speed in reversed(self._tried.items()) if kind == self._kind), None)

    def _measured(self) -> dict[str, float]:
        """Pixels a second by what they depend on, the latest last."""
        return {key: speed for kind, key, speed in self._rows() if kind == self._kind}

    def _rows(self) -> list[tuple[str, str, float]]:
        """Kind, what it depends on, pixels a second; what somebody else has written into the file is passed over."""
        rows = []
        for text in self._settings.get(MEASURED_SPEEDS):
            try:
                kind, key, speed = json.loads(text)
                rows.append((str(kind), str(key), float(speed)))
            except (ValueError, TypeError, OverflowError, RecursionError):
                continue
        return rows


def speed_key_of(config: PretrainConfig | FinetuneConfig, backbone: str, backbone_params: Mapping[str, Any]) -> str:
    """Return a text that is the same for trainings whose steps, pixel by pixel, take equally long.

    Args:
        config: The training's settings.
        backbone: The network, the parent's where there is one.
        backbone_params: Its settings.
    """
    method = config.pretext if isinstance(config, PretrainConfig) else f"{config.task} {config.unlabelled_weight > 0}"
    params = config.pretext_params if isinstance(config, PretrainConfig) else config.task_params
    parts = [method, params, backbone, dict(backbone_params), config.device, config.precision]
    return json.dumps(parts, sort_keys=True, default=str)


def compared_with_estimate(seconds: float, estimated_seconds: float) -> str:
    """Return "as long as estimated", "12 % longer than estimated"; "" where nothing was estimated.

    Args:
        seconds: How long it took.
        estimated_seconds: How long it should have taken; 0: not estimated.
    """
    if estimated_seconds <= 0:
        return ""
    error = seconds / estimated_seconds - 1
    if abs(error) < _AS_ESTIMATED:
        return tr("as long as estimated")
    if error > 1:
        return tr("{times} times as long as estimated").format(times=format_number(error + 1, 1))
    percent = phrases.percent(abs(error))
    if error > 0:
        return tr("{percent} longer than estimated").format(percent=percent)
    return tr("{percent} shorter than estimated").format(percent=percent)


def _work(values: Mapping[str, Any], num_photos: int) -> float:
    photos_per_batch = min(int(values["photos_per_batch"]), max(1, num_photos))
    return float(values["steps"]) * photos_per_batch * float(values["crop_px"]) ** 2


def _work_per_step(config: TrainingConfig, num_photos: int) -> float:
    return _work(config.model_dump(include={"steps", "photos_per_batch", "crop_px"}), num_photos) / config.steps
