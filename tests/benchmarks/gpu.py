"""Whether a graphics card computes what the processor does, how quickly, and what happens when its memory is full.

    python3 run.py bench gpu [--runs 3] [--parts agreement training restoring memory] [--docs DIR]

1. Agreement: loss and gradient of one batch, and the weights after 20 steps, of the card and of the processor, both in
   single precision.
2. Training: steps a second of every method; the network's step as it is, compiled, and as a CUDA graph; the share of
   the card's measured peak; how long a batch takes to make beside the step that it is for.
3. Restoring: photos, file to file, on the card and on the processor.
4. Memory: a training and a restoring that do not fit, and what a pause gives back. Needs a CUDA card.

At most eight minutes on a card. Without one the parts run on the processor, against itself: that proves the script.
"""

import contextlib
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from engine.contracts.configs import OWN_NOISE, ComputeConfig, PretrainConfig, RestoreConfig
from engine.contracts.errors import EngineError
from engine.contracts.events import JobEvent, JobWarning, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import pretrain, restore
from engine.machine.devices import ComputeDevice, open_device
from engine.method.catalogue.pretexts import PRETEXTS
from engine.method.factory import make_pretext
from engine.models.files import ModelCard, build_network, load_model
from engine.models.starters import GENERAL_TASK, require_starter
from engine.photos.crops import decode_photo
from engine.training.objectives import PretextObjective
from tests.benchmarks.document import Table
from tests.benchmarks.parts import Figures, SpeedBenchmark, measured_in_turn, spread
from tests.benchmarks.roofline import measure_roofline, wait_for
from tests.benchmarks.training_sides import SELDOM_S, PlainLoop, Workload, our_step, write_photos

AGREEMENT_STEPS = 20
TOLERANCES = {"loss": 1e-4, "gradient": 1e-3, "weights": 1e-2}
"""Largest relative difference. Sums in another order differ by parts in a million; optimisation makes that grow."""

PHOTO_SIZE, NUM_PHOTOS = (3000, 4000), 4
NOISE = 12.0
MEMORY_SHARES = (0.02, 0.01, 0.005)
"""Of the card's memory, that this process may take: until the training has to compute its batches in parts."""

_NO_CARD = "This machine has no CUDA card: the part ran on the processor, against itself."


def fastest() -> ComputeDevice:
    """The device that the program takes by itself."""
    return open_device(ComputeConfig())


def measure_agreement(folder: Path, num_runs: int) -> Figures:
    """The card against the processor, both in single precision."""
    photos, device = write_photos(folder), fastest()
    rows, figures = [], {}
    for name in _methods():
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


def measure_training(folder: Path, num_runs: int) -> Figures:
    """Steps a second by method, the network's step in three forms, and whether it waits for its batches."""
    photos, device = write_photos(folder), fastest()
    works = {name: Workload(pretext=name, device=device.name) for name in (*_methods(), OWN_NOISE)}
    sides: dict[str, Callable[[], float]] = {
        PRETEXTS[name].title: lambda used=work: our_step(photos, used)  # type: ignore[misc]
        for name, work in works.items()
    }
    seconds = measured_in_turn(sides, num_runs)
    rows = [(title, spread([1 / one for one in times], 1)) for title, times in seconds.items()]
    steps = Table(title="Our training, 32 crops of 64 px", header=("method", "steps a second"), rows=rows)
    forms = network_steps(photos, device, num_runs)
    gflop = PlainLoop(photos, Workload()).gflop()
    roofline = measure_roofline(num_runs, device.torch_device)
    peak = roofline.gflops("convolution", "bf16" if device.precision == "bf16-mixed" else "fp32")
    form_rows = [
        (form, spread([1e3 * one for one in times], 1), f"{100 * gflop / statistics.median(times) / peak:.0f} %")
        for form, times in forms.items()
    ]
    network = Table(
        title=f"The network's step of residual contrastive learning at {device.precision}, its batch at hand",
        header=("form", "ms", "of the convolution peak"),
        rows=form_rows,
    )
    making = seconds_of_batches(photos)
    step = statistics.median(seconds[PRETEXTS["rcl"].title])
    waiting = Table(
        title="Batches are made in another thread while the network computes",
        header=("making a batch, ms", "a step, ms", "the network waits"),
        rows=[(f"{1e3 * making:.1f}", f"{1e3 * step:.1f}", "no" if making < step else "YES")],
    )
    figures = {"seconds": seconds, "forms": forms, "peak": peak, "gflop": gflop, "batch": making}
    return {"tables": [steps, network, waiting, roofline.table(), *_caveat(device)], "figures": figures}


