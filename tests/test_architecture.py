"""Rules about the code itself: how long a module is, how full a folder, what is loaded when, what no file may name.

Who may import whom, import-linter says (`[tool.importlinter]` in pyproject.toml), in the test command.
"""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAX_FILES = 15
MAX_LINES = 600

IMPORT_ALL = """
import importlib, json, pkgutil, sys
import engine
names = [module.name for module in pkgutil.walk_packages(engine.__path__, "engine.")]
for name in names:
    importlib.import_module(name)
print(json.dumps([names, sorted(sys.modules)]))
"""

IMPORT_LIGHT = """
import importlib, json, sys
for name in {names!r}:
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""

LIGHT_MODULES = (
    "engine.contracts.configs",
    "engine.contracts.events",
    "engine.runs.records",
    "engine.runs.store",
    "engine.contracts.presets",
    "engine.comparing.metrics",
    "engine.photos.noise_estimate",
    "engine.photos.scanning",
    "engine.restoring.job",
    "engine.comparing.evaluating",
    "engine.comparing.baselines.catalogue",
    "engine.method.catalogue.backbones",
    "engine.method.catalogue.pretexts",
    "engine.method.catalogue.tasks",
    "engine.label_budget.methods",
    "engine.label_budget.workload",
    "engine.photo_files.photos",
    "engine.photos.folder",
    "engine.photos.pairs",
    "engine.jobs",
    "engine.cli.main",
)
"""What the window and the command line import before anything is asked of them."""


def python_modules() -> list[Path]:
    return [*(ROOT / "engine").rglob("*.py"), *(ROOT / "app").rglob("*.py"), ROOT / "run.py"]


def run_python(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT).stdout


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=False, cwd=ROOT)
    if listed.returncode:
        pytest.skip("needs the repository, not only its files")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_engine_knows_neither_qt_nor_the_window() -> None:
    names, loaded = json.loads(run_python(IMPORT_ALL))
    assert len(names) > 30
    foreign = ("PySide6", "shiboken6", "app", "pyqtgraph", "qdarkstyle", "qtawesome", "qtpy")
    assert [name for name in loaded if name.split(".")[0] in foreign] == []


def test_the_window_asks_for_files_without_a_fault() -> None:
    """Of a drive that is gone pathlib raises an error where `os.path` says that nothing is there.

    The engine needs both: where a job goes by the answer, it ends with the system's reason.
    """
    asking = {"exists", "is_dir", "is_file"}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.func.attr}; ask os.path"
        for path in (ROOT / "app").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in asking
        if ast.unparse(node.func.value) != "os.path"
    ]
    assert found == []


def test_what_starts_the_program_does_not_load_torch() -> None:
    loaded = json.loads(run_python(IMPORT_LIGHT.format(names=LIGHT_MODULES)))
    assert [name for name in loaded if name in ("torch", "lightning_fabric", "PySide6")] == []


def test_the_window_starts_without_the_libraries_that_take_long() -> None:
    """Each is loaded by what needs it: scipy's statistics alone take 0.75 s, of which a person sees every start."""
    pytest.importorskip("PySide6")
    loaded = json.loads(run_python(IMPORT_LIGHT.format(names=("app.studio",))))
    slow = (
        "qtpy",
        "qtawesome",
        "torch",
        "lightning_fabric",
        "scipy",
        "skimage",
        "matplotlib",
        "pywt",
        "pyqtgraph",
        "onnxruntime",
        "openvino",
    )
    assert [name for name in loaded if name in slow] == []


RESTORE_WITH_EACH_NETWORK = """
import json, sys, tempfile
from pathlib import Path
from engine import jobs
jobs.load_restoring()
from engine.contracts.configs import ComputeConfig
from engine.machine.devices import open_device
from engine.method.catalogue.backbones import BACKBONES
from engine.models.files import ModelCard, build_network, load_model, save_model
with tempfile.TemporaryDirectory() as folder, open_device(ComputeConfig(device="cpu")).autocast():
    for name in BACKBONES:
        card, path = ModelCard(name=name, backbone=name), Path(folder) / f"{name}.safetensors"
        save_model(path, build_network(card).state_dict(), card)
        load_model(path)
print(json.dumps(list(sys.modules)))
"""


def test_restoring_starts_without_what_trainings_alone_need() -> None:
    """torch's compiler, which Lightning Fabric brings along, takes more than a second that one waits for a photo.

    Some of torch's functions bring it along for a tensor without memory, which each network is at first.
    """
    loaded = json.loads(run_python(RESTORE_WITH_EACH_NETWORK))
    assert [name for name in loaded if name in ("lightning_fabric", "torch._dynamo", "sympy", "scipy")] == []


def test_modules_are_short() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in python_modules()}
    assert {str(path): length for path, length in lengths.items() if length > MAX_LINES} == {}


def test_folders_are_small_and_say_what_they_are_for() -> None:
    for package in ("engine", "app"):
        for init in (ROOT / package).rglob("__init__.py"):
            docstring = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8")))
            assert docstring, f"{init.parent.relative_to(ROOT)} says nothing of itself"
            files = list(init.parent.glob("*.py"))
            assert len(files) <= MAX_FILES, f"{init.parent.relative_to(ROOT)} holds {len(files)} files"
    folders = {path.parent for package in ("engine", "app") for path in (ROOT / package).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_the_picture_of_the_house_is_true() -> None:
    script = [sys.executable, str(ROOT / "docs" / "make_architecture.py"), "--check"]
    assert subprocess.run(script, cwd=ROOT, check=False).returncode == 0, "run docs/make_architecture.py"


def test_the_program_has_no_unfinished_marks() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplemented\b|coming soon", re.IGNORECASE)
    for path in python_modules():
        found = marks.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path.relative_to(ROOT)}: {found.group() if found else ''}"


def test_no_file_names_a_registry_or_this_machine() -> None:
    # In pieces, since this file is looked at too.
    words = (
        "pypi." + "org",
        "python" + "hosted",
        "pytorch." + "org/whl",
        "index" + "-url",
        "." + "library/",
        "/work" + "/",
    )
    forbidden = re.compile("|".join(map(re.escape, words)))
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found = forbidden.search(text)
        assert found is None, f"{path.relative_to(ROOT)} names {found.group() if found else ''}"


def package_key(requirement: str) -> str:
    """Return a package's name without version and extras, spelled as package indexes compare it."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None, requirement
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def pins_of(*locks: str) -> dict[str, str]:
    pins = {}
    for lock in locks:
        for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                continue
            assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*==[0-9][0-9A-Za-z.]*", line), f"{lock}: {line}"
            name, _, version = line.partition("==")
            assert name not in pins, f"{name} is pinned twice"
            pins[package_key(name)] = version
    return pins


def test_the_locks_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    running = pins_of("requirements.lock")
    assert {package_key(text) for text in project["dependencies"]} <= set(running)
    assert "setuptools" in running, "the program itself is built with it"
    everything = pins_of("requirements.lock", "requirements-dev.lock")
    for name, group in project["optional-dependencies"].items():
        packages = {package_key(text) for text in group}
        # BM3D's licence allows non-commercial use alone; testing tests and loaders for hours is seldom wanted.
        is_left_out = name in {"benchmark", "fuzzing", "mutation"}
        assert packages.isdisjoint(everything) if is_left_out else packages <= set(everything)
