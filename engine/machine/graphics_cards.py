"""Whether this machine has an NVIDIA card, and why torch does not compute on it if so."""

import shutil
import subprocess
from dataclasses import dataclass

from engine.translatable import say

_TIMEOUT_S = 10
_QUERY = ("--query-gpu=name,driver_version", "--format=csv,noheader")


@dataclass(frozen=True, kw_only=True)
class NvidiaCard:
    """A card as its driver names it."""

    name: str
    driver: str


def find_nvidia_card() -> NvidiaCard | None:
    """The first NVIDIA card that its driver's own program lists; None without a card or driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        listed = subprocess.run(
            [program, *_QUERY], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    first = next(iter(listed.stdout.splitlines()), "")
    name, _, driver = first.rpartition(",")
    return NvidiaCard(name=name.strip(), driver=driver.strip()) if listed.returncode == 0 and name else None


def why_unused(card: NvidiaCard, *, built_for: str | None, is_usable: bool) -> tuple[str, str] | None:
    """What keeps torch from a card.

    Args:
        card: The card.
        built_for: The CUDA version that torch was built for; None: for none.
        is_usable: Whether torch can compute on the card.

    Returns:
        A sentence, and what to do; None where nothing does.
    """
    if is_usable:
        return None
    if built_for is None:
        return (
            say(
                "This machine has an NVIDIA card ({card}), but the torch that is installed computes without it.",
                card=card.name,
            ),
            "Install torch's build for CUDA into the program's environment; docs/gpu.md says how.",
        )
    return (
        say(
            "This machine has an NVIDIA card ({card}), but torch cannot use it: its driver {driver} is "
            "probably older than CUDA {built_for} needs.",
            card=card.name,
            driver=card.driver,
            built_for=built_for,
        ),
        "Update the driver of the card, then start again.",
    )
