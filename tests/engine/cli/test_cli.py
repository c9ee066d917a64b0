"""The command line: what it accepts, what it says, and how it ends."""

import errno
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import tifffile
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from engine import __version__
from engine.cli.boundary import CommandLine
from engine.cli.main import app
from engine.cli.options import find_run_or_model
from engine.cli.reporting import phrase_duration, to_json
from engine.contracts.configs import EvaluateConfig, FinetuneConfig, JobConfig, PretrainConfig, RestoreConfig
from engine.contracts.errors import InvalidInputError
from engine.models.files import read_card
from engine.photo_files.metadata.provenance import read_provenance
from engine.photo_files.photos import probe_image
from engine.runs.store import RunStore
from tests.conftest import TinyPhotos
from tests.engine.restoring.test_restoring import make_photo
from tests.warm_processes import run_warm, start_warm

COMMANDS = {
    *("scan", "pretrain", "finetune", "resume", "restore", "evaluate", "suggest-labels", "label-budget", "doctor"),
    *("export", "import"),
}


def residua(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engine.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


def residua_warm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The same in a process that has loaded torch already."""
    return run_warm("engine.cli", arguments)


def last_object(stdout: str) -> dict[str, Any]:
    fields = json.loads(stdout.splitlines()[-1])
    assert isinstance(fields, dict)
    return fields


def test_the_parser_starts_without_heavy_libraries() -> None:
    program = (
        "import sys; from typer.testing import CliRunner; from engine.cli.main import app\n"
        "assert CliRunner().invoke(app, ['pretrain', '--help']).exit_code == 0\n"
        "print([m for m in ('torch', 'lightning_fabric', 'skimage', 'cv2', 'PySide6', 'app') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"residua {__version__}\n")


def options_of(command: str) -> dict[str, set[str]]:
    parsed = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    return {parameter.name: {*parameter.opts, *parameter.secondary_opts} for parameter in parsed.params}


def test_all_commands_are_there_and_take_json() -> None:
    assert set(typer.main.get_command(app).commands) == COMMANDS  # type: ignore[attr-defined]
    for command in COMMANDS:
        assert any("--json" in flags for flags in options_of(command).values()), command


@pytest.mark.parametrize(
    ("command", "model", "renamed"),
    [
        ("pretrain", PretrainConfig, {"photos": "folders"}),
        ("finetune", FinetuneConfig, {}),
        ("restore", RestoreConfig, {}),
        ("evaluate", EvaluateConfig, {"model": "method", "baseline": "method"}),
    ],
)
def test_every_setting_has_an_option(command: str, model: type[JobConfig], renamed: dict[str, str]) -> None:
    options = options_of(command)
    assert {renamed.get(name, name) for name in model.model_fields} <= set(options)


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["scan"],
        ["pretrain"],
        ["pretrain", "photos", "--crop-px", "33"],
        ["pretrain", "photos", "--steps", "0"],
        ["pretrain", "photos", "--preset", "slow"],
        ["pretrain", "photos", "--learning-rate", "0"],
        ["pretrain", "photos", "--pretext-params", "temperature"],
        ["finetune", "--noisy", "photos", "--clean", "photos"],
        ["restore", "model", "photos"],
        ["restore", "model", "photos", "--out", "out", "--beside"],
        ["restore", "model", "photos", "--out", "out", "--tile", "big"],
        ["restore", "model", "photos", "--out", "out", "--strength", "2"],
        ["restore", "model", "photos", "--out", "out", "--detail", "1.5"],
        ["restore", "model", "photos", "--out", "out", "--own-blends", "photos/a.png=0.5 1"],
        ["restore", "model", "photos", "--out", "out", "--format", "gif"],
        ["evaluate", "model", "--noisy", "photos"],
    ],
)
def test_wrong_usage_is_told_before_anything_runs(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["pretrain", "photos", "--steps", "0"], "--steps"),
        (["restore", "model", "photos"], "--out"),
        (["scan"], "FOLDER"),
        (["scan", "photos", "--bogus"], "--bogus"),
        (["fly"], "fly"),
    ],
)
def test_a_script_is_told_of_wrong_usage_too(arguments: list[str], error: str) -> None:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 2
    fields = last_object(result.stdout)
    assert fields["status"] == "failed"
    assert error in fields["error"]
    assert "Usage:" in result.stderr


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (InvalidInputError("It is not there.", "Look elsewhere."), ("failed", "It is not there.", "Look elsewhere.")),
        (OSError("the disk is odd"), ("failed", "the disk is odd", "")),
        (KeyboardInterrupt(), ("cancelled", None, None)),
    ],
)
def test_what_ends_a_command_outside_a_job_has_its_code_and_object(
    error: BaseException, fields: tuple[str | None, ...]
) -> None:
    commands = typer.Typer(cls=CommandLine, pretty_exceptions_enable=False)
    commands.callback()(lambda: None)

    @commands.command()
    def fail(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
        raise error

    for extra in ([], ["--json"]):
        result = CliRunner().invoke(commands, ["fail", *extra])
        assert result.exit_code == (130 if fields[0] == "cancelled" else 3)
    told = last_object(result.stdout)
    assert tuple(map(told.get, ("status", "error", "hint"))) == fields


@pytest.mark.parametrize(
    "arguments",
    [
        ["restore", "LONG", "PHOTO", "--out", "OUT"],
        ["restore", "starter", "LONG", "--beside"],
        ["resume", "LONG"],
        ["evaluate", "LONG", "--noisy", "PHOTO", "--clean", "PHOTO"],
        ["export", "LONG", "OUT"],
        ["export", "starter", "LONG"],
        ["import", "LONG"],
        ["label-budget", "PHOTO", "--clean", "CLEAN", "--out", "LONG"],
    ],
)
@pytest.mark.usefixtures("starters", "user_data")
def test_a_path_that_no_file_system_takes_is_told(
    arguments: list[str], tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    photos = {"PHOTO": str(tiny_photos.noisy), "CLEAN": str(tiny_photos.clean)}
    places = {**photos, "LONG": "a" * 300, "OUT": str(tmp_path / "out")}
    result = in_process(*(places.get(word, word) for word in arguments))
    assert result.exit_code == 3
    assert "File name too long" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_failed_job_says_what_to_do(tmp_path: Path) -> None:
    said = residua("scan", tmp_path / "missing")
    assert said.returncode == 3
    assert "is not there" in said.stderr
    assert "Traceback" not in said.stderr
    as_json = residua("scan", tmp_path / "missing", "--json")
    assert as_json.returncode == 3
    fields = last_object(as_json.stdout)
    assert fields["status"] == "failed"
    assert fields["error"]
    assert fields["hint"]


def test_scan_reports_photos_and_skipped_files(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no photo")
    done = residua("scan", tiny_photos.noisy, tmp_path, "--json")
    assert done.returncode == 1
    fields = last_object(done.stdout)
    assert len(fields["photos"]) == 8
    assert all(photo["noise_sigma"] > 0 for photo in fields["photos"])
    assert {photo["noise_doubt"] for photo in fields["photos"]} == {"small"}
    said = residua("scan", tiny_photos.noisy).stdout
    assert said.count("(uncertain: the photo is too small to tell noise from picture)") == 8
    assert [Path(skipped["path"]).name for skipped in fields["skipped"]] == ["broken.png"]
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"StepDone", "FileSkipped"} <= {event["event"] for event in events}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are text")
@pytest.mark.parametrize("as_json", [True, False])
def test_file_names_that_are_no_text_are_reported(tmp_path: Path, as_json: bool) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9 \xe2\x86\x92.png")).write_bytes(b"no photo")
    done = residua("scan", tmp_path, *(["--json"] if as_json else []), PYTHONIOENCODING="ascii:strict")
    assert done.returncode in (1, 3)
    assert "Traceback" not in done.stderr
    assert "caf" in done.stderr


@pytest.fixture
def unread_pipe() -> Iterator[int]:
    """The end for writing of a pipe whose reader has gone, as after `| head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def test_a_batch_goes_on_when_nobody_follows_it(tiny_photos: TinyPhotos, tmp_path: Path, unread_pipe: int) -> None:
    command = [sys.executable, "-m", "engine.cli", "restore", "starter", tiny_photos.noisy, "--out", tmp_path, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=unread_pipe, text=True, timeout=120, check=False)
    assert done.returncode == 0
    fields = last_object(done.stdout)
    assert (len(fields["restored"]), fields["failed"]) == (8, [])


def test_a_failure_that_nobody_hears_has_its_exit_code(tmp_path: Path, unread_pipe: int) -> None:
    command = [sys.executable, "-m", "engine.cli", "scan", tmp_path / "missing"]
    assert subprocess.run(command, stderr=unread_pipe, timeout=120, check=False).returncode == 3


def test_a_result_of_which_the_beginning_is_read_is_a_result(tiny_photos: TinyPhotos, unread_pipe: int) -> None:
    command = [sys.executable, "-m", "engine.cli", "scan", "--no-estimate-noise", tiny_photos.noisy]
    done = subprocess.run(command, stdout=unread_pipe, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no file is always full")
def test_a_result_that_cannot_be_written_is_told(tiny_photos: TinyPhotos) -> None:
    command = [sys.executable, "-m", "engine.cli", "scan", "--no-estimate-noise", tiny_photos.noisy]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1] == "The result cannot be written: No space left on device."


@pytest.mark.skipif(sys.platform == "win32", reason="its shells close no output")
def test_a_program_without_output_does_its_work(tiny_photos: TinyPhotos) -> None:
    command = [sys.executable, "-m", "engine.cli", "scan", "--no-estimate-noise", tiny_photos.noisy]
    started = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command]
    assert subprocess.run(started, timeout=120, check=False).returncode == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["pipe.png", "pipe.tif"])
def test_a_pipe_among_photos_holds_nothing_up(name: str, tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    """In a process of its own, which ends with an error where it would wait for ever."""
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(tiny_photos.noisy / "photo 0.png", photos)
    os.mkfifo(photos / name)
    for arguments in (["scan", photos], ["restore", "starter", photos, "--out", tmp_path / "out"]):
        done = residua(*arguments, "--json")
        assert done.returncode == 1
        fields = last_object(done.stdout)
        (told,) = fields.get("skipped", fields.get("failed"))
        assert "device or pipe" in told["reason"]


def test_the_first_interrupt_saves_and_the_run_can_be_resumed(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = ["--preset", "quick", "--steps", "100000", "--backbone-params", "width=8", "--device", "cpu"]
    code, fields, _ = interrupt_training(["pretrain", str(tiny_photos.noisy), *settings, "--out", str(run)])
    assert code == 130
    assert fields["status"] == "stopped"
    assert fields["run"] == str(run)
    assert fields["steps"] >= 1
    code, again, first_step = interrupt_training(["resume", str(run)])
    assert code == 130
    assert first_step == fields["steps"]
    assert again["steps"] > fields["steps"]


def interrupt_training(arguments: list[str], number: int = signal.SIGINT) -> tuple[int, dict[str, Any], int]:
    """Start a training, end it after a few steps by a signal; return its exit code, its object and its first step."""
    process = start_warm("engine.cli", [*arguments, "--json"])
    first_step = -1
    for line in process.stderr:
        event = json.loads(line)
        if event["event"] == "RunStarted":
            first_step = event["first_step"]
        if event["event"] == "StepDone" and event["stage"] == "Pretraining" and event["step"] > first_step:
            process.send_signal(number)
            break
    stdout, _ = process.communicate(timeout=60)
    return process.wait(), last_object(stdout), first_step


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_without_a_display_the_window_gives_a_sentence() -> None:
    environment = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
    program = "import os; os.environ.pop('QT_QPA_PLATFORM', None); import engine.cli.main; engine.cli.main.main()"
    refused = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert refused.returncode == 3
    assert "There is no display." in refused.stderr
    assert "Traceback" not in refused.stderr


def test_doctor_names_device_versions_and_folder(user_data: Path) -> None:
    fields = last_object(residua_warm("doctor", "--json").stdout)
    assert fields["residua"] == __version__
    assert fields["device"] in fields["devices"]
    assert fields["versions"]["torch"]
    assert fields["runs_folder"] == str(user_data / "runs")
    assert fields["runs_folder_writable"] is True
    said = residua_warm("doctor")
    assert said.stderr == ""
    assert str(user_data / "runs") in said.stdout


def test_a_run_is_found_by_its_id_or_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunStore().create("pretrain", "x", {})
    assert find_run_or_model(run.record.id) == run.path
    assert find_run_or_model(str(run.path)) == run.path
    monkeypatch.chdir(tmp_path)
    assert find_run_or_model("missing") == tmp_path / "missing"


def in_process(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_word_starter_stands_for_the_model_that_ships(starters: dict[str, Path]) -> None:
    assert find_run_or_model("starter") == starters["denoise"]
    for task, path in starters.items():
        assert find_run_or_model("starter", task) == path
    with pytest.raises(typer.BadParameter, match=r"no starter model for the task 'sr4'.*for: denoise, sr2"):
        find_run_or_model("starter", "sr4")


def test_finetuning_for_a_task_without_starter_begins_with_the_denoising_one(
    tiny_photos: TinyPhotos, starters: dict[str, Path], tmp_path: Path
) -> None:
    small = ["--steps", "1", "--photos-per-batch", "1", "--crop-px", "16", "--device", "cpu"]
    clean, out = tiny_photos.clean, tmp_path / "run"
    result = in_process("finetune", "--from", "starter", "--task", "sr4", "--clean", clean, "--out", out, *small)
    assert result.exit_code == 0, result.output
    card = read_card(out)
    assert card.task == "sr4"
    assert card.starter == read_card(starters["denoise"]).starter


def test_finetuning_says_what_was_measured_on_the_labels_that_only_measure(
    tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    small = ["--steps", "2", "--photos-per-batch", "1", "--crop-px", "16", "--device", "cpu", "--backbone", "unet"]
    result = in_process(
        *("finetune", "--from", "none", "--noisy", tiny_photos.noisy, "--clean", tiny_photos.clean),
        *("--measure-names", "photo 7.png", "--out", tmp_path / "run", *small),
    )
    assert result.exit_code == 0, result.output
    metrics = RunStore(tmp_path).open(tmp_path / "run").record.metrics
    psnr = metrics["validation_psnr"]
    gain = psnr - metrics["validation_noisy_psnr"]
    assert f"Validation: PSNR {psnr:.2f} dB, {gain:+.2f} dB against the noisy photos." in result.stdout.splitlines()


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "starter", "--task", "sr4", "--noisy", ".", "--clean", "."],
        ["restore", "starter", "--task", "sr4", ".", "--out", "out"],
    ],
)
@pytest.mark.usefixtures("starters")
def test_a_task_without_starter_is_wrong_usage(arguments: list[str]) -> None:
    result = in_process(*arguments)
    assert result.exit_code == 2
    assert "no starter model for the task 'sr4'" in " ".join(result.output.replace("│", " ").split())


def test_the_task_of_a_model_of_ones_own_is_not_asked_for(starters: dict[str, Path]) -> None:
    result = in_process("restore", starters["sr2"], "--task", "sr2", ".", "--out", "out")
    assert result.exit_code == 2
    assert "--task" in result.output


@pytest.mark.usefixtures("starters")
def test_evaluate_takes_the_starter_of_the_task(tiny_photos: TinyPhotos) -> None:
    plain = in_process("evaluate", "starter", "--noisy", tiny_photos.noisy, "--clean", tiny_photos.clean, "--json")
    assert plain.exit_code == 0, plain.output
    assert last_object(plain.stdout)["num_pairs"] == 8
    # Of clean photos alone only a model for super-resolution makes its own small ones.
    clean = tiny_photos.clean
    enlarged = in_process("evaluate", "starter", "--task", "sr2", "--noisy", clean, "--clean", clean, "--json")
    assert enlarged.exit_code == 0, enlarged.output
    fields = last_object(enlarged.stdout)
    # A fresh network enlarges bicubically, which is what it is measured against.
    assert fields["luminance_psnr"] == pytest.approx(fields["noisy_luminance_psnr"], abs=0.1)
    assert fields["luminance_psnr"] < 60


@pytest.mark.usefixtures("starters")
def test_results_lie_beside_their_photos_as_other_programs_ask_for(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    photos = [tmp_path / day / f"photo {index}.png" for index, day in enumerate(("monday", "tuesday", "tuesday"))]
    for index, photo in enumerate(photos):
        photo.parent.mkdir(exist_ok=True)
        shutil.copy(tiny_photos.noisy / f"photo {index}.png", photo)
    expected = [{"source": str(photo), "output": str(photo.with_stem(f"{photo.stem}_restored"))} for photo in photos]
    before = [photo.read_bytes() for photo in photos]
    done = in_process("restore", "starter", "--beside", "--json", *photos)
    assert done.exit_code == 0, done.output
    assert last_object(done.stdout)["restored"] == expected
    # Asked again, as with the same photos selected, each photo's result is named and nothing is written.
    again = last_object(in_process("restore", "starter", "--beside", "--json", *photos).stdout)
    assert (again["restored"], again["already_done"]) == ([], expected)
    assert [photo.read_bytes() for photo in photos] == before
    assert len(list(tmp_path.rglob("*.png"))) == 6


@pytest.mark.usefixtures("starters")
def test_a_folder_that_gives_nothing_does_not_stop_the_others(
    tiny_photos: TinyPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty one, one that lies on a disk that cannot be written to, and a page of a stack beside others."""
    photos = [tmp_path / day / "photo.png" for day in ("monday", "tuesday", "wednesday")]
    for index, photo in enumerate(photos):
        photo.parent.mkdir()
        shutil.copy(tiny_photos.noisy / f"photo {index}.png", photo)
    (tmp_path / "empty").mkdir()
    stack = tmp_path / "stacks" / "decay.tif"
    stack.parent.mkdir()
    tifffile.imwrite(stack, np.zeros((3, 20, 30), np.uint8) + np.arange(30, dtype=np.uint8), photometric="minisblack")
    page = stack / "decay · page 3.tif"
    real_open = os.open

    def open_unless_read_only(path: Any, flags: int, *others: Any, **named: Any) -> int:
        if flags & os.O_CREAT and photos[1].parent in Path(path).parents:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real_open(path, flags, *others, **named)

    # Permissions do not bind whoever runs tests as root.
    monkeypatch.setattr(os, "open", open_unless_read_only)
    given = [tmp_path / "empty", *(photo.parent for photo in photos), page]
    done = in_process("restore", "starter", "--beside", "--json", "--report", "--own-blends", "none.png=1 1 0", *given)
    assert done.exit_code == 1, done.output
    result = last_object(done.stdout)
    outputs = [str(photos[0].with_stem("photo_restored")), str(photos[2].with_stem("photo_restored"))]
    assert [one["output"] for one in result["restored"]] == [*outputs, str(stack.with_stem("decay · page 3_restored"))]
    (failed,) = result["failed"]
    assert failed["path"] == str(photos[1])
    assert "cannot be written to" in failed["reason"]
    assert [Path(report).parent for report in result["reports"]] == [photos[0].parent, photos[2].parent, stack.parent]
    told = [line for line in done.stderr.splitlines() if "its own blend is not used" in line]
    assert len(told) == 1


@pytest.mark.usefixtures("starters")
def test_a_photo_that_is_gone_is_its_own_failure_alone_beside_others(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    """As another program names the photos of a selection, of which some are gone: each is told by its own name."""
    photo, neighbour = tmp_path / "monday" / "photo.png", tmp_path / "friday" / "photo.png"
    for index, present in enumerate((photo, neighbour)):
        present.parent.mkdir()
        shutil.copy(tiny_photos.noisy / f"photo {index}.png", present)
    gone = [tmp_path / "tuesday" / "one.png", tmp_path / "tuesday" / "two.png", tmp_path / "friday" / "no folder"]
    done = in_process("restore", "starter", "--beside", "--json", photo, *gone, neighbour)
    assert done.exit_code == 1, done.output
    result = last_object(done.stdout)
    assert [one["source"] for one in result["restored"]] == [str(photo), str(neighbour)]
    assert [one["path"] for one in result["failed"]] == [str(path) for path in gone]
    assert all(one["reason"].startswith(f"{one['path']} is not there") for one in result["failed"])
    assert not (tmp_path / "tuesday").exists()
    nothing = in_process("restore", "starter", "--beside", "--json", *gone)
    assert (nothing.exit_code, last_object(nothing.stdout)["error"]) == (3, f"{gone[1]} is not there.")


@pytest.mark.usefixtures("starters")
def test_restore_takes_the_denoising_starter_unless_told(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    photo = tiny_photos.noisy / "photo 0.png"
    sizes = []
    for extra in ([], ["--task", "denoise"], ["--task", "sr2"]):
        result = in_process("restore", "starter", *extra, photo, "--out", tmp_path / f"out {len(sizes)}", "--json")
        assert result.exit_code == 0, result.output
        (restored,) = last_object(result.stdout)["restored"]
        sizes.append(probe_image(Path(restored["output"])).width)
    assert sizes == [112, 112, 224]


def test_one_strength_is_that_of_luminance_and_colour_and_a_photo_can_have_its_own(
    tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    photo = tiny_photos.noisy / "photo 0.png"
    said = []
    for number, extra in enumerate(
        (
            ["--strength", "0.5"],
            ["--luminance", "0.5", "--colour", "0.5"],
            ["--strength", "0.5", "--colour", "1", "--detail", "0.25"],
            ["--own-blends", f"{photo}=0.5 1 0.25"],
        )
    ):
        result = in_process("restore", "starter", *extra, photo, "--out", tmp_path / f"{number}", "--json")
        assert result.exit_code == 0, result.output
        (restored,) = last_object(result.stdout)["restored"]
        found = read_provenance(Path(restored["output"]))
        assert found is not None
        said.append(((found.luminance, found.colour, found.detail), digest_of_pixels(Path(restored["output"]))))
    assert [shares for shares, _ in said] == [("0.5", "0.5", "0")] * 2 + [("0.5", "1", "0.25")] * 2
    assert said[0] == said[1]
    assert said[2] == said[3]
    assert said[0] != said[2]


@pytest.mark.usefixtures("starters")
def test_a_photo_whose_name_holds_an_equals_sign_can_have_its_own_blend(
    tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    photo = Path(shutil.copy(tiny_photos.noisy / "photo 0.png", tmp_path / "exp=5.png"))
    blend = ["--own-blends", f"{photo}=0.5 1 0.25"]
    result = in_process("restore", "starter", *blend, photo, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    (restored,) = last_object(result.stdout)["restored"]
    found = read_provenance(Path(restored["output"]))
    assert found is not None
    assert (found.luminance, found.colour, found.detail) == ("0.5", "1", "0.25")


def test_pairs_are_given_by_any_two_names(
    tiny_photos: TinyPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noisy, clean = Path("noisy", "exp=5.png"), Path("clean", "exp=5.png")
    monkeypatch.chdir(tmp_path)
    for photo, source in ((noisy, tiny_photos.noisy), (clean, tiny_photos.clean)):
        photo.parent.mkdir()
        shutil.copy(source / "photo 0.png", photo)
    small = ["--steps", "1", "--photos-per-batch", "1", "--crop-px", "16", "--device", "cpu", "--backbone", "unet"]
    result = in_process(
        *("finetune", "--from", "none", "--noisy", "noisy", "--clean", "clean", "--out", "run", *small),
        *("--given-pairs", f"{noisy}={clean}"),
    )
    assert result.exit_code == 0, result.output
    run = RunStore(tmp_path).open(tmp_path / "run")
    assert run.record.labels == (noisy.name,)
    ((given, reference),) = run.config()["given_pairs"].items()
    assert (Path(given), Path(reference)) == (noisy.absolute(), clean.absolute()), "it goes on from any folder"


def digest_of_pixels(path: Path) -> bytes:
    return Image.open(path).tobytes()


def test_json_holds_only_what_json_knows() -> None:
    assert to_json({"a": math.inf, "b": (Path("x"), math.nan), "c": 1.5}) == {"a": None, "b": ["x", None], "c": 1.5}


@pytest.mark.parametrize(
    ("seconds", "phrase"), [(0, "0 s"), (42.4, "42 s"), (100, "2 min"), (3600, "60 min"), (7500, "2 h 5 min")]
)
def test_durations_are_said_as_a_person_would(seconds: float, phrase: str) -> None:
    assert phrase_duration(seconds) == phrase


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks no password database for the home folder")
@pytest.mark.parametrize("arguments", [("scan", "PHOTO"), ("doctor",), ("import", "nothing.onnx")])
def test_without_a_home_folder_a_sentence_says_so(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """A user whom the system does not know, as in containers and services."""
    make_photo(tmp_path / "photo.png")
    code = (
        "import pwd, sys\n"
        "def unknown(*_):\n    raise KeyError('uid not found')\n"
        "pwd.getpwuid = unknown\n"
        "from engine.cli.main import main\nmain()"
    )
    hidden = ("HOME", "RESIDUA_DATA", "XDG_DATA_HOME")
    said = subprocess.run(
        [sys.executable, "-c", code, *(str(tmp_path / "photo.png") if one == "PHOTO" else one for one in arguments)],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name not in hidden},
        timeout=120,
        check=False,
    )
    assert "Traceback" not in said.stderr
    assert said.returncode == 3
    assert "no home folder" in said.stderr
    assert "RESIDUA_DATA" in said.stderr
