"""Name the photos of a folder whose clean references would teach most: `python choose_what_to_label.py PHOTOS`."""

import sys
from pathlib import Path

from engine import jobs
from engine.contracts.configs import ScanConfig, SuggestLabelsConfig
from engine.contracts.events import JobEvent
from engine.contracts.job_control import JobControl
from engine.models.starters import require_starter


def ignore(event: JobEvent) -> None:
    """Nobody watches."""


photos = Path(sys.argv[1])
scan = jobs.scan(ScanConfig(folders=(photos,)), JobControl(), ignore)
for photo in scan.photos:
    print(f"{photo.path.name}: {photo.width} x {photo.height}, noise {255 * (photo.noise_sigma or 0):.1f} of 255")
config = SuggestLabelsConfig(model=require_starter("denoise"), photos=(photos,), count=2)
for label in jobs.suggest_labels(config, JobControl(), ignore).suggested:
    print(f"{label.photo.name}: {label.sentence}")