def network_steps(photos: Path, device: ComputeDevice, num_runs: int) -> dict[str, list[float]]:
    """Seconds of forward and backward pass of one batch: eager, compiled, and as a CUDA graph where there is a card."""
    decoded = [decode_photo(PhotoRef(path)) for path in sorted(photos.iterdir())[:16]]
    pretext = make_pretext("rcl", PRETEXTS["rcl"].with_stride({}))
    objective = PretextObjective(decoded, pretext, photos_per_batch=16, crop_px=64, seed=0)
    batch = tuple(part.to(device.torch_device) for part in objective.batch(0))
    forms: dict[str, dict[str, Any] | None] = {"eager": None, "compiled": {"mode": "default"}}
    if device.name == "cuda":
        forms["compiled, CUDA graphs"] = {"mode": "reduce-overhead"}
    sides: dict[str, Callable[[], float]] = {}
    for form, options in forms.items():
        network = build_network(ModelCard(name="form")).to(device.torch_device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        network = network.train().requires_grad_(True)
        module = network if options is None else torch.compile(network, **options)

        def step(used: Any = module) -> float:
            started = time.perf_counter()
            with device.autocast():
                loss = objective.loss(lambda crops: used(crops).float(), batch, torch.Generator().manual_seed(0)).total
            loss.backward()  # type: ignore[no-untyped-call]
            wait_for(device.torch_device)
            return time.perf_counter() - started

        sides[form] = step
    return measured_in_turn(sides, 3 * num_runs)


def seconds_of_batches(photos: Path, count: int = 10) -> float:
    """Median time to cut a batch of 32 crops."""
    decoded = [decode_photo(PhotoRef(path)) for path in sorted(photos.iterdir())]
    pretext = make_pretext("rcl", PRETEXTS["rcl"].with_stride({}))
    objective = PretextObjective(decoded, pretext, photos_per_batch=16, crop_px=64, seed=0)
    times = []
    for number in range(count):
        started = time.perf_counter()
        objective.batch(number)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def measure_restoring(folder: Path, num_runs: int, size: tuple[int, int] = PHOTO_SIZE) -> Figures:
    """Photos with the starter, file to file."""
    photos, device = folder / "photos", fastest()
    photos.mkdir()
    rng = np.random.default_rng(0)
    for number in range(NUM_PHOTOS):
        soft = cv2.resize(rng.random((20, 20, 3)), size[::-1], interpolation=cv2.INTER_CUBIC)
        noisy = np.clip(255 * soft + rng.normal(0, NOISE, soft.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(photos / f"{number}.png"), noisy)
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
    rows = []
    for share in MEMORY_SHARES:
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(share)
        said: list[str] = []
        try:
            config = _short_training("rcl", photos, folder / f"tight {share}", "cuda").model_copy(
                update={"photos_per_batch": 32, "crop_px": 128}
            )
            pretrain(config, JobControl(), lambda event, said=said: note_warnings(event, said))  # type: ignore[misc]
            outcome = "done"
        except (EngineError, RuntimeError) as error:
            outcome = f"{type(error).__name__}: {error}"
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        rows.append((f"{100 * share:.1f} %", outcome, said[-1] if said else "nothing was said"))
    before, during = memory_in_a_pause(photos, folder / "paused")
    tight = Table(title="A training in too little memory", header=("of the card's", "outcome", "last word"), rows=rows)
    pause = Table(
        title="What torch holds on the card, MiB",
        header=("training", "paused"),
        rows=[(f"{before / 2**20:.0f}", f"{during / 2**20:.0f}")],
    )
    return {"tables": [tight, pause], "figures": {"tight": rows, "training": before, "paused": during}}


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
