"""Promise 5: camera raw files are decoded in a process of its own, which may crash, hang or run out of memory."""

import array
import io
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.contracts.errors import EngineError, ImageReadError
from engine.photo_files.photos import probe_image, read_image, read_thumbnail
from engine.photo_files.raw import camera as raw_camera
from engine.photo_files.raw.process import WORKER_ARGUMENT, RawWorker, RawWorkers
from engine.photo_files.raw.worker import READERS

fcntl, resource, termios = (
    pytest.importorskip(name, reason="Windows has no such signals and limits")
    for name in ("fcntl", "resource", "termios")
)


@pytest.fixture
def workers() -> Iterator[RawWorkers]:
    workers = RawWorkers()
    yield workers
    workers.end()


@pytest.fixture
def dng(shared_data: Path) -> Path:
    return shared_data / "raw" / "camera" / "colorchart_rggb_1888x1182_16bit.dng"


def idle_worker(workers: RawWorkers) -> RawWorker:
    [worker] = workers._idle
    return worker


def num_unread_bytes(process: subprocess.Popen[bytes]) -> int:
    """How much of what was sent to a process is still in the pipe."""
    count = array.array("i", [0])
    fcntl.ioctl(process.stdin, termios.FIONREAD, count)
    return count[0]


def test_what_comes_back_is_what_the_decoder_gives(workers: RawWorkers, dng: Path) -> None:
    here, there = raw_camera.read_camera_mosaic(dng), workers.ask("camera_mosaic", dng)
    assert np.array_equal(here.mosaic, there.mosaic)
    assert not there.mosaic.flags.writeable
    assert (here.order, here.white_balance, here.metadata) == (there.order, there.white_balance, there.metadata)
    assert workers.ask("info", dng) == raw_camera.probe_camera_raw(dng)


def test_a_refusal_keeps_its_kind_and_sentence_and_the_process(workers: RawWorkers, shared_data: Path) -> None:
    linear = shared_data / "raw" / "camera" / "canon_eos_6d_linear_1224x816.dng"
    with pytest.raises(raw_camera.NotAMosaicError) as caught:
        workers.ask("camera_mosaic", linear)
    assert caught.value.hint
    process = idle_worker(workers).process
    assert workers.ask("developed", linear).width == 1224
    assert idle_worker(workers).process is process


def expected_kind(name: str, path: Path) -> type:
    """What a reader gives here, in this process. Of a damaged file the sentence may be another one each time."""
    try:
        return type(READERS[name](path))
    except EngineError:
        return EngineError


