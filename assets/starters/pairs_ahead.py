"""Makes the pairs of the next steps in a process of its own, so that the network never waits for them."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from clean_pictures import CleanPictures, Crops
from recipes import Recipe, make_batch, make_task
from torch import Tensor

from engine.method.tasks.restoration_task import RestorationTask

NUM_AHEAD = 16
"""Batches in the making or waiting: a few seconds of training, some ten megabytes."""


@dataclass(frozen=True, kw_only=True)
class PairSource:
    """What pairs are made of.

    Attributes:
        paths: The clean pictures; their order counts.
        recipe: The pairs and the schedule.
        seed: Of the whole training.
    """

    paths: tuple[Path, ...]
    recipe: Recipe
    seed: int


class PairsAhead:
    """The other process's batches, in the order of the steps.

    Attributes:
        cpu_s: Processor time that the other process has used.
    """

    def __init__(self, executor: ProcessPoolExecutor, num_steps: int) -> None:
        self._executor = executor
        self._num_steps = num_steps
        self._pending: dict[int, Future[tuple[Crops, Crops, float]]] = {}
        self.cpu_s = 0.0

    def take(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the batch of a step, and let those after it be made."""
        for ahead in range(step, min(step + NUM_AHEAD, self._num_steps)):
            if ahead not in self._pending:
                self._pending[ahead] = self._executor.submit(_make, ahead)
        observed, target, self.cpu_s = self._pending.pop(step).result()
        return torch.from_numpy(observed), torch.from_numpy(target)


@contextmanager
def pairs_ahead(source: PairSource) -> Iterator[PairsAhead]:
    """Run the process that makes pairs, until the block is left.

    It never outlives this one, whatever ends it, and takes no notice of Ctrl+C, which is meant for this one.
    """
    # A fork of a process with threads may hang; tensors come as bytes, since shared memory needs room that a
    # container may not have.
    executor = ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn"), initializer=_open, initargs=(source,)
    )
    try:
        # It starts with the first work that it is given: decoding may as well go on while the network gets ready.
        executor.submit(os.getpid)
        yield PairsAhead(executor, source.recipe.steps)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class _Maker:
    pictures: CleanPictures
    source: PairSource
    task: RestorationTask


_maker: _Maker | None = None


def _open(source: PairSource) -> None:
    """Get the other process ready."""
    global _maker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # The network needs the other cores, and the result must not depend on their number.
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _maker = _Maker(CleanPictures.read(source.paths), source, make_task(source.recipe))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _make(step: int) -> tuple[Crops, Crops, float]:
    assert _maker is not None
    source = _maker.source
    observed, target = make_batch(_maker.pictures, source.recipe, _maker.task, source.seed, step)
    return observed.numpy(), target.numpy(), time.process_time()
