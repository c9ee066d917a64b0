"""Other programs beside ours in the quality benchmark: packages that bring weights or a classic along.

Each runs in an environment of its own (`environments`), in one process that is asked photo by photo, and stands in the
benchmark's process as a classical method; nothing of it reaches the program.
"""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, Final

import numpy as np

from engine.comparing.baselines.catalogue import BASELINES, BaselineEntry
from engine.contracts.photo import Pixels
from tests.benchmarks.environments import environment_of

WORKER = Path(__file__).with_name("quality_peer_worker.py")


@dataclass(frozen=True, kw_only=True)
class QualityPeer:
    """A package that is measured.

    Attributes:
        title: What a person reads.
        description: What it is, with its licence.
        packages: What its environment needs, as pip reads it.
        takes_mosaics: Whether it makes photos of mosaics; else it removes noise.
    """

    title: str
    description: str
    packages: tuple[str, ...]
    takes_mosaics: bool

    def entry(self, name: str) -> BaselineEntry:
        """Return a row of the classical methods, which starts the package's process when it is first asked."""
        process = PeerProcess(name, self.packages)
        if self.takes_mosaics:
            return BaselineEntry(
                title=self.title, description=self.description, interpolate=process.restore, takes_photos=False
            )
        return BaselineEntry(title=self.title, description=self.description, denoise=process.restore, interpolate=None)


QUALITY_PEERS: Final[Mapping[str, QualityPeer]] = {
    "dncnn": QualityPeer(
        title="DnCNN (scico)",
        description="17 layers, told the noise that is estimated; each colour by itself. BSD-3.",
        packages=("scico",),
        takes_mosaics=False,
    ),
    "menon": QualityPeer(
        title="Menon 2007 (colour-demosaicing)",
        description="Directional filtering with a posteriori decision. BSD-3.",
        packages=("colour-demosaicing",),
        takes_mosaics=True,
    ),
    "demosaicnet": QualityPeer(
        title="Gharbi 2016 (demosaicnet)",
        description="A network of 15 layers for mosaics without noise. MIT.",
        # It reads its weights by what setuptools has dropped since.
        packages=(f"torch=={metadata.version('torch').partition('+')[0]}", "demosaicnet", "setuptools<81"),
        takes_mosaics=True,
    ),
}


class PeerProcess:
    """A package's process, which is asked photo by photo and ends with this one."""

    def __init__(self, name: str, packages: tuple[str, ...]) -> None:
        self._name = name
        self._packages = packages
        self._process: subprocess.Popen[str] | None = None

    def restore(self, pixels: Pixels, sigma: float = 0.0) -> Pixels:
        """Restore a photo or a mosaic.

        Args:
            pixels: Shape: (height, width, channels), 0 to 1.
            sigma: Standard deviation of the noise, for those that have to be told.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                [str(environment_of(self._name, self._packages)), str(WORKER), self._name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        with tempfile.TemporaryDirectory() as temporary:
            given, made = Path(temporary) / "given.npy", Path(temporary) / "made.npy"
            np.save(given, pixels)
            stdin, stdout = _pipes(self._process)
            stdin.write(json.dumps({"given": str(given), "made": str(made), "sigma": float(sigma)}) + "\n")
            stdin.flush()
            if not stdout.readline():
                raise RuntimeError(f"The process of {self._name} ended; what it said stands above.")
            return np.asarray(np.load(made), np.float32)


def install_peers() -> None:
    """Let this process know the packages as classical methods."""
    BASELINES.update({name: peer.entry(name) for name, peer in QUALITY_PEERS.items() if name not in BASELINES})


def _pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout
