"""Files are replaced whole or not at all."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.machine.atomic_files import (
    TEMPORARY_PREFIX,
    put_unless_there,
    remove_leftovers,
    replace_atomically,
    write_bytes_atomically,
)


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(TEMPORARY_PREFIX)]


def test_writes_and_replaces(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    write_bytes_atomically(target, b"first")
    write_bytes_atomically(target, b"second")
    assert target.read_bytes() == b"second"
    assert leftovers(tmp_path) == []


def test_a_file_of_old_is_no_leftover_while_it_is_written(tmp_path: Path) -> None:
    """A result has its photo's own time: other processes that tidy the folder must not take it away."""
    long_ago = 1_000_000_000 * 10**9
    is_done = threading.Event()

    def tidy() -> None:
        while not is_done.is_set():
            remove_leftovers(tmp_path)

    tidying = threading.Thread(target=tidy)
    tidying.start()
    try:
        for number in range(100):
            write_bytes_atomically(tmp_path / "a.bin", bytes([number]) * 100_000, modified_ns=long_ago)
            assert (tmp_path / "a.bin").stat().st_mtime_ns == long_ago
    finally:
        is_done.set()
        tidying.join()
    with replace_atomically(tmp_path / "b.bin", long_ago) as temporary:
        temporary.write_bytes(b"x")
        assert remove_leftovers(tmp_path) == 0
    assert (tmp_path / "b.bin").stat().st_mtime_ns == long_ago


def test_failure_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def fail_half_way() -> None:
        with replace_atomically(target) as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail_half_way()
    assert target.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


def test_temporary_file_lies_beside_the_target_and_keeps_its_suffix(tmp_path: Path) -> None:
    with replace_atomically(tmp_path / "photo.png") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".png"
        assert temporary.name.startswith(".")


def test_missing_folder_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_bytes_atomically(tmp_path / "missing" / "a.bin", b"x")


def test_longest_allowed_name(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 251 + ".png")
    write_bytes_atomically(target, b"x")
    assert target.read_bytes() == b"x"


def test_a_folder_that_cannot_be_flushed_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on some network drives; the file is in its place by then."""
    flush = os.fsync

    def flush_files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", flush_files_only)
    write_bytes_atomically(tmp_path / "a.bin", b"whole")
    assert (tmp_path / "a.bin").read_bytes() == b"whole"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_new_file_obeys_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        write_bytes_atomically(tmp_path / "a.bin", b"x")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "a.bin").stat().st_mode) == 0o640


ENDLESS_WRITER = """
import sys
from pathlib import Path
from engine.machine.atomic_files import write_bytes_atomically
target = Path(sys.argv[1])
for number in range(10**9):
    write_bytes_atomically(target, bytes([number % 256]) * 3_000_000)
    if number == 1:
        print("writing", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a POSIX signal")
def test_a_killed_writer_never_leaves_half_a_file(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    for delay_ms in (0, 3, 7, 12, 20):
        with subprocess.Popen([sys.executable, "-c", ENDLESS_WRITER, str(target)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay_ms / 1000)
            process.send_signal(signal.SIGKILL)
        content = target.read_bytes()
        assert len(content) == 3_000_000
        assert len(set(content)) == 1


class TestLeftovers:
    OLD = "0123456789abcdef"

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Two old leftovers, a fresh one, and things that only look alike."""
        names = (
            f".residua-{self.OLD}.part",
            f".residua-{self.OLD}.part.png",
            f".residua-{self.OLD}.png",
            f".residua-{self.OLD}.party",
            f"residua-{self.OLD}.part",
            ".residua-notes.part",
            "photo.png",
        )
        for name in names:
            (tmp_path / name).write_bytes(b"half")
            os.utime(tmp_path / name, (1e9, 1e9))
        (tmp_path / f".residua-{'f' * 16}.part.tif").write_bytes(b"being written")
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / f".residua-{self.OLD}.part").write_bytes(b"half")
        os.utime(tmp_path / "sub" / f".residua-{self.OLD}.part", (1e9, 1e9))
        folder = tmp_path / f".residua-{'a' * 16}.part"
        folder.mkdir()
        os.utime(folder, (1e9, 1e9))
        return tmp_path

    def test_only_old_files_of_our_own_names_go(self, folder: Path) -> None:
        before = {path.name for path in folder.iterdir()}
        assert remove_leftovers(folder) == 2
        gone = before - {path.name for path in folder.iterdir()}
        assert gone == {f".residua-{self.OLD}.part", f".residua-{self.OLD}.part.png"}
        assert len(list((folder / "sub").iterdir())) == 1
        assert remove_leftovers(folder / "nowhere") == 0

    def test_they_go_when_a_folder_is_first_written_to(self, folder: Path) -> None:
        write_bytes_atomically(folder / "new.png", b"whole")
        assert not (folder / f".residua-{self.OLD}.part").exists()
        assert (folder / f".residua-{'f' * 16}.part.tif").exists()
        assert (folder / "photo.png").read_bytes() == b"half"


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_that_is_there_is_not_replaced_where_that_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    """Also where it came while the new one was written."""

    def no_links(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, "as on a memory card")

    if not has_links:
        monkeypatch.setattr(os, "link", no_links)
    write_bytes_atomically(tmp_path / "a.bin", b"first", publish=put_unless_there)

    def write_too_late() -> None:
        with replace_atomically(tmp_path / "b.bin", publish=put_unless_there) as temporary:
            temporary.write_bytes(b"mine")
            (tmp_path / "b.bin").write_bytes(b"another's")

    with pytest.raises(FileExistsError):
        write_too_late()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.bin": b"first", "b.bin": b"another's"}
