"""Where the network shall compute, as the settings say."""

from typing import Any

from app.core.settings import COMPUTE_BACKEND, COMPUTE_DEVICE, COMPUTE_PRECISION, COMPUTE_THREADS, Setting, Settings
from engine.contracts.configs import ComputePreference

COMPUTE_SETTINGS: dict[str, Setting[Any]] = {
    "device": COMPUTE_DEVICE,
    "precision": COMPUTE_PRECISION,
    "threads": COMPUTE_THREADS,
    "backend": COMPUTE_BACKEND,
}
"""The settings by the fields of `ComputePreference`."""


def compute_preference(settings: Settings) -> ComputePreference:
    """Return what the settings say."""
    return ComputePreference.model_validate({name: settings.get(each) for name, each in COMPUTE_SETTINGS.items()})
