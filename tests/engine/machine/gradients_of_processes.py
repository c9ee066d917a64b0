"""Writes the loss and the gradients of one step in each process: `torchrun … gradients_of_processes NOISY OUT`."""

import itertools
import json
import sys
from pathlib import Path

import torch
from torch import Tensor

from engine.contracts.configs import FinetuneConfig
from engine.contracts.job_control import JobControl
from engine.machine.processes.group import join_group
from engine.method.backbones.unet import UNet
from engine.method.catalogue.backbones import UNetParams
from engine.method.catalogue.pretexts import ResidualContrastiveParams
from engine.method.catalogue.rows import NoParams
from engine.method.pretext.residual_contrastive import ResidualContrastive
from engine.method.tasks.denoise import Denoise
from engine.photos.crops import DecodedPair, decode_photos
from engine.photos.folder import list_image_files
from engine.training.objectives import Objective, PretextObjective, SupervisedObjective


def write(noisy: Path, out: Path) -> None:
    group = join_group()
    photos = decode_photos(list_image_files([noisy]), JobControl(), lambda event: None)
    # All that one batch shares with others: a measured temperature, a queue, bins, gradients through negatives too.
    pretext = ResidualContrastive(
        ResidualContrastiveParams(stride=1, temperature=0, pull_only=False, queue_photos=8, contrast_ratio=1.0)
    )
    unlabelled = PretextObjective(photos, pretext, 5, 16, seed=3)
    config = FinetuneConfig(noisy=(noisy,), clean=(noisy,), photos_per_batch=5, crop_px=16, seed=3)
    pairs = [DecodedPair(noisy=first, clean=second) for first, second in itertools.pairwise(photos)]
    labels = SupervisedObjective(pairs, Denoise(NoParams()), config, unlabelled, 0.3)
    objectives: dict[str, Objective] = {"rcl": unlabelled, "labels": labels}
    found = {}
    for name, objective in objectives.items():
        torch.manual_seed(5)
        network = UNet(UNetParams())
        torch.nn.init.normal_(network.head.weight, std=0.05)
        for step in range(2):
            network.zero_grad()

            def restore(batch: Tensor, network: UNet = network) -> Tensor:
                return group.shared(network, batch)

            loss = objective.loss(restore, objective.batch(step), torch.Generator().manual_seed(step))
            loss.total.backward()
            group.sum_gradients(list(network.parameters()))
        found |= {f"{name} {part}": [float(value)] for part, value in loss.parts.items()}
        gradients = [weight.grad.flatten() for weight in network.parameters() if weight.grad is not None]
        found[f"{name} gradient"] = torch.cat(gradients)[::97].tolist()
    (out / f"{group.size} processes, rank {group.rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    write(*map(Path, sys.argv[1:3]))
