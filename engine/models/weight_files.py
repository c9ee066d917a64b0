"""Writing tensors to safetensors files, at once or not at all."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from engine.contracts.errors import ModelFileError
from engine.machine.atomic_files import replace_atomically
from engine.translatable import say


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file.

    Args:
        path: The file; replaced if it exists.
        tensors: By name, on any device.
        metadata: Text by name.

    Raises:
        ModelFileError: It cannot be written; an older file is as it was.
    """
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        with replace_atomically(path) as temporary:
            save_file(contiguous, temporary, metadata=metadata)
    except (OSError, SafetensorError) as error:
        raise ModelFileError(
            say("The file {path} cannot be written: {error}.", path=path, error=error),
            "Make room on the disk and check that the folder still exists; what was saved before is unharmed.",
        ) from error
