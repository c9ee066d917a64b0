"""Whether a graphics card computes what the processor does, how quickly, and what happens when its memory is full.

    python3 run.py bench gpu [--runs 3] [--parts agreement training restoring memory] [--docs DIR]

1. Agreement: loss and gradient of one batch, and the weights after 20 steps, of the card and of the processor, both in
   single precision.
2. Training: steps a second of every method; the network's step of every method as it is, compiled, and as a CUDA
   graph; the share of the card's measured peak; how long a batch takes to make, noise included, beside its step.
3. Restoring: photos, file to file, on the card and on the processor.
4. Memory: a training and a restoring that do not fit, and what a pause gives back. Needs a CUDA card.

At most eight minutes on a card: what would begin after seven says so instead. Without a card the parts run on the
processor, against itself: that proves the script.
"""

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from engine.contracts.configs import OWN_NOISE, ComputeConfig, PretrainConfig, RestoreConfig
from engine.contracts.errors import EngineError
from engine.contracts.events import Emit, JobEvent, JobWarning, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import pretrain, restore
from engine.machine.devices import ComputeDevice, open_device
from engine.method.catalogue.pretexts import PRETEXTS
from engine.method.factory import make_pretext
from engine.models.files import ModelCard, build_network, load_model, read_card, task_of
from engine.models.starters import GENERAL_TASK, require_starter
from engine.photos.crops import decode_photo
from engine.refining.own_noise import OwnNoiseMaterial
from engine.refining.twin_objective import TwinObjective
from engine.runs.store import Run
from engine.training.objectives import Objective, PretextObjective
from tests.benchmarks.document import Table
from tests.benchmarks.parts import Figures, SpeedBenchmark, measured_in_turn, spread
from tests.benchmarks.restore import write_photo as write_noisy_photo
from tests.benchmarks.roofline import measure_roofline, wait_for
from tests.benchmarks.training_sides import SELDOM_S, Workload, our_step, our_training, write_photos

AGREEMENT_STEPS = 20
TOLERANCES = {"loss": 1e-4, "gradient": 1e-3, "weights": 1e-2}
"""Largest relative difference. Sums in another order differ by parts in a million; optimisation makes that grow."""

PHOTO_SIZE, NUM_PHOTOS = (3000, 4000), 4
MEMORY_SHARES = (0.02, 0.01, 0.005)
"""Of the card's memory, that this process may take: until the training has to compute its batches in parts."""

RESTORING_SHARES = (0.01, 0.005, 0.0025)
"""The same for a photo, whose tiles have to become smaller, or even the processor's."""

CUDA_GRAPHS = "compiled, CUDA graphs"
FORMS: dict[str, str | None] = {"eager": None, "compiled": "default", CUDA_GRAPHS: "reduce-overhead"}
"""Of a network's step, with torch's name of how it is compiled."""

BEGINS_WITHIN_S = 7 * 60.0
"""What begins later would not end within the eight minutes."""

_NO_CARD = "This machine has no CUDA card: the part ran on the processor, against itself."
_LATE = "not begun: the minutes were over"

_started = time.monotonic()


def is_late() -> bool:
    """Whether nothing more may begin."""
    return time.monotonic() - _started > BEGINS_WITHIN_S


def fastest() -> ComputeDevice:
    """The device that the program takes by itself."""
    return open_device(ComputeConfig())


def measure_agreement(folder: Path, num_runs: int) -> Figures:
    """The card against the processor, both in single precision."""
    photos, device = write_photos(folder), fastest()
    rows, figures = [], {}
    for name in _methods():
        if is_late():
            rows.append((PRETEXTS[name].title, *("–" for _ in TOLERANCES), _LATE))
            continue
        differences = one_batch(name, photos, device) | {"weights": after_some_steps(name, photos, device)}
        figures[name] = differences
        cells = [f"{differences[figure]:.1e}" for figure in TOLERANCES]
        fits = all(differences[figure] <= tolerance for figure, tolerance in TOLERANCES.items())
        rows.append((PRETEXTS[name].title, *cells, "yes" if fits else "NO"))
    table = Table(
        title=f"{device.name} against cpu, single precision: largest relative difference of loss and gradient of one "
        f"batch, and of the weights after {AGREEMENT_STEPS} steps",
        header=("method", *TOLERANCES, "within " + ", ".join(f"{tolerance:.0e}" for tolerance in TOLERANCES.values())),
        rows=rows,
    )
    return {"tables": [table, *_caveat(device)], "figures": figures}


