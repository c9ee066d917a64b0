"""What the system says of its memory, against what it shows itself."""

from pathlib import Path

import pytest

from engine.machine.system_memory import available_memory, total_memory


def test_less_is_free_than_there_is() -> None:
    assert 0 < available_memory() <= total_memory()


@pytest.mark.skipif(not Path("/proc/meminfo").is_file(), reason="Linux shows it here")
def test_no_more_than_the_machine_or_its_container_has() -> None:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    installed = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:"))
    limit = Path("/sys/fs/cgroup/memory.max")
    allowed = limit.read_text(encoding="ascii").strip() if limit.is_file() else "max"
    assert total_memory() == (min(installed, int(allowed)) if allowed.isdecimal() else installed)
