"""Errors that a person can act on: each carries what happened and what to do."""

from engine.translatable import say_joined


class EngineError(Exception):
    """A failure with a cause that a person can understand and remove.

    Attributes:
        message: What happened, one sentence.
        hint: What to do about it, one sentence.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return say_joined((self.message, self.hint))


class InvalidInputError(EngineError):
    """The folders, labels or settings given to a job cannot be used."""


class ImageReadError(EngineError):
    """A file cannot be read as a photo."""


class ImageWriteError(EngineError):
    """A restored photo cannot be written."""


class ModelFileError(EngineError):
    """A model or checkpoint file cannot be read, or does not fit."""


class RunStoreError(EngineError):
    """A run folder cannot be created, read or resumed."""


class TrainingDivergedError(EngineError):
    """The loss or a gradient is no longer a finite number."""


class DeviceError(EngineError):
    """The requested device is not there or has run out of memory."""


class ProcessGroupError(EngineError):
    """Several processes that work as one have lost each other."""