def one_batch(name: str, photos: Path, device: ComputeDevice) -> dict[str, float]:
    """Relative differences of loss and gradient of one batch, between a device and the processor."""
    params = PRETEXTS[name].with_stride({})
    decoded = [decode_photo(PhotoRef(path)) for path in sorted(photos.iterdir())[:8]]
    objective = PretextObjective(decoded, make_pretext(name, params), photos_per_batch=4, crop_px=48, seed=0)
    batch = objective.batch(0)
    found: list[tuple[float, Tensor]] = []
    for where in (torch.device("cpu"), device.torch_device):
        torch.manual_seed(0)
        network = build_network(ModelCard(name="agreement")).to(where).train().requires_grad_(True)
        loss = objective.loss(network, tuple(part.to(where) for part in batch), torch.Generator().manual_seed(0)).total
        loss.backward()  # type: ignore[no-untyped-call]
        gradient = torch.cat([weight.grad.flatten() for weight in network.parameters() if weight.grad is not None])
        found.append((float(loss.detach()), gradient.cpu()))
    (loss, gradient), (other_loss, other_gradient) = found
    return {"loss": abs(other_loss - loss) / abs(loss), "gradient": _relative(other_gradient, gradient)}


def after_some_steps(name: str, photos: Path, device: ComputeDevice) -> float:
    """Relative difference of what a training has changed, between a device and the processor."""
    trained = []
    for where in ("cpu", device.name):
        out = photos.parent / f"{name} on {where}, {len(trained)}"
        model = pretrain(_short_training(name, photos, out, where), JobControl(), lambda event: None).run
        trained.append(torch.cat([weight.flatten() for weight in load_model(model).network.state_dict().values()]))
    return _relative(trained[1], trained[0])


def measure_training(folder: Path, num_runs: int, crop_px: int = 64) -> Figures:
    """Steps a second by method, the network's step in three forms, and whether it waits for its batches."""
    photos, device = write_photos(folder), fastest()
    sides: dict[str, Callable[[], float]] = {
        name: partial(our_step, photos, Workload(pretext=name, device=device.name, crop_px=crop_px))
        for name in _methods()
    }
    seconds = measured_in_turn(sides, num_runs)
    made = objectives(photos, crop_px)
    if not is_late():
        # Once: learning the noise, which comes before the first step, takes longer than all the steps.
        work = Workload(pretext=OWN_NOISE, device=device.name, crop_px=crop_px)
        second, run = our_training(photos, work)
        seconds[OWN_NOISE], made[OWN_NOISE] = [second], twins_of(run, work)
    rows = [(PRETEXTS[name].title, spread([1 / one for one in times], 1)) for name, times in seconds.items()]
    steps = Table(title=f"Our training, 32 crops of {crop_px} px", header=("method", "steps a second"), rows=rows)
    roofline = measure_roofline(num_runs, device.torch_device)
    peak = roofline.gflops("convolution", "bf16" if device.precision == "bf16-mixed" else "fp32")
    making = {name: seconds_of_batches(objective) for name, objective in made.items()}
    waiting = Table(
        title="Batches are made in another thread while the network computes, noise included",
        header=("method", "making a batch, ms", "a step, ms", "the network waits"),
        rows=[
            (
                PRETEXTS[name].title,
                f"{1e3 * making[name]:.1f}",
                f"{1e3 * statistics.median(seconds[name]):.1f}",
                "no" if making[name] < statistics.median(seconds[name]) else "YES",
            )
            for name in making
        ],
    )
    forms = network_steps(made, device, num_runs)
    form_rows = [
        (
            PRETEXTS[one.method].title,
            one.form,
            spread([1e3 * second for second in one.seconds], 1) if one.seconds else one.note,
            f"{100 * one.gflop / statistics.median(one.seconds) / peak:.0f} %" if one.seconds else "",
        )
        for one in forms
    ]
    network = Table(
        title=f"The network's step at {device.precision}, its batch at hand",
        header=("method", "form", "ms", "of the convolution peak"),
        rows=form_rows,
    )
    figures = {"seconds": seconds, "forms": [vars(one) for one in forms], "peak": peak, "making": making}
    return {"tables": [steps, waiting, network, roofline.table(), *_caveat(device)], "figures": figures}


