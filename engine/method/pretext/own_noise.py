"""Learning a folder's own noise and putting it back: a network that restores already is refined on twins of its photos.

The photos' noise is learned first (`engine.simulation.learned`), by residual contrastive learning turned round: twins
whose residuals must be as near to the photos' as two crops of one photo, in the earth mover's distance. Then the
network learns, supervised and at full resolution, to take that noise off clean pictures. Re-noising a network's own
output is the idea of Pseudo-ISP (Cao et al., 2021).

What is here serves where one batch is all there is, as when a step is timed or a residual shown: the noise then is what
the network itself takes away from the crops, shuffled.
"""

import torch
from torch import Tensor

from engine.method.catalogue.rows import NoParams
from engine.method.pretext.pretext_task import LossParts, PretextTask, Restore


class OwnNoise(PretextTask):
    """Twins of photos, with their own noise."""

    crops_per_photo = 1

    def __init__(self, params: NoParams) -> None:
        self.params = params

    def loss(self, restore: Restore, crops: Tensor, photos: Tensor, generator: torch.Generator) -> LossParts:
        """Mean square error on crops whose restored version carries their shuffled residual."""
        with torch.no_grad():
            restored = restore(crops)
            residual = crops - restored
            order = torch.randperm(residual[0, 0].numel(), generator=generator).to(residual.device)
            noise = residual.flatten(2)[:, :, order].view_as(residual)
        error = (restore(restored + noise) - restored).square().mean()
        return LossParts(total=error, parts={"consistency": residual.square().mean(), "supervised": error.detach()})
