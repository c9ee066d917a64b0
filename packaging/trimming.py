"""What of the libraries the frozen program leaves out, and why: half a gigabyte that nothing in it uses."""

import os
import pkgutil
from fnmatch import fnmatchcase

import pygments.lexers

OPENVINO_VARIABLE = "RESIDUA_PACK_OPENVINO"
"""Environment variable; "1": OpenVINO comes along, about 98 MB beyond the room that there is."""

_UNNEEDED_MODULES = (
    # Windows of other toolkits.
    "tkinter",
    "_tkinter",
    "PyQt5",
    "PyQt6",
    "PySide2",
    # Qt modules that pyqtgraph and qtawesome only try to import; pyqtgraph cannot do without those of OpenGL.
    "PySide6.QtNetwork",
    "PySide6.QtQml",
    "PySide6.QtQuick",
    "PySide6.QtTest",
    # For developers: tests, types, packaging, notebooks.
    "IPython",
    "jedi",
    "pytest",
    "_pytest",
    "hypothesis",
    "mkdocs",
    "coverage",
    "mypy",
    "babel",
    "ot",
    "pip",
    "PyInstaller",
    "torch.utils.tensorboard",
    "tensorboard",
    "setuptools",
    # What torch would compile networks with, which nothing here asks for, and tests itself by.
    *(
        f"torch._inductor.{name}"
        for name in ("autoheuristic", "codegen", "compile_fx", "fx_passes", "kernel", "lowering")
    ),
    *(f"torch._inductor.{name}" for name in ("ir", "scheduler", "select_algorithm", "template_heuristics")),
    *(f"torch.testing._internal.common_{name}" for name in ("cuda", "device_type", "distributed", "fsdp")),
    "torch.testing._internal.common_methods_invocations",
    *(f"torch.testing._internal.common_{name}" for name in ("modules", "nn", "optimizers", "quantization", "utils")),
    *(f"torch.testing._internal.{name}" for name in ("jit_metaprogramming_utils", "hypothesis_utils", "opinfo")),
    # Graphs, which nothing here has.
    "networkx",
    # How fsspec would read over a network.
    "aiohttp",
    # A second compiled backend, slower than OpenVINO, and what would translate networks for it.
    "onnx_ir",
    "onnxruntime",
    "onnxscript",
    # Of OpenVINO, what translates networks of other libraries, and what would report to its maker.
    "openvino.tools",
    "openvino.torch",
    *(f"openvino.frontend.{name}" for name in ("jax", "onnx", "paddle", "pytorch", "tensorflow")),
    "openvino_telemetry",
    # Of onnx, what computes and tests operators.
    "onnx.backend",
    "onnx.reference",
    # The 250 languages that rich could colour; of code the command line shows none, and errors are Python's.
    *(
        f"pygments.lexers.{module.name}"
        for module in pkgutil.iter_modules(pygments.lexers.__path__)
        if module.name not in {"_mapping", "python", "special"}
    ),
    # Kept in files, not in a database.
    "sqlite3",
    "_sqlite3",
    # What development alone has installed, and libraries try to import.
    "markdown",
    "yaml",
    # Non-commercial by its licence: never bundled, even where this machine has it.
    "bm3d",
    "bm4d",
)

