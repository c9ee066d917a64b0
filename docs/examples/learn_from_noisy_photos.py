"""Learn from noisy photos alone, then restore them: `python learn_from_noisy_photos.py PHOTOS RUN RESTORED [STEPS]`."""

import sys
from pathlib import Path

from engine import jobs
from engine.contracts.configs import Preset, PretrainConfig, RestoreConfig
from engine.contracts.events import JobEvent, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.presets import pretrain_preset


def tell(event: JobEvent) -> None:
    """Say where the training stands, now and then."""
    if isinstance(event, StepDone) and event.step % 100 == 0:
        print(f"{event.stage}: {event.step} of {event.num_steps}")


photos, run, out = map(Path, sys.argv[1:4])
settings = pretrain_preset(Preset.QUICK)
if len(sys.argv) > 4:
    settings["steps"] = int(sys.argv[4])
trained = jobs.pretrain(PretrainConfig(photos=(photos,), out=run, **settings), JobControl(), tell)
restored = jobs.restore(RestoreConfig(model=trained.run, photos=(photos,), out=out), JobControl(), tell)
print(f"{trained.steps} steps in {trained.seconds:.0f} s; {len(restored.restored)} photos restored into {out}")
