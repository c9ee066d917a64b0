"""Fine-tune the model that ships on a few clean references, and measure both on the rest.

python fine_tune_and_measure.py NOISY CLEAN RUN [STEPS]
"""

import sys
from pathlib import Path

from engine import jobs
from engine.contracts.configs import EvaluateConfig, FinetuneConfig, Preset
from engine.contracts.events import JobEvent
from engine.contracts.job_control import JobControl
from engine.contracts.presets import finetune_preset
from engine.models.starters import require_starter


def ignore(event: JobEvent) -> None:
    """Nobody watches."""


noisy, clean, run = map(Path, sys.argv[1:4])
settings = finetune_preset(Preset.QUICK, with_twins=True)
if len(sys.argv) > 4:
    settings["steps"] = int(sys.argv[4])
starter = require_starter("denoise")
labels = tuple(sorted(clean.iterdir())[:3])
trained = jobs.finetune(
    FinetuneConfig(parent=starter, noisy=(noisy,), clean=labels, out=run, **settings), JobControl(), ignore
)
for title, model in (("starter", starter), ("fine-tuned", trained.run)):
    # References that taught the model are left out by themselves.
    score = jobs.evaluate(EvaluateConfig(model=model, noisy=(noisy,), clean=(clean,)), JobControl(), ignore)
    print(f"{title}: {score.noisy_psnr:.2f} to {score.psnr:.2f} dB on {score.num_pairs} photos")
