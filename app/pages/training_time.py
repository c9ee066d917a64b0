"""How long a training will take on this machine: a guess at first, a measurement from the first training on."""

from collections.abc import Callable, Mapping
from typing import Any

from app.settings import Setting, Settings
from engine.configs import Preset, TrainingConfig

_MIN_MEASURED_STEPS = 200


class TrainingTime:
    """Estimates minutes from the pixels that a training learns from."""

    def __init__(
        self,
        settings: Settings,
        speed_setting: Setting[float],
        preset_values: Callable[[Preset], Mapping[str, Any]],
        reference_minutes: Callable[[Preset], float],
    ) -> None:
        """Take what an estimate is made from.

        Args:
            settings: Where the measured speed is kept.
            speed_setting: Its name: pixels a second.
            preset_values: Config values of a preset.
            reference_minutes: How long a preset takes on the reference machine.
        """
        self._settings = settings
        self._speed_setting = speed_setting
        self._preset_values = preset_values
        self._reference_minutes = reference_minutes

    def minutes(self, values: Mapping[str, Any], like: Preset, num_photos: int) -> float:
        """Return how long a training will take.

        Args:
            values: `steps`, `photos_per_batch` and `crop_px`.
            like: The preset whose reference time is scaled while nothing was measured.
            num_photos: Photos there are; a batch has no more.
        """
        work = _work(values, num_photos)
        measured = self._settings.get(self._speed_setting)
        if measured > 0:
            return work / measured / 60
        reference = TrainingConfig().model_dump() | dict(self._preset_values(like))
        return self._reference_minutes(like) * work / _work(reference, num_photos)

    def preset_minutes(self, preset: Preset, num_photos: int) -> float:
        """Return how long a preset will take."""
        values = TrainingConfig().model_dump() | dict(self._preset_values(preset))
        return self.minutes(values, preset, num_photos)

    def learn(self, config: TrainingConfig, num_photos: int, num_steps: int, steps_per_second: float) -> None:
        """Remember how quick this machine was; a handful of steps says nothing."""
        if num_steps >= _MIN_MEASURED_STEPS and steps_per_second > 0:
            work_per_step = _work(config.model_dump(), num_photos) / config.steps
            self._settings.set(self._speed_setting, float(steps_per_second * work_per_step))


def _work(values: Mapping[str, Any], num_photos: int) -> float:
    photos_per_batch = min(int(values["photos_per_batch"]), max(1, num_photos))
    return float(values["steps"]) * photos_per_batch * float(values["crop_px"]) ** 2
