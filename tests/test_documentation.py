"""The documentation builds without network, every command that it names works, and its examples run."""

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from tests.conftest import TinyPhotos
from tests.trust.no_network import SOCKET_CALLS, deny_network
from tests.warm_processes import run_warm

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))

NOT_RUN = {
    "residua": "opens the window: tests/engine/cli/test_cli.py, tests/test_packaging.py",
    "residua resume": "needs a training that was stopped: tests/engine/cli/test_cli.py",
    "residua evaluate bm3d": "needs a package whose licence forbids commercial use",
    "residua label-budget": "takes long: tests/engine/label_budget/test_label_budget.py",
    "residua --self-test": "tests/test_packaging.py",
    ".venv/bin/torchrun": "starts several processes: tests/engine/machine/test_process_group.py",
    "python3 run.py": "installs packages and opens the window: tests/test_run_script.py",
    "python3 run.py test": "is what runs this",
    "python3 run.py COMMAND": "stands for the commands of residua",
    "python3 run.py --help": "tests/test_run_script.py",
    ".venv/bin/residua": "is the program itself",
    ".venv/bin/pip install bm3d": "needs a network",
    ".venv/bin/python -m pip install cosmic-ray": "needs a network",
    ".venv/bin/python -m pip install atheris": "needs a network",
    ".venv/bin/python -m tests.fuzzing": "takes minutes; its short form: tests/trust/test_fuzzing.py",
    ".venv/bin/python -m tests.mutation": "takes minutes, and tests the tests",
    ".venv/bin/python -m tests.trust.what_is_kept": "writes a page: tests/trust/test_what_is_kept.py",
    ".venv/bin/python -m tests.soak": "takes minutes; its short form: tests/soak/test_soak.py",
    ".venv/bin/python packaging/build.py": "takes minutes: packaging/build.py ends with a test of its own",
    "python packaging/translations.py": "tests/app/look/test_translation.py",
}
"""Commands that this file does not run, and why."""

_COMMAND = re.compile(
    r"(?:^|`)((?:residua|python3? (?:run|packaging/\w+)\.py|\.venv/bin/\w+)(?: [^`\n]*?)?)(?:`|  |$)", re.M
)


def commands_of(page: Path) -> set[str]:
    return {match.strip().rstrip("….").strip() for match in _COMMAND.findall(page.read_text(encoding="utf-8"))}


def residua(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_every_command_is_run_here_or_has_a_reason() -> None:
    """`residua` with its first word, `run.py bench` with its name."""
    run_here = {"scan", "restore", "pretrain", "suggest-labels", "finetune", "evaluate", "export", "import", "doctor"}
    unknown = set()
    for page in PAGES:
        for command in commands_of(page):
            words = command.split()
            if words[:3] == ["python3", "run.py", "bench"]:
                name = words[3] if len(words) > 3 else "NAME"
                assert name == "NAME" or (ROOT / "tests" / "benchmarks" / f"{name}.py").is_file(), command
            elif words[0] == "residua" and len(words) > 1 and words[1] in run_here:
                continue
            elif not any(command == known or command.startswith(f"{known} ") for known in NOT_RUN):
                unknown.add(f"{page.name}: {command}")
    assert unknown == set()


@pytest.mark.slow
def test_the_commands_of_the_readme_work_in_their_order(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    noisy, clean = tiny_photos.noisy, tiny_photos.clean
    run, refined, enlarging = (tmp_path / name for name in ("run", "refined", "enlarging"))
    few = ("--steps", 2, "--crop-px", 16)
    assert "8" in residua("scan", noisy)
    residua("restore", "starter", noisy, "--out", tmp_path / "by starter")
    residua("pretrain", noisy, "--out", run, "--preset", "quick", *few)
    residua("suggest-labels", noisy, "--from", run, "-k", 5)
    residua("finetune", "--from", run, "--noisy", noisy, "--clean", clean, "--out", refined, *few)
    residua("finetune", "--from", run, "--task", "sr2", "--clean", clean, "--out", enlarging, *few)
    residua("restore", refined, noisy, "--out", tmp_path / "restored", "--strength", 0.8, "--format", "tiff")
    for name in ("model.onnx", "model.safetensors"):
        residua("export", refined, tmp_path / name)
        assert "residua restore" in residua("import", tmp_path / name)
    residua("evaluate", run, "--noisy", noisy, "--clean", clean)
    residua("evaluate", "wavelet", "--noisy", noisy, "--clean", clean)
    assert "torch" in residua("doctor")
    assert len(list((tmp_path / "restored").glob("*.tif*"))) == 8


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_runs_as_it_stands(example: Path, tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    arguments: dict[str, tuple[object, ...]] = {
        "restore_a_folder": (tiny_photos.noisy, tmp_path / "restored"),
        "learn_from_noisy_photos": (tiny_photos.noisy, tmp_path / "run", tmp_path / "restored", 2),
        "fine_tune_and_measure": (tiny_photos.noisy, tiny_photos.clean, tmp_path / "run", 2),
        "choose_what_to_label": (tiny_photos.noisy,),
    }
    done = run_warm(example, arguments[example.stem], folder=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "0 failed" in done.stdout or ("dB" in done.stdout or "photos" in done.stdout)


def test_every_example_is_named_on_the_page() -> None:
    page = (DOCS / "library.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`docs/examples/(\w+)\.py`", page)) == {example.stem for example in EXAMPLES}


def test_the_site_builds_without_network_and_no_link_leads_nowhere(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="needs mkdocs-material, which is for development alone")
    command = [sys.executable, str(ROOT / "packaging" / "documentation.py"), "--out", str(tmp_path / "site")]
    can_deny = sys.platform == "linux" and platform.machine() in SOCKET_CALLS
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=deny_network if can_deny else None
    )
    assert done.returncode == 0, done.stdout + done.stderr
    start = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="https?://(?!squidfunk)[^"]*\.(?:js|css|woff2?)', start)


def test_the_site_is_not_built_with_dead_links_or_a_page_in_no_menu(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="needs mkdocs-material, which is for development alone")
    for folder in ("packaging", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "docs" / "forgotten.md").write_text(
        "# Forgotten\n\n[no page](nowhere.md) [no heading](method.md#no-such-heading)\n", encoding="utf-8"
    )
    command = [sys.executable, str(tmp_path / "packaging" / "documentation.py"), "--out", str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Aborted with 3 warnings" in done.stdout + done.stderr


def test_files_that_the_readme_links_to_are_there() -> None:
    for link in re.findall(r"\]\(([^)#\s]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert (ROOT / link).exists(), link


def test_the_tests_that_keep_a_promise_are_there() -> None:
    promises = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?", promises)
    assert len(named) > 20
    missing = [
        (path, name)
        for path, name in named
        if not (ROOT / path).is_file() or f"def {name}" not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert missing == []