def test_the_process_answers_what_it_is_asked_and_ends_with_whoever_asks(shared_data: Path, tmp_path: Path) -> None:
    """Its side of the pipes, from the first request to their end."""
    dng = shared_data / "raw" / "camera" / "colorchart_rggb_1888x1182_16bit.dng"
    linear = shared_data / "raw" / "camera" / "canon_eos_6d_linear_1224x816.dng"
    damaged = tmp_path / "damaged.dng"
    damaged.write_bytes(dng.read_bytes()[:2000])
    asked = [(name, path) for path in (dng, linear, damaged, tmp_path / "none.dng") for name in READERS]
    requests = b"".join(pickle.dumps((name, str(path))) for name, path in asked)
    command = [sys.executable, "-P", "-m", "engine.photo_files.raw.worker"]
    environment = {**os.environ, "PYTHONPATH": str(Path(raw_camera.__file__).parents[3])}
    ended = subprocess.run(command, input=requests, capture_output=True, env=environment, timeout=200, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    answers = io.BytesIO(ended.stdout)
    for name, path in asked:
        was_read, answer = pickle.load(answers)
        expected = expected_kind(name, path)
        assert was_read == (expected is not EngineError), (name, path, answer)
        assert isinstance(answer, expected)
        assert was_read or (answer.message and answer.hint)
    assert answers.read() == b"", "nothing that a library prints may come among the answers"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the sender what a pipe still holds")
def test_a_crash_is_a_sentence_and_the_next_file_is_read(workers: RawWorkers, dng: Path) -> None:
    workers.ask("info", dng)
    process = idle_worker(workers).process
    # It gets the request, and a crash before it can answer.
    process.send_signal(signal.SIGSTOP)
    errors: list[ImageReadError] = []

    def read() -> None:
        with pytest.raises(ImageReadError) as caught:
            workers.ask("camera_mosaic", dng)
        errors.append(caught.value)

    thread = threading.Thread(target=read)
    thread.start()
    # Had the crash come before the request, the process would have been replaced unseen.
    while not num_unread_bytes(process):
        os.sched_yield()
    process.send_signal(signal.SIGSEGV)
    process.send_signal(signal.SIGCONT)
    thread.join()
    assert "crash" in errors[0].message
    assert errors[0].hint
    assert workers.ask("camera_mosaic", dng).mosaic.shape == (1156, 1734)


def test_what_takes_too_long_is_a_sentence(workers: RawWorkers, dng: Path) -> None:
    workers.ask("info", dng)
    idle_worker(workers).process.send_signal(signal.SIGSTOP)
    with pytest.raises(ImageReadError, match=r"longer than 0\.2 seconds"):
        workers.ask("camera_mosaic", dng, limit_s=0.2)
    assert workers.ask("info", dng).width == 1734


def test_an_idle_process_that_died_is_replaced_unseen(workers: RawWorkers, dng: Path) -> None:
    workers.ask("info", dng)
    process = idle_worker(workers).process
    process.kill()
    process.wait()
    assert workers.ask("info", dng).width == 1734


def test_the_memory_of_the_process_is_limited() -> None:
    program = (
        "import numpy as np\n"
        "from engine.photo_files.raw.worker import limit_resources\n"
        "limit_resources(0)\n"
        "np.ones(2**25)\n"
        "try: np.ones(2**28)\n"
        "except MemoryError: print('refused')\n"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output == "refused\n"


def test_the_process_runs_under_its_limits(workers: RawWorkers, dng: Path) -> None:
    workers.ask("info", dng)
    pid = idle_worker(workers).process.pid
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert resource.prlimit(pid, resource.RLIMIT_DATA)[0] <= max(total // 2, 2**30)
    assert resource.prlimit(pid, resource.RLIMIT_CORE)[0] == 0


def test_modules_in_the_working_folder_are_not_loaded(tmp_path: Path, dng: Path) -> None:
    """A folder of photos may hold anything, and may be the one that the program was started in."""
    trap = f"from pathlib import Path; Path({str(tmp_path / 'sprung')!r}).write_text('')\n"
    for name in ("numpy", "rawpy", "pickle", "engine", "sitecustomize_raw"):
        (tmp_path / f"{name}.py").write_text(trap)
    program = (
        "import sys; sys.path[:] = [entry for entry in sys.path if entry]\n"
        "from pathlib import Path; from engine.photo_files.photos import probe_image\n"
        "print(probe_image(Path(sys.argv[1])).width)"
    )
    command = [sys.executable, "-P", "-c", program, str(dng)]
    output = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert output == "1734\n"
    assert not (tmp_path / "sprung").exists()


def test_the_process_ends_with_whoever_started_it(dng: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from engine.photo_files.raw import process as raw_process\n"
        "raw_process.probe_camera_raw(Path(sys.argv[1]))\n"
        "print(raw_process._workers._idle[0].process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    output = subprocess.run([sys.executable, "-c", program, str(dng)], stdout=subprocess.PIPE, text=True, check=False)
    worker = Path("/proc") / output.stdout.strip()
    if not worker.parent.is_dir():
        pytest.skip("needs /proc")
    while worker.is_dir() and "Z" not in (worker / "stat").read_text().rpartition(")")[2].split()[0]:
        os.sched_yield()


def reason(path: Path) -> str:
    """Why a file is refused; empty where it is read."""
    try:
        probe_image(path)
        read_image(path)
        read_thumbnail(path, 64)
    except ImageReadError as error:
        return f"{error.message} {error.hint}" if error.message and error.hint else "no reason"
    return ""


def test_the_program_itself_can_be_the_process(dng: Path) -> None:
    """As a frozen one is, which has no Python beside it."""
    command = [sys.executable, "-m", "app.main", WORKER_ARGUMENT]
    answer = subprocess.run(command, input=pickle.dumps(("info", str(dng))), capture_output=True, check=True).stdout
    assert pickle.loads(answer) == (True, raw_camera.probe_camera_raw(dng))


def test_every_damaged_raw_file_has_a_reason(shared_data: Path) -> None:
    folders = [shared_data / "odd_files" / name for name in ("raw_header_only", "raw_truncated")]
    reasons = [reason(path) for folder in folders for path in sorted(folder.iterdir())]
    assert len([text for text in reasons if text]) >= 5
    assert "no reason" not in reasons


@pytest.mark.parametrize("cut_bytes", [8, 100, 5_000, 100_000])
def test_a_raw_file_cut_anywhere_is_refused(tmp_path: Path, dng: Path, cut_bytes: int) -> None:
    path = tmp_path / "cut.dng"
    shutil.copyfile(dng, path)
    os.truncate(path, cut_bytes)
    assert reason(path) not in ("", "no reason")