@dataclass(frozen=True, kw_only=True)
class FormOfStep:
    """A method's step in one form.

    Attributes:
        method: Its name.
        form: "eager", or how it is compiled.
        seconds: Of each run; empty where there are none.
        gflop: Of a step, billions.
        note: Why there are none.
    """

    method: str
    form: str
    seconds: list[float]
    gflop: float
    note: str = ""


def network_steps(
    made: Mapping[str, Objective], device: ComputeDevice, num_runs: int, forms: Sequence[str] = tuple(FORMS)
) -> list[FormOfStep]:
    """Forward and backward pass of one batch: eager, compiled, and as a CUDA graph where there is a card.

    RCL comes first with all its forms, since compiling takes longest and may not end in time.
    """
    starter = read_card(require_starter(GENERAL_TASK))
    found = []
    for method, objective in sorted(made.items(), key=lambda item: item[0] != "rcl"):
        batch = tuple(part.to(device.torch_device) for part in objective.batch(0))
        for form in forms:
            if device.name != "cuda" and form == CUDA_GRAPHS:
                continue
            if is_late():
                found.append(FormOfStep(method=method, form=form, seconds=[], gflop=0.0, note=_LATE))
                continue
            network = build_network(starter if method == OWN_NOISE else ModelCard(name="form"))
            network = network.to(device.torch_device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            network = network.train().requires_grad_(True)
            with FlopCounterMode(display=False) as counter:
                _timed_step(objective, batch, device, network)
            gflop = counter.get_total_flops() / 1e9
            module = network if FORMS[form] is None else torch.compile(network, mode=FORMS[form])
            try:
                side = partial(_timed_step, objective, batch, device, module)
                seconds = measured_in_turn({form: side}, 3 * num_runs)[form]
            # What compiles networks may not be installed whole, or may not know this card; the other forms count.
            except RuntimeError as error:
                note = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:120]}"
                found.append(FormOfStep(method=method, form=form, seconds=[], gflop=gflop, note=note))
            else:
                found.append(FormOfStep(method=method, form=form, seconds=seconds, gflop=gflop))
    return found


def _timed_step(
    objective: Objective, batch: tuple[Tensor, ...], device: ComputeDevice, module: Callable[[Tensor], Tensor]
) -> float:
    """Seconds of one forward and backward pass."""
    wait_for(device.torch_device)
    started = time.perf_counter()
    if device.name == "cuda":
        torch.compiler.cudagraph_mark_step_begin()
    with device.autocast():
        # A copy: a graph writes its next answer into the same memory.
        loss = objective.loss(
            lambda crops: module(crops).float().clone(), batch, torch.Generator().manual_seed(0)
        ).total
    loss.backward()  # type: ignore[no-untyped-call]
    wait_for(device.torch_device)
    return time.perf_counter() - started


