"""Restore a folder of photos with the model that ships: `python restore_a_folder.py PHOTOS RESTORED`."""

import sys
from pathlib import Path

from engine import jobs
from engine.contracts.configs import RestoreConfig
from engine.contracts.events import ImageRestored, JobEvent
from engine.contracts.job_control import JobControl
from engine.models.starters import require_starter


def tell(event: JobEvent) -> None:
    """Say which photo is done."""
    if isinstance(event, ImageRestored):
        print(event.output)


photos, out = map(Path, sys.argv[1:3])
config = RestoreConfig(model=require_starter("denoise"), photos=(photos,), out=out, luminance=0.9)
result = jobs.restore(config, JobControl(), tell)
print(f"{len(result.restored)} restored, {len(result.failed)} failed")
