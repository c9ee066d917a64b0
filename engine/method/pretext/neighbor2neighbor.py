"""Neighbor2Neighbor: one sub-sample of a noisy photo, restored, has to foretell its neighbouring sub-sample.

Huang, Li, Jia, Lu, Liu: "Neighbor2Neighbor: Self-Supervised Denoising from Single Noisy Images", CVPR 2021. Two
neighbouring sub-samples g1(x) and g2(x) show nearly the same picture with independent noise, so f(g1(x)) cannot learn
the noise of g2(x). The pictures differ a little, though; the regulariser allows f(g1(x)) and g2(x) to differ by as much
as the two sub-samples of the restored photo f(x) do, which take no gradient.

The paper samples from all pixels. Where the noise of neighbours is correlated, the crop is first thinned by the stride
at which it is not, and stands for x in both terms.
"""

import torch
from torch import Tensor

from engine.method.catalogue.pretexts import Neighbor2NeighborParams
from engine.method.pretext.pretext_task import LossParts, Restore
from engine.method.pretext.subsampling import NeighbourSampler, SubsampledTask, thinned


class Neighbor2Neighbor(SubsampledTask):
    """Restored sub-samples that foretell their neighbours.

    Two crops a photo, so that a step sees as many crops as with the contrastive methods.

    Raises:
        ValueError: The stride has not been measured yet.
    """

    crops_per_photo = 2
    params: Neighbor2NeighborParams

    def __init__(self, params: Neighbor2NeighborParams) -> None:
        params.require_stride()
        self.params = params

    def loss(self, restore: Restore, crops: Tensor, photos: Tensor, generator: torch.Generator) -> LossParts:
        """The residual's mean square, and gamma times that of its difference to the restored photo's."""
        noisy = thinned(crops, self.params.stride, generator)
        sampler = NeighbourSampler.draw(noisy, generator)
        seen, hidden = sampler(noisy)
        difference = restore(seen) - hidden
        consistency = difference.square().mean()
        parts = {"consistency": consistency.detach()}
        if self.params.gamma == 0:
            return LossParts(total=consistency, parts=parts)
        with torch.no_grad():
            restored_seen, restored_hidden = sampler(restore(noisy))
        regulariser = (difference - (restored_seen - restored_hidden)).square().mean()
        parts["regulariser"] = regulariser.detach()
        return LossParts(total=consistency + self.params.gamma * regulariser, parts=parts)