def objectives(photos: Path, crop_px: int) -> dict[str, Objective]:
    """What each method that begins from scratch minimises, on batches of 32 crops."""
    decoded = [decode_photo(PhotoRef(path)) for path in sorted(photos.iterdir())[:16]]
    made: dict[str, Objective] = {}
    for name in _methods():
        pretext = make_pretext(name, PRETEXTS[name].with_stride({}))
        made[name] = PretextObjective(decoded, pretext, 32 // pretext.crops_per_photo, crop_px, seed=0)
    return made


def twins_of(run: Path, work: Workload) -> TwinObjective:
    """What a refinement on the photos' own noise has minimised: clean pictures to which each batch adds noise."""
    opened = Run(run)
    material = OwnNoiseMaterial.load(opened.path, opened.checkpoint_folder, seed=0)
    task = task_of(read_card(require_starter(GENERAL_TASK)))
    return TwinObjective(material, work.num_crops, work.crop_px, seed=0, task=task)


def seconds_of_batches(objective: Objective, count: int = 10) -> float:
    """Median time to make a batch."""
    times = []
    for number in range(count):
        started = time.perf_counter()
        objective.batch(number)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def measure_restoring(folder: Path, num_runs: int, size: tuple[int, int] = PHOTO_SIZE) -> Figures:
    """Photos with the starter, file to file."""
    if is_late():
        return {"tables": [Table(title="Restoring", header=("not measured",), rows=[(_LATE,)])], "figures": {}}
    photos, device = folder / "photos", fastest()
    photos.mkdir()
    for number in range(NUM_PHOTOS):
        write_noisy_photo(photos / f"{number}.png", size, seed=number)
    megapixels = NUM_PHOTOS * size[0] * size[1] / 1e6

    def rate(where: str) -> float:
        out = folder / f"out {time.monotonic_ns()}"
        started = time.perf_counter()
        restore(
            RestoreConfig(model=require_starter(GENERAL_TASK), photos=(photos,), out=out, device=where),  # type: ignore[arg-type]
            JobControl(),
            lambda event: None,
        )
        return megapixels / (time.perf_counter() - started)

    names = list(dict.fromkeys([device.name, "cpu"]))
    rates = measured_in_turn({name: lambda used=name: rate(used) for name in names}, num_runs)  # type: ignore[misc]
    table = Table(
        title=f"{NUM_PHOTOS} PNG photos of {size[0] * size[1] / 1e6:.0f} megapixels with the starter, file to file",
        header=("device", "megapixels a second"),
        rows=[(name, spread(values, 1)) for name, values in rates.items()],
    )
    return {"tables": [table, *_caveat(device)], "figures": rates}


def measure_memory(folder: Path, num_runs: int) -> Figures:
    """What happens where the card's memory is too small, and what a pause gives back."""
    device = fastest()
    if device.name != "cuda":
        table = Table(title="Memory", header=("not measured",), rows=[("It needs a CUDA card.",)])
        return {"tables": [table], "figures": {}}
    photos = write_photos(folder)
    photo = folder / "large.png"
    write_noisy_photo(photo, PHOTO_SIZE, seed=0)
    trained = [
        (f"{100 * share:.2f} %", *in_little_memory(share, partial(train_large, photos, folder / f"trained {share}")))
        for share in MEMORY_SHARES
    ]
    restored = [
        (f"{100 * share:.2f} %", *in_little_memory(share, partial(restore_one, photo, folder / f"restored {share}")))
        for share in RESTORING_SHARES
    ]
    before, during = memory_in_a_pause(photos, folder / "paused")
    header = ("of the card's", "outcome", "what was said")
    pause = Table(
        title="What torch holds on the card, MiB",
        header=("training", "paused"),
        rows=[(f"{before / 2**20:.0f}", f"{during / 2**20:.0f}")],
    )
    tables = [
        Table(title="A training in too little memory", header=header, rows=trained),
        Table(title="A photo of 12 megapixels in too little memory", header=header, rows=restored),
        pause,
    ]
    figures = {"trained": trained, "restored": restored, "training": before, "paused": during}
    return {"tables": tables, "figures": figures}


def in_little_memory(share: float, job: Callable[[Emit], object]) -> tuple[str, str]:
    """Do a job with a part of the card's memory; on a processor with all of it.

    Args:
        share: Of the memory.
        job: Is given what notes its events.

    Returns:
        How it ended, and its warnings.
    """
    said: list[str] = []
    has_card = torch.cuda.is_available()
    if has_card:
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(share)
    try:
        job(lambda event: note_warnings(event, said))
        outcome = "done"
    except (EngineError, RuntimeError) as error:
        outcome = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    finally:
        if has_card:
            torch.cuda.set_per_process_memory_fraction(1.0)
    return outcome, " ".join(said) or "nothing"


def train_large(photos: Path, out: Path, note: Emit, *, photos_per_batch: int = 32, crop_px: int = 128) -> None:
    """Some steps whose activations take gigabytes."""
    update = {"photos_per_batch": photos_per_batch, "crop_px": crop_px}
    pretrain(_short_training("rcl", photos, out, fastest().name).model_copy(update=update), JobControl(), note)


def restore_one(photo: Path, out: Path, note: Emit) -> None:
    """One photo with the starter.

    Raises:
        RuntimeError: It could not be restored.
    """
    config = RestoreConfig(
        model=require_starter(GENERAL_TASK),
        photos=(photo,),
        out=out,
        device=fastest().name,  # type: ignore[arg-type]
    )
    result = restore(config, JobControl(), note)
    if result.failed:
        raise RuntimeError(result.failed[0].reason)


def memory_in_a_pause(photos: Path, out: Path) -> tuple[int, int]:
    """Bytes that torch has taken of the card's memory while a training computes, and while it waits."""
    control, is_computing = JobControl(), threading.Event()

    def note(event: JobEvent) -> None:
        if isinstance(event, StepDone) and event.stage == "Pretraining" and event.step >= 5:
            is_computing.set()

    config = _short_training("rcl", photos, out, "cuda").model_copy(update={"steps": 100_000})
    thread = threading.Thread(target=_until_cancelled, args=(config, control, note))
    thread.start()
    is_computing.wait(60)
    before = torch.cuda.memory_reserved()
    control.pause()
    time.sleep(3)
    during = torch.cuda.memory_reserved()
    control.cancel()
    thread.join()
    return before, during


def note_warnings(event: JobEvent, said: list[str]) -> None:
    """Keep what a job says of itself."""
    if isinstance(event, JobWarning):
        said.append(event.message)


def _until_cancelled(config: PretrainConfig, control: JobControl, note: Callable[[JobEvent], None]) -> None:
    with contextlib.suppress(JobCancelled):
        pretrain(config, control, note)


def _short_training(name: str, photos: Path, out: Path, device: str) -> PretrainConfig:
    return PretrainConfig(
        photos=(photos,),
        out=out,
        device=device,  # type: ignore[arg-type]
        precision="32-true",
        pretext=name,
        pretext_params=PRETEXTS[name].with_stride({}),
        steps=AGREEMENT_STEPS,
        photos_per_batch=4,
        crop_px=48,
        preview_interval_s=SELDOM_S,
        checkpoint_interval_s=SELDOM_S,
    )


def _methods() -> list[str]:
    """Those that begin from scratch."""
    return [name for name, row in PRETEXTS.items() if not row.needs_start]


def _relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def _caveat(device: ComputeDevice) -> list[Table]:
    return [] if device.name == "cuda" else [Table(title="Beware", header=("no card",), rows=[(_NO_CARD,)])]


BENCHMARK = SpeedBenchmark(
    name="gpu",
    title="Graphics card",
    text="Medians with the least and the most of {runs} runs, all sides in turn within one process.",
    parts={
        "agreement": measure_agreement,
        "training": measure_training,
        "restoring": measure_restoring,
        "memory": measure_memory,
    },
)


if __name__ == "__main__":
    BENCHMARK.run((__doc__ or "").partition("\n")[0])
