"""Which library computes a network on this machine: found by a short measurement, checked for its result."""

import hashlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.contracts.configs import BackendChoice, BackendName
from engine.machine.atomic_files import write_bytes_atomically
from engine.machine.devices import ComputeDevice, best_precision, num_cpu_threads
from engine.machine.json_files import read_json_object
from engine.machine.places import Place
from engine.method.backbones.backbone import RestorationNetwork
from engine.models.export_form import FORM_VERSION, export_graph
from engine.photo_files.raw.demosaicking import bayer_mosaic
from engine.restoring.backends.compiled_network import CompiledNetwork, OnnxRuntimeNetwork, OpenVinoNetwork
from engine.translatable import say

COMPILED: tuple[BackendName, ...] = ("openvino", "onnxruntime")

SINGLE_PRECISION_TOLERANCE_DB = 0.02
HALF_PRECISION_TOLERANCE_DB = 0.05
"""How far the PSNR of a result may be from torch's in single precision; in half precision, how much further than
torch's own is."""

SINGLE_PRECISION_BORDER_TOLERANCE = 0.1 / 255
HALF_PRECISION_BORDER_TOLERANCE = 0.6 / 255
"""How far, root mean square, a result may be from torch's in single precision along any one border."""

LEAST_MEGAPIXELS = 4.0
"""Below it, measuring which library is the quickest takes longer than it can save: torch computes."""

LEAST_KNOWN_MEGAPIXELS = 1.0
"""Likewise where that is known from before: a library's loading alone then has to be made up for. One JPEG of 3
megapixels took 4.6 s by OpenVINO and 7.0 s by torch, program start included, one of 1 megapixel 3.6 and 3.9 s."""

_PROBE_PX = 256
_PROBE_NOISE = 0.05
_BORDER_PX = 16
_NUM_TIMED_CALLS = 2
_MAX_RECORD_BYTES = 2**16

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Backend:
    """What computes a network.

    Attributes:
        name: Of the library.
        network: The network in it; None: torch computes the network itself.
        is_half: Whether it computes in half precision; of torch the device knows that.
        seconds_per_megapixel: What was measured of each library, without the overlap of tiles; empty if nothing was.
        failed: Why the others do not come into question, by name.
    """

    name: BackendName = "torch"
    network: CompiledNetwork | None = None
    is_half: bool = False
    seconds_per_megapixel: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def choose_backend(
    network: RestorationNetwork,
    device: ComputeDevice,
    asked: BackendChoice,
    *,
    megapixels: float,
    cache: Path | None = None,
) -> Backend:
    """Choose what computes a network: the quickest whose result is that of torch.

    Args:
        network: In evaluation mode, on the CPU.
        device: What torch would compute on; on a graphics card it does.
        asked: "auto", or the library that a person wants; where it does not serve, torch does.
        megapixels: How much there is to do.
        cache: Folder for exported networks and choices; None: in the data folder.
    """
    if device.name != "cpu" or asked == "torch" or (asked == "auto" and megapixels < LEAST_KNOWN_MEGAPIXELS):
        return Backend()
    folder = cache or Place.BACKENDS.path()
    key = _key(network, device)
    record = folder / f"{key}.json"
    known = _read(record)
    if known is None and asked == "auto" and megapixels < LEAST_MEGAPIXELS:
        return Backend()
    wanted = known.name if known is not None and asked == "auto" else asked
    if known is not None and wanted == "torch":
        return known
    chooser = _Chooser(network, device, folder / f"{key}.onnx")
    if wanted != "auto":
        return chooser.only(wanted, known or Backend())
    chosen = chooser.quickest()
    _write(record, chosen)
    return chosen


def count_choices(cache: Path | None = None) -> Counter[str]:
    """For how many models each library is remembered as the quickest.

    Args:
        cache: As for `choose_backend`.
    """
    folder = cache or Place.BACKENDS.path()
    records = folder.glob("*.json") if os.path.isdir(folder) else ()
    known = map(_read, records)
    return Counter(backend.name for backend in known if backend is not None)


