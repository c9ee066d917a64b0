"""A network outside of torch: OpenVINO, the fastest on processors, and onnxruntime, which runs nearly everywhere.

Both are optional and imported only when they are asked for: by name at run time rather than by a statement, so that
what packs the program carries along the one that it is told to, and of that no more than this needs.
"""

import importlib
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.contracts.configs import BackendName
from engine.machine.devices import num_cpu_threads
from engine.method.backbones.backbone import RestorationNetwork

_MOST_SHAPES = 4
"""A graph for one size is up to 1.5 times as quick as one for all (OpenVINO, measured), but takes a second to make."""


class CompiledNetwork(ABC):
    """A network that another library computes on the processor.

    Attributes:
        name: Of the library.
    """

    name: ClassVar[BackendName]

    def __init__(self, network: RestorationNetwork) -> None:
        self._alignment_px = network.alignment_px

    def restore(self, noisy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the network.

        Nothing is added here to sides that do not fit: at the end of a picture a network sees whatever is added, and
        takes a repeated edge for texture.

        Args:
            noisy: Sides that are multiples of the network's alignment. Shape: (1, channels, height, width), 0 to 1.

        Returns:
            As of the network itself. Shape: (1, 3, scale * height, scale * width).

        Raises:
            ValueError: The sides are no such multiples.
            RuntimeError: The library failed, or memory did not suffice.
        """
        height, width = noisy.shape[2:]
        if height % self._alignment_px or width % self._alignment_px:
            raise ValueError(f"sides of {width} x {height}; they must be multiples of {self._alignment_px}")
        return self._infer(np.ascontiguousarray(noisy))

    @abstractmethod
    def _infer(self, noisy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute sides that are multiples of the network's alignment."""


class OpenVinoNetwork(CompiledNetwork):
    """Computed by OpenVINO, in half precision where that is asked for."""

    name = "openvino"

    def __init__(self, network: RestorationNetwork, graph: Path, *, is_half: bool) -> None:
        """Read an exported network.

        Args:
            network: What was exported.
            graph: As `export_graph` wrote it.
            is_half: Whether it computes in bfloat16.

        Raises:
            ImportError: OpenVINO is not installed, or not for this machine.
            RuntimeError: It cannot read the network.
        """
        super().__init__(network)
        # When it is imported it reports to its maker through this package, in a process of its own; without the package
        # it goes on in silence.
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
        openvino = importlib.import_module("openvino")
        self._core: Any = openvino.Core()
        self._graph: Any = self._core.read_model(graph)
        self._options = {
            "INFERENCE_PRECISION_HINT": "bf16" if is_half else "f32",
            "INFERENCE_NUM_THREADS": num_cpu_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._requests: dict[tuple[int, ...], Any] = {}
        self._request_for_any_size: Any = None
        self._last_shape: tuple[int, ...] = ()

    def _infer(self, noisy: NDArray[np.float32]) -> NDArray[np.float32]:
        # A copy: the library writes the next result into the same memory.
        return np.array(self._request_for(noisy.shape).infer([noisy], share_inputs=True)[0], np.float32)

    def _request_for(self, shape: tuple[int, ...]) -> Any:
        """What computes a size: a graph of its own, unless many sizes come by once each, as photos of a web folder."""
        request = self._requests.pop(shape, None)
        is_repeated, self._last_shape = shape == self._last_shape, shape
        if request is None and len(self._requests) >= _MOST_SHAPES and not is_repeated:
            if self._request_for_any_size is None:
                self._request_for_any_size = self._compile(self._graph)
            return self._request_for_any_size
        if request is None:
            while len(self._requests) >= _MOST_SHAPES:
                del self._requests[next(iter(self._requests))]
            graph = self._graph.clone()
            graph.reshape(list(shape))
            request = self._compile(graph)
        # Last again: the first of them is the one that was used longest ago.
        self._requests[shape] = request
        return request

    def _compile(self, graph: Any) -> Any:
        return self._core.compile_model(graph, "CPU", self._options).create_infer_request()


class OnnxRuntimeNetwork(CompiledNetwork):
    """Computed by onnxruntime, in single precision: it knows no other on processors."""

    name = "onnxruntime"

    def __init__(self, network: RestorationNetwork, graph: Path) -> None:
        """Read an exported network.

        Args:
            network: What was exported.
            graph: As `export_graph` wrote it.

        Raises:
            ImportError: onnxruntime is not installed, or not for this machine.
            RuntimeError: It cannot read the network.
        """
        super().__init__(network)
        onnxruntime = importlib.import_module("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_cpu_threads()
        options.log_severity_level = 4
        # Beside another busy process threads that spin would halve the speed.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def _infer(self, noisy: NDArray[np.float32]) -> NDArray[np.float32]:
        result: NDArray[np.float32] = self._session.run(None, {self._input: noisy})[0]
        return result
