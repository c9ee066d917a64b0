"""How OpenMP's threads, which compute for torch on a processor, wait between two pieces of work."""

import os

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "2000"}
"""Environment variables of OpenMP and of GNU's libgomp, which torch has on Linux.

By default waiting threads spin, which starves whatever else the machine does: a training beside one busy process on two
cores took up to 7 times as long. Threads that sleep at once are woken late: pieces of work that take less than a
thousandth of a second wait for them, and a training step on 24 crops of 32 pixels took 49 ms where 32 are possible.
Spinning for some tens of microseconds first costs up to a fifth of the speed beside a busy process (all measured; AMD
EPYC, 2 cores, torch 2.13).
"""


def share_the_processor() -> None:
    """Have threads that wait soon sleep, unless the environment says how they shall wait.

    Read once, when torch is first imported: call it before.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.update(WAITING)