class _Chooser:
    """Tries the libraries on a probe: a synthetic picture whose noise is known."""

    def __init__(self, network: RestorationNetwork, device: ComputeDevice, graph: Path) -> None:
        self._network = network
        self._device = device
        self._graph = graph
        self._clean, self._noisy = _probe(network)

    def only(self, name: BackendName, known: Backend) -> Backend:
        """The library of a name, or torch."""
        failed = dict(known.failed)
        is_half = known.is_half if known.name == name else name == "openvino" and self._is_half_quick
        compiled = self._prepared(name, is_half, failed)
        if compiled is None:
            return Backend(seconds_per_megapixel=known.seconds_per_megapixel, failed=failed)
        return replace(known, name=name, network=compiled, is_half=is_half)

    def quickest(self) -> Backend:
        """The quickest of all, each in the precisions that it knows."""
        failed: dict[str, str] = {}
        seconds = {"torch": self._seconds(self._with_torch)}
        best = Backend()
        for name in COMPILED:
            halves = (False, True) if name == "openvino" and self._device.precision == "bf16-mixed" else (False,)
            for is_half in halves:
                compiled = self._prepared(name, is_half, failed)
                if compiled is None:
                    continue
                taken = self._seconds(lambda used=compiled: used.restore(self._noisy))  # type: ignore[misc]
                if taken < seconds[best.name]:
                    best = Backend(name=name, network=compiled, is_half=is_half)
                seconds[name] = min(taken, seconds.get(name, taken))
        # What serves in one precision serves.
        failed = {name: reason for name, reason in failed.items() if name not in seconds}
        per_megapixel = {name: value / (_PROBE_PX**2 / 1e6) for name, value in seconds.items()}
        _log.info("%s is the quickest of %s", best.name, per_megapixel)
        return replace(best, seconds_per_megapixel=per_megapixel, failed=failed)

    @property
    def _is_half_quick(self) -> bool:
        return self._device.precision == "bf16-mixed" and best_precision(self._device.name) == "bf16-mixed"

    def _prepared(self, name: BackendName, is_half: bool, failed: dict[str, str]) -> CompiledNetwork | None:
        """The network in a library, its result checked; None, with the reason in `failed`, where it does not serve."""
        try:
            compiled = self._compiled(name, is_half)
            restored = compiled.restore(self._noisy)
            difference = abs(self._psnr(restored) - self._psnr(self._reference))
            border_difference = _border_difference(restored, self._reference)
        # What is installed may be broken or old, in as many ways as there are machines: torch does the same work.
        except (ImportError, RuntimeError, TypeError, ValueError, OSError, AttributeError, MemoryError) as error:
            failed[name] = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
            _log.info("%s does not serve: %s", name, failed[name])
            return None
        # Half precision costs torch, which would do it else, as much: that is no fault of the library's.
        tolerance = HALF_PRECISION_TOLERANCE_DB + self._cost_of_half if is_half else SINGLE_PRECISION_TOLERANCE_DB
        border_tolerance = HALF_PRECISION_BORDER_TOLERANCE if is_half else SINGLE_PRECISION_BORDER_TOLERANCE
        # Written so that a result that is no number does not pass.
        if not difference <= tolerance:
            failed[name] = say("Its result differs by {difference:.3f} dB", difference=difference)
        elif not border_difference <= border_tolerance:
            failed[name] = say(
                "Its result differs by {difference:.1f} of 255 along a border", difference=255 * border_difference
            )
        else:
            return compiled
        _log.info("%s does not serve: %s", name, failed[name])
        return None

    def _compiled(self, name: BackendName, is_half: bool) -> CompiledNetwork:
        version = metadata.version(name)
        _log.debug("trying %s %s", name, version)
        if not self._graph.is_file():
            self._graph.parent.mkdir(parents=True, exist_ok=True)
            export_graph(self._network, self._graph)
        if name == "openvino":
            return OpenVinoNetwork(self._network, self._graph, is_half=is_half)
        return OnnxRuntimeNetwork(self._network, self._graph)

    @cached_property
    def _reference(self) -> NDArray[np.float32]:
        """What torch makes of the probe in single precision."""
        with torch.inference_mode():
            restored: NDArray[np.float32] = self._network(torch.from_numpy(self._noisy)).numpy()
        return restored

    @cached_property
    def _cost_of_half(self) -> float:
        """How far torch's own result in half precision is from that in single precision, dB."""
        return abs(self._psnr(self._with_torch().float().numpy()) - self._psnr(self._reference))

    @torch.inference_mode()
    def _with_torch(self) -> torch.Tensor:
        noisy = torch.from_numpy(self._noisy).contiguous(memory_format=torch.channels_last)
        with self._device.autocast():
            restored: torch.Tensor = self._network(noisy)
        return restored

    def _psnr(self, restored: NDArray[np.float32]) -> float:
        return float(-10 * np.log10(np.mean(np.square(restored - self._clean, dtype=np.float64))))

    @staticmethod
    def _seconds(call: Callable[[], object]) -> float:
        call()
        figures = []
        for _ in range(_NUM_TIMED_CALLS):
            started = time.perf_counter()
            call()
            figures.append(time.perf_counter() - started)
        return min(figures)