_UNNEEDED_FILES = (
    # torch: headers, tests, programs; torch_shm_manager is started by torch itself.
    "torch/include/*",
    "torch/test/*",
    "torch/share/*",
    "torch/bin/protoc*",
    "torch/bin/*test*",
    "torch/lib/*.a",
    "torch/lib/*test*",
    "torch/lib/libbackend_with_compiler*",
    "torch/lib/*.lib",
    "functorch/*",
    # Of OpenVINO the core, what computes on processors and what reads ONNX remain.
    *(f"openvino/libs/*openvino_{name}*" for name in ("auto", "c.", "gguf", "hetero", "intel_gpu", "intel_npu", "ir_")),
    *(f"openvino/libs/*openvino_{name}_*" for name in ("jax", "paddle", "pytorch", "tensorflow")),
    "openvino/libs/cache.json",
    # Codecs of scientific arrays, which no photo has.
    *(f"imagecodecs.libs/lib{name}*" for name in ("cpcodec", "SZ3", "SPERR", "zfp", "blosc2", "uhdr", "meshopt")),
    *(f"imagecodecs/_{name}.*" for name in ("pcodec", "sz3", "sperr", "zfp", "blosc2", "ultrahdr", "meshopt")),
    *(
        f"imagecodecs/_{name}.*"
        for name in ("aec", "apng", "bcn", "bitshuffle", "blosc", "brotli", "gif", "h5checksum")
    ),
    *(
        f"imagecodecs/_{name}.*"
        for name in ("htj2k", "lzfse", "lzham", "lzo", "pglz", "qoi", "quantize", "rcomp", "rgbe")
    ),
    *(f"imagecodecs/_{name}.*" for name in ("snappy", "spng", "szip", "zopfli")),
    *(f"imagecodecs.libs/lib{name}*" for name in ("aec", "blosc", "openjph", "snappy", "sz-", "zopfli")),
    # Of each package's metadata its version suffices: the texts of all licences are in one file.
    "*.dist-info/RECORD",
    "*.dist-info/licenses/*",
    # Parts of large libraries that neither metrics nor denoisers reach.
    "skimage/feature/*",
    "skimage/filters/rank/*",
    "skimage/morphology/*",
    *(f"skimage/data/{name}*" for name in ("cell", "chessboard", "clock", "coins", "color", "horse", "ihc", "logo")),
    *(f"skimage/data/{name}*" for name in ("micro", "moon", "motorcycle", "page", "phantom", "text")),
    "skimage/graph/*",
    "skimage/segmentation/*",
    *(f"skimage/restoration/_{name}*.so" for name in ("inpaint", "nl_means", "rolling_ball", "unwrap")),
    "scipy/cluster/*",
    "scipy/io/_fast_matrix_market/*",
    "scipy/odr/*",
    "scipy/stats/_unuran/*",
    # Qt: the platforms of embedded devices, network and its plugins, and texts of languages the window has not.
    "PySide6/Qt/plugins/platforms/libqeglfs*",
    "PySide6/Qt/plugins/platforms/libqlinuxfb*",
    "PySide6/Qt/plugins/platforms/libqvnc*",
    "PySide6/Qt/plugins/platforms/libqvkkhrdisplay*",
    "PySide6/Qt/plugins/egldeviceintegrations/*",
    # On Wayland the X11 platform runs as well, through the compositor's own X server.
    "PySide6/Qt/plugins/platforms/libqwayland*",
    "PySide6/Qt/plugins/wayland*",
    "*libQt6Wayland*",
    "*libQt6WlShell*",
    "*libQt6EglFS*",
    # GTK's looks, and what they pull in: the window has looks of its own.
    "PySide6/Qt/plugins/platformthemes/libqgtk3*",
    "libgtk-3*",
    "libgdk*",
    "libatk*",
    "libatspi*",
    "libcairo*",
    "libpango*",
    "libepoxy*",
    "libpixman*",
    "libharfbuzz*",
    "PySide6/Qt/plugins/networkinformation/*",
    "*libQt6Network*",
    "libkrb5*",
    "libgssapi*",
    "libk5crypto*",
    "libkeyutils*",
    "PySide6/Qt/plugins/tls/*",
    "PySide6/Qt/plugins/qmltooling/*",
    "PySide6/Qt/qml/*",
    "PySide6/Qt/lib/libQt6Qml*",
    "PySide6/Qt/lib/libQt6Quick*",
    "PySide6/Qt/lib/libQt6Pdf*",
    "PySide6/Qt/lib/libQt6VirtualKeyboard*",
    "PySide6/Qt/plugins/platforminputcontexts/libqtvirtualkeyboard*",
    "PySide6/Qt/plugins/imageformats/libqpdf*",
    # Tests and pictures of libraries.
    "matplotlib/mpl-data/sample_data/*",
    "matplotlib/mpl-data/images/*",
    "matplotlib/mpl-data/fonts/afm/*",
    "matplotlib/mpl-data/fonts/pdfcorefonts/*",
    "matplotlib/mpl-data/fonts/ttf/cm*",
    "matplotlib/mpl-data/fonts/ttf/DejaVuSansMono*",
    "matplotlib/mpl-data/fonts/ttf/DejaVuSerif*",
    "matplotlib/mpl-data/fonts/ttf/STIX*",
    "skimage/data/lfw_subset*",
    "*/tests/*",
)
_KEPT_TORCH_SOURCES = (
    "torch/nn/*",
    "torch/jit/*",
    "torch/_refs/*",
    "torch/_decomp/*",
    "torch/_prims/*",
    "torch/_library/*",
    "*config*.py",
)
"""torch reads the sources of its settings, and of what it may compile; of all else the archive's bytecode suffices."""

_KEPT_TRANSLATIONS = ("qtbase_de.qm", "qtbase_en.qm")


def packs_openvino() -> bool:
    """Tell whether OpenVINO comes along; without it torch computes restorations."""
    return os.environ.get(OPENVINO_VARIABLE) == "1"


def left_out_packages() -> tuple[str, ...]:
    """Return the packages that others ask for, and that the frozen program does without."""
    return ("openvino-telemetry",) if packs_openvino() else ("openvino", "openvino-telemetry")


def unneeded_modules() -> list[str]:
    """Return the modules that PyInstaller must not follow."""
    return [*_UNNEEDED_MODULES, *(() if packs_openvino() else ("openvino",))]


def is_needed(path: str) -> bool:
    """Tell whether a file belongs into the program.

    Args:
        path: Where it would lie, below the program's folder.
    """
    path = path.replace("\\", "/")
    if "/translations/" in path and path.endswith(".qm"):
        return path.endswith(_KEPT_TRANSLATIONS)
    if path.startswith("torch/") and path.endswith(".py") and path.count("/") > 1:
        return any(fnmatchcase(path, pattern) for pattern in _KEPT_TORCH_SOURCES)
    return not any(fnmatchcase(path, pattern) for pattern in _UNNEEDED_FILES)
