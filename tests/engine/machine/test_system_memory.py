"""What the system says of its memory, against what it shows itself."""

import subprocess
import sys
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


_FAULTS_OF_STEPS = """
import resource, sys, threading
from engine.machine.system_memory import return_freed_memory, settle_allocation
if sys.argv[1] == "settled":
    settle_allocation()
import psutil, torch
network = torch.nn.Sequential(*(torch.nn.Conv2d(48, 48, 1) for _ in range(8)))
told = []
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def step():
    network(torch.rand(16, 48, 64, 64)).mean().backward()
def work():
    for _ in range(4):
        step()
    before = faults()
    for _ in range(4):
        step()
    told.append(faults() - before)
thread = threading.Thread(target=work)
thread.start()
thread.join()
kept = psutil.Process().memory_info().rss
return_freed_memory()
print(*told, kept - psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's habits")
def test_a_training_steps_memory_is_used_again_and_returned_after_the_job() -> None:
    faults_before, _ = _faults_of_steps("as it is")
    faults, returned = _faults_of_steps("settled")
    assert faults < faults_before / 3
    assert returned > 60 * 2**20


def _faults_of_steps(how: str) -> tuple[int, int]:
    command = [sys.executable, "-c", _FAULTS_OF_STEPS, how]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.split()
    faults, returned = map(int, told)
    return faults, returned
