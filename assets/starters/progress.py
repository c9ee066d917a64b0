"""How far a training in pieces has come: the state that it goes on from, what it cost so far, and its curve.

All of it lies in a folder that is committed: `NAME.safetensors` is a checkpoint (weights, their average, the
optimiser's moments, the step), `NAME.json` the record of the pieces, `NAME.csv` the curve.
"""

import csv
import hashlib
import io
import json
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pairs_ahead import PairsAhead
from pictures import Picture
from recipes import Recipe

from engine.contracts.errors import InvalidInputError
from engine.machine.atomic_files import write_bytes_atomically
from engine.simulation.kinds import KINDS
from engine.simulation.parameters import PairParams

CurveRow = dict[str, float]


@dataclass(kw_only=True)
class Piece:
    """One sitting of a training.

    Attributes:
        started: ISO 8601 time, UTC.
        first_step: Where it went on.
        steps_done: Where it stands, or stopped.
        wall_s: Time that it took, with its measurements.
        cpu_s: Processor time of all its processes.
        waiting_s: Time that the network waited for pairs.
        machine: Device, precision, threads and torch.
        fingerprint: Of what it was trained with, see `fingerprint`.
    """

    started: str
    first_step: int
    steps_done: int
    wall_s: float
    cpu_s: float
    waiting_s: float
    machine: str
    fingerprint: str


@dataclass
class Record:
    """All sittings of a training so far.

    Attributes:
        seed: Of all chance.
        parent: The model it started from; empty: from scratch.
        pieces: In their order.
    """

    seed: int
    parent: str = ""
    pieces: list[Piece] = field(default_factory=list)

    def total(self, name: str) -> float:
        """Sum a figure, `wall_s`, `cpu_s` or `waiting_s`, over all pieces."""
        return float(sum(getattr(piece, name) for piece in self.pieces))


class ProgressFiles:
    """The files of one training.

    Attributes:
        state: The checkpoint that it goes on from.
        record: The pieces.
        curve: What was measured on the way.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.state, self.record, self.curve = (
            folder / f"{name}{suffix}" for suffix in (".safetensors", ".json", ".csv")
        )

    def read_record(self) -> Record:
        """Return the pieces so far.

        Raises:
            InvalidInputError: There is no record beside the state, or it is damaged.
        """
        try:
            content = json.loads(self.record.read_text(encoding="utf-8"))
            pieces = [Piece(**piece) for piece in content["pieces"]]
            return Record(seed=int(content["seed"]), parent=str(content["parent"]), pieces=pieces)
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise InvalidInputError(
                f"The record {self.record} of the training is missing or damaged: {error}.",
                "Take the folder from the last commit again, or delete the training's files to begin anew.",
            ) from error

    def save(self, state: bytes, record: Record) -> None:
        """Write state and record, each at once or not at all.

        Raises:
            OSError: The disk is full or the folder cannot be written.
        """
        self.state.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(self.state, state)
        content = {"seed": record.seed, "parent": record.parent, "pieces": [asdict(piece) for piece in record.pieces]}
        write_bytes_atomically(self.record, (json.dumps(content, indent=1) + "\n").encode())

    def read_curve(self) -> list[CurveRow]:
        """Return the measurements so far; none where there is no curve yet."""
        if not self.curve.is_file():
            return []
        with self.curve.open(encoding="utf-8", newline="") as file:
            return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]

    def write_curve(self, rows: Sequence[CurveRow]) -> None:
        """Write the measurements anew."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: round(value, 5) for name, value in row.items()} for row in rows)
        self.curve.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(self.curve, text.getvalue().encode())

    def delete(self) -> None:
        """Remove them, once the model is there."""
        for path in (self.state, self.record, self.curve):
            path.unlink(missing_ok=True)


class PieceMeter:
    """Keeps the figures of the piece that is running.

    The network's wait at a step is the time from the end of the step before until its pairs are there. What the first
    step of a piece waits for, while the pictures are decoded, is no part of it.
    """

    def __init__(self, piece: Piece, pairs: PairsAhead) -> None:
        self._piece = piece
        self._pairs = pairs
        self._started = time.monotonic()
        self._step_ended: float | None = None
        self._cpu_before = _own_cpu_s()
        self._ready: dict[int, float] = {}

    def pairs_ready(self, step: int) -> None:
        """Note that the pairs of a step have come; called from the thread that fetches them."""
        self._ready[step] = time.monotonic()

    def step_done(self, steps_done: int) -> None:
        """Note that a step has ended."""
        ready = self._ready.pop(steps_done - 1, None)
        if ready is not None and self._step_ended is not None:
            self._piece.waiting_s += max(0.0, ready - self._step_ended)
        self._step_ended = time.monotonic()
        self._piece.steps_done = steps_done

    def update(self) -> None:
        """Bring times up to date."""
        self._piece.wall_s = time.monotonic() - self._started
        self._piece.cpu_s = _own_cpu_s() - self._cpu_before + self._pairs.cpu_s


def new_piece(step: int, machine: str, made_with: str) -> Piece:
    """A piece that begins now."""
    return Piece(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        first_step=step,
        steps_done=step,
        wall_s=0.0,
        cpu_s=0.0,
        waiting_s=0.0,
        machine=machine,
        fingerprint=made_with,
    )


def fingerprint(recipe: Recipe, pictures: Sequence[Picture], seed: int) -> str:
    """Digest what decides about a training: recipe, simulated noise, pictures and seed.

    A piece with another one goes on with the same weights, yet not as if it had never been stopped.
    """
    content: Mapping[str, Any] = {
        "recipe": recipe.plain(),
        "pairs": PairParams().model_dump(mode="json"),
        "kinds": {name: kind.share for name, kind in KINDS.items()},
        "pictures": [asdict(picture) for picture in pictures],
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
