"""What the frozen program is made of; making it takes minutes and is done by `packaging/build.py`."""

import configparser
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QMimeDatabase

from engine.photo_files.formats import IMAGE_SUFFIXES, PHONE_SUFFIXES, RAW_SUFFIXES

ROOT = Path(__file__).resolve().parents[1]
PACKAGING = ROOT / "packaging"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PACKAGING))


@pytest.mark.parametrize(
    ("path", "is_kept"),
    [
        ("torch/lib/libtorch_cpu.so", True),
        ("torch/bin/torch_shm_manager", True),
        ("torch/include/torch/torch.h", False),
        ("torch/functional.py", True),
        ("torch/nn/functional.py", True),
        ("torch/distributed/config.py", True),
        ("torch/distributed/rpc/api.py", False),
        ("torch/test/test_cpp", False),
        ("openvino/libs/libopenvino.so.2641", True),
        ("openvino/libs/libopenvino_intel_cpu_plugin.so", True),
        ("openvino/libs/libopenvino_onnx_frontend.so.2641", True),
        ("openvino/libs/openvino_onnx_frontend.dll", True),
        ("openvino/libs/libtbb.so.12", True),
        ("openvino/libs/libopenvino_intel_gpu_plugin.so", False),
        ("openvino\\libs\\openvino_intel_npu_plugin.dll", False),
        ("openvino/libs/libopenvino_auto_batch_plugin.so", False),
        ("openvino/libs/libopenvino_c.so.2641", False),
        ("openvino/libs/libopenvino_tensorflow_lite_frontend.so.2641", False),
        ("PySide6/Qt/translations/qtbase_de.qm", True),
        ("PySide6/Qt/translations/qtbase_fr.qm", False),
        ("PySide6\\Qt\\translations\\qtbase_fr.qm", False),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", True),
        ("PySide6/Qt/plugins/platforms/libqoffscreen.so", True),
        ("PySide6/Qt/plugins/platforms/libqeglfs.so", False),
        ("skimage/data/astronaut.png", True),
        ("assets/translations/de/LC_MESSAGES/residua.mo", True),
    ],
)
def test_what_is_left_out(scripts: None, path: str, is_kept: bool) -> None:
    from trimming import is_needed

    assert is_needed(path) == is_kept


def test_every_package_of_the_lock_is_listed_with_its_licence(scripts: None, tmp_path: Path) -> None:
    from licences import write_licences

    packages = {package.name.lower().replace("_", "-"): package for package in write_licences(tmp_path / "list.json")}
    for needed in ("residua", "torch", "numpy", "pyside6-essentials", "opencv-python-headless", "rawpy", "python"):
        assert packages[needed].text, needed
        assert packages[needed].licence, needed


def test_nothing_that_forbids_commercial_use_is_bundled(scripts: None, tmp_path: Path) -> None:
    from licences import runtime_packages
    from trimming import unneeded_modules

    assert "bm3d" not in runtime_packages()
    assert "bm3d" in unneeded_modules()


@pytest.mark.parametrize("with_openvino", [False, True])
def test_nothing_that_reports_to_its_maker_is_bundled(
    scripts: None, monkeypatch: pytest.MonkeyPatch, with_openvino: bool
) -> None:
    from trimming import OPENVINO_VARIABLE, left_out_packages, unneeded_modules

    monkeypatch.setenv(OPENVINO_VARIABLE, str(int(with_openvino)))
    assert ("openvino" in left_out_packages()) is not with_openvino
    assert ("openvino" in unneeded_modules()) is not with_openvino
    assert "openvino-telemetry" in left_out_packages()
    assert "openvino_telemetry" in unneeded_modules()


def test_desktop_entry_and_file_types_are_well_formed() -> None:
    entry = configparser.ConfigParser(interpolation=None, strict=True)
    entry.optionxform = str  # type: ignore[assignment,method-assign]
    entry.read(PACKAGING / "residua.desktop", encoding="utf-8")
    desktop = entry["Desktop Entry"]
    assert desktop["Exec"] == "residua-studio %F"
    own_type = "application/x-residua-model"
    assert own_type in desktop["MimeType"].split(";")
    types = ElementTree.parse(PACKAGING / "residua.mime.xml").getroot()
    assert [element.get("type") for element in types] == [own_type]


def test_desktops_offer_residua_for_every_kind_of_photo_that_it_reads() -> None:
    entry = configparser.ConfigParser(interpolation=None, strict=True)
    entry.optionxform = str  # type: ignore[assignment,method-assign]
    entry.read(PACKAGING / "residua.desktop", encoding="utf-8")
    offered = set(entry["Desktop Entry"]["MimeType"].split(";"))
    known = {
        suffix: QMimeDatabase().mimeTypeForFile(f"photo{suffix}", QMimeDatabase.MatchMode.MatchExtension)
        for suffix in IMAGE_SUFFIXES | PHONE_SUFFIXES | RAW_SUFFIXES
    }
    # A type that KDE adds stands for several rare makers; what it is a kind of is offered.
    names = {
        suffix: {kind.name(), *kind.aliases()} if kind.name() != "image/x-kde-raw" else set(kind.allAncestors())
        for suffix, kind in known.items()
        if not kind.isDefault()
    }
    assert {".jpg", ".tif", ".heic", ".dng", ".nef", ".cr3", ".raf", ".orf", ".rw2", ".pef", ".arw"} <= names.keys()
    assert {suffix for suffix, types in names.items() if not types & offered} == set()


@pytest.mark.slow
def test_self_test_goes_through_every_part(tmp_path: Path) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "RESIDUA_DATA": str(tmp_path / "data")}
    command = [sys.executable, "-P", "-m", "engine.cli", "--self-test"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split(":")[0] for line in lines] == [
        "ok  Versions",
        "ok  Raw files' reader",
        "ok  Restoring",
        "ok  Restoring by another library",
        "ok  Classical methods",
        "ok  Training",
        "ok  Models for other programs",
        "ok  Window",
    ]
    assert not (tmp_path / "data").exists(), "it leaves the person's folders alone"


def test_the_ci_job_tests_and_freezes_on_three_systems() -> None:
    """The definition is read as its service would; that it runs there cannot be shown here."""
    yaml = pytest.importorskip("yaml", reason="comes with mkdocs, which is for development alone")
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert set(jobs) == {"test", "coverage", "freeze"}
    systems = {"ubuntu-latest", "windows-latest", "macos-latest"}
    assert set(jobs["test"]["strategy"]["matrix"]["os"]) == systems
    assert {row["os"] for row in jobs["freeze"]["strategy"]["matrix"]["include"]} == systems
    assert jobs["freeze"]["needs"] == "test"
    steps = [step for job in jobs.values() for step in job["steps"]]
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    for step in steps:
        if "setup-python" in step.get("uses", ""):
            assert oldest == f">={step['with']['python-version']}"
    commands = [step["run"].split() for step in steps if "run" in step]
    assert ["python", "run.py", "test"] in commands
    assert ["python", "run.py", "coverage"] in commands
    scripts = [word for command in commands for word in command if word.endswith(".py")]
    assert "packaging/build.py" in scripts
    assert all((ROOT / script).is_file() for script in scripts)


def test_the_templates_of_pages_come_along() -> None:
    """In the wheel; the frozen program writes a page in its self-test."""
    templates = sorted(file.relative_to(ROOT) for file in (ROOT / "engine").rglob("*.html"))
    assert templates
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    patterns = settings["package-data"]["*"]
    for template in templates:
        assert any(template.match(pattern) for pattern in patterns), template
        assert (ROOT / template.parent / "__init__.py").is_file(), "package data belongs to a package"
