"""The environment of this process, which must not grow once there are threads.

On Linux a variable that is added moves the whole table, while `getenv` in other threads, without a lock, still reads
where it was: glibc before 2.41 ends in a segmentation fault then. Each new thread of Qt calls it first of all, before
Python knows of that thread. One start in some tens ended so, with a report that showed the main thread alone.
Variables that are there already are only given other values, which is safe.
"""

import os
import tempfile
from pathlib import Path

DECODED_PHOTOS_VARIABLE = "RESIDUA_DECODED_GB"
"""Says what decoded photos may take on the disk, in gigabytes; 0: none is kept, empty: the default."""


def complete_environment() -> None:
    """Add the variables that the program and its libraries would add later; to be called before there are threads."""
    later = {
        DECODED_PHOTOS_VARIABLE: "",
        # Lightning Fabric, when it is imported; this value.
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
        # torch, when it is imported; of its own accord it makes the same folder with the user's name.
        "TORCHINDUCTOR_CACHE_DIR": str(Path(tempfile.gettempdir()) / f"torchinductor_{_user()}"),
    }
    for name, value in later.items():
        os.environ.setdefault(name, value)


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