def _probe(network: RestorationNetwork) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A clean picture at the size of the result, and what the network gets of it; batches of one, channels first."""
    side = _PROBE_PX * network.scale
    rows, columns = np.mgrid[0:side, 0:side] / side
    waves = [0.5 + 0.3 * np.sin(9 * (columns + shift) + 5 * rows**2 + shift) for shift in range(3)]
    clean = np.stack(waves, axis=2).astype(np.float32)
    clean[side // 4 : side // 2, side // 3 : side // 2] *= 0.5
    scale = network.scale
    small = clean.reshape(_PROBE_PX, scale, _PROBE_PX, scale, 3).mean(axis=(1, 3))
    noise = np.random.default_rng(0).normal(0, _PROBE_NOISE, small.shape)
    noisy = np.clip(small + noise, 0, 1).astype(np.float32)
    if network.input_channels == 1:
        noisy = bayer_mosaic(noisy)
    return _as_batch(clean), _as_batch(noisy)


def _border_difference(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """The root mean square of the difference along that border where it is greatest; batches, channels first."""
    squares = np.square(found - wanted, dtype=np.float64)
    borders = (
        squares[:, :, :_BORDER_PX],
        squares[:, :, -_BORDER_PX:],
        squares[..., :_BORDER_PX],
        squares[..., -_BORDER_PX:],
    )
    # Of a numpy array, so that what is no number stays one.
    return float(np.sqrt(np.max([border.mean() for border in borders])))


def _as_batch(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[np.newaxis])


def _key(network: RestorationNetwork, device: ComputeDevice) -> str:
    """What the choice depends on: the weights, their form as a graph, the libraries, the machine."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    versions = {name: installed_version(name) for name in ("torch", *COMPILED)}
    machine = (torch.backends.cpu.get_cpu_capability(), sorted(torch.cpu.get_capabilities().items()), num_cpu_threads())
    kind = (FORM_VERSION, network.scale, network.input_channels)
    digest.update(repr((versions, machine, device.precision, kind)).encode())
    return digest.hexdigest()[:24]


def installed_version(name: str) -> str:
    """A package's version, without importing it; empty where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _read(record: Path) -> Backend | None:
    try:
        stored = read_json_object(record, _MAX_RECORD_BYTES)
        name = stored["name"]
        is_half = bool(stored["is_half"])
        figures = {str(key): float(value) for key, value in stored["seconds_per_megapixel"].items()}
        failed = {str(key): str(value) for key, value in stored["failed"].items()}
    # None yet, or one that something else has written into: it is measured again.
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    if name not in ("torch", *COMPILED):
        return None
    return Backend(name=name, is_half=is_half, seconds_per_megapixel=figures, failed=failed)


def _write(record: Path, chosen: Backend) -> None:
    stored = {
        "name": chosen.name,
        "is_half": chosen.is_half,
        "seconds_per_megapixel": chosen.seconds_per_megapixel,
        "failed": chosen.failed,
    }
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(record, json.dumps(stored, indent=1).encode())
    except OSError as error:
        _log.info("the choice of a backend cannot be remembered: %s", error)
