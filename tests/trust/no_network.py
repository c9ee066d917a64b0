"""Does one thing with the network denied: `python -m tests.trust.no_network WHAT PHOTOS CLEAN OUT`.

This process ends, with the signal SIGSYS, at the moment anything in it or in a program that it has started asks the
kernel for an Internet socket: Python, Qt, torch and every other library alike.
"""

import ctypes
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

# From linux/seccomp.h, linux/filter.h and linux/prctl.h.
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER = 8
SECCOMP_RET_USER_NOTIFICATION = 0x7FC00000
SECCOMP_RET_ALLOW = 0x7FFF0000
SECCOMP_IOCTL_NOTIF_RECV = 0xC0502100
NOTIFICATION_BYTES = 80
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER_OFFSET, FIRST_ARGUMENT_OFFSET = 0, 16

SOCKET_CALLS = {"x86_64": 41, "aarch64": 198}
"""Number of the system call `socket`."""

SECCOMP_CALLS = {"x86_64": 317, "aarch64": 277}
"""Number of the system call `seccomp`."""


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def deny_network() -> None:
    """End this process at the first Internet socket that it, or any process that it has started, asks for."""
    instructions = [
        (LOAD_WORD, 0, 0, NUMBER_OFFSET),
        (JUMP_IF_EQUAL, 0, 4, SOCKET_CALLS[platform.machine()]),
        (LOAD_WORD, 0, 0, FIRST_ARGUMENT_OFFSET),
        (JUMP_IF_EQUAL, 1, 0, socket.AF_INET),
        (JUMP_IF_EQUAL, 0, 1, socket.AF_INET6),
        (RETURN, 0, 0, SECCOMP_RET_USER_NOTIFICATION),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW),
    ]
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
    program = _FilterProgram(len(instructions), code)
    libc = ctypes.CDLL(None, use_errno=True)
    flags = SECCOMP_FILTER_FLAG_NEW_LISTENER
    listener = -1
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        call = SECCOMP_CALLS[platform.machine()]
        listener = libc.syscall(call, SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(program))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "the network cannot be denied")
    threading.Thread(target=_end_when_asked, args=(listener,), daemon=True).start()


def _end_when_asked(listener: int) -> None:
    """Wait for the kernel to say that a socket is asked for; whoever asks waits meanwhile, and then gets none."""
    waiting = select.poll()
    waiting.register(listener, select.POLLIN)
    waiting.poll()
    notification = bytearray(NOTIFICATION_BYTES)
    fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notification)
    asking = struct.unpack_from("=QI", notification)[1]
    sys.stderr.write(f"Process {asking} has asked for an Internet socket; this is {os.getpid()}.\n")
    sys.stderr.flush()
    if asking != os.getpid():
        # A copy of this process has the listener too, and would wait for its answer for ever.
        os.kill(asking, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGSYS)


def open_socket(photos: Path, clean: Path, out: Path) -> None:
    """What none of the others may do."""
    socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def let_another_open_one(photos: Path, clean: Path, out: Path) -> None:
    """The same by a program that is started, whose end nobody looks at."""
    subprocess.run([sys.executable, "-c", "import socket; socket.socket()"], check=False)
    time.sleep(20)


def do_jobs(photos: Path, clean: Path, out: Path) -> None:
    """Every job of the engine, one after the other."""
    from engine import jobs
    from engine.cli.doctor import examine
    from engine.contracts.configs import (
        EvaluateConfig,
        FinetuneConfig,
        PretrainConfig,
        RestoreConfig,
        ScanConfig,
        SuggestLabelsConfig,
    )
    from engine.contracts.events import StepDone
    from engine.contracts.job_control import JobCancelled, JobControl
    from engine.contracts.label_budget import LabelBudgetConfig
    from engine.residuals.distances import NoiseComparisonConfig
    from engine.residuals.inspection import ResidualConfig

    control = JobControl()
    small = {"steps": 3, "crop_px": 16, "photos_per_batch": 2, "backbone_params": {"width": 8}}
    examine()
    jobs.scan(ScanConfig(folders=(photos,)), control, _ignore)
    run = jobs.pretrain(PretrainConfig(photos=(photos,), **small), control, _ignore).run
    stopping = JobControl()
    stopped = out / "stopped"
    config = PretrainConfig(photos=(photos,), out=stopped, **small)

    def stop_at_the_first_step(event: object) -> None:
        if isinstance(event, StepDone) and event.stage == "Pretraining":
            stopping.cancel()

    try:
        jobs.pretrain(config, stopping, stop_at_the_first_step)
    except JobCancelled:
        jobs.resume_training(stopped, control, _ignore)
    jobs.finetune(FinetuneConfig(noisy=(photos,), clean=(clean,), parent=run, **small), control, _ignore)
    restored = jobs.restore(
        RestoreConfig(model=run, photos=(photos,), out=out / "restored", report=True), control, _ignore
    ).restored
    compiled = RestoreConfig(model=run, photos=(photos,), out=out / "compiled", device="cpu", backend="openvino")
    jobs.restore(compiled, control, _ignore)
    # A package that OpenVINO asks for and that would speak to its maker.
    if sys.modules["openvino_telemetry"] is not None or "openvino" not in sys.modules:
        raise RuntimeError("OpenVINO's telemetry was loaded, or OpenVINO was not")
    jobs.evaluate(EvaluateConfig(model=run, noisy=(photos,), clean=(clean,)), control, _ignore)
    jobs.evaluate(EvaluateConfig(baseline="wavelet", noisy=(photos,), clean=(clean,)), control, _ignore)
    jobs.suggest_labels(SuggestLabelsConfig(model=run, photos=(photos,), count=2), control, _ignore)
    jobs.examine_residual(ResidualConfig(noisy=restored[0][0], restored=restored[0][1]), control, _ignore)
    sources = tuple(source for source, _ in restored)
    jobs.compare_noises(NoiseComparisonConfig(model=run, photos=sources), control, _ignore)
    budget = {"methods": ("scratch",), "labels": (1,), "seeds": 2, "steps": 2}
    jobs.label_budget(
        LabelBudgetConfig(noisy=(photos,), clean=(clean,), out=out / "budget", **budget), control, _ignore
    )


def _ignore(event: object) -> None:
    pass


def open_window(photos: Path, clean: Path, out: Path) -> None:
    """The window with a folder, until torch is loaded and the photos have been looked at."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from app.main import main
    from app.window.main_window import MainWindow

    application = QApplication(sys.argv[:1])
    watch = QTimer()

    def close_when_settled() -> None:
        windows = [widget for widget in application.topLevelWidgets() if isinstance(widget, MainWindow)]
        if windows and "torch" in sys.modules and windows[0].isVisible():
            watch.stop()
            QTimer.singleShot(1500, windows[0].close)

    watch.timeout.connect(close_when_settled)
    watch.start(100)
    if main([str(photos)]):
        raise RuntimeError("the window has failed")


DEEDS: dict[str, Callable[[Path, Path, Path], None]] = {
    "socket": open_socket,
    "child": let_another_open_one,
    "jobs": do_jobs,
    "window": open_window,
}


if __name__ == "__main__":
    deny_network()
    DEEDS[sys.argv[1]](*map(Path, sys.argv[2:]))
