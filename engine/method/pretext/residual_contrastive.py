"""Residual contrastive learning (RCL), and its plain form.

RCL (Dong, Maggioni, Yang, Pérez-Pellitero, Leonardis, McDonagh: "Residual Contrastive Learning for Image
Reconstruction: Learning Transferable Representations from Noisy Images", IJCAI 2022, arXiv 2106.10070) learns to
restore by telling noises apart. Two crops of one photo share their noise distribution, crops of different photos
do not; the residuals of a restoring network are compared by the earth mover's distance and contrasted by NT-Xent. A
consistency term keeps the residual from carrying the picture itself.

The paper's exact consistency term was not at hand. With a plain fidelity term the network finds a shortcut: a
residual that encodes the noise level and removes no noise. So the default here is our own choice: a residual that
cannot see its own noise (J-invariant; Batson and Royer, ICML 2019). Two neighbouring sub-samples of a crop,
g1(x) and g2(x), show the same picture with independent noise (Neighbor2Neighbor; Huang et al., CVPR 2021), so the
residual g2(x) - f(g1(x)) holds the noise of g2(x) whatever the network does, and all it can lower is picture content.
That one residual is used in both terms.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from engine.method.catalogue.pretexts import FidelityParams, ResidualContrastiveParams
from engine.method.losses.residual_contrast import ResidualContrast
from engine.method.pretext.pretext_task import LossParts, PretextTask, Restore
from engine.method.pretext.subsampling import SubsampledTask, neighbour_subsamples


class ResidualContrastive(SubsampledTask):
    """RCL on residuals that cannot see their own noise.

    Raises:
        ValueError: The stride has not been measured yet.
    """

    crops_per_photo = 2
    params: ResidualContrastiveParams

    def __init__(self, params: ResidualContrastiveParams) -> None:
        params.require_stride()
        self.params = params
        self._contrast = ResidualContrast(
            params.temperature,
            temperature_share=params.temperature_share,
            pull_only=params.pull_only,
            num_bins=params.intensity_bins,
            queue_length=params.queue_photos,
        )

    def loss(self, restore: Restore, crops: Tensor, photos: Tensor, generator: torch.Generator) -> LossParts:
        """Consistency and contrast on one residual, balanced by their gradients."""
        seen, hidden = neighbour_subsamples(crops, self.params.stride, generator)
        restored = restore(seen)
        return balanced_loss(
            hidden - restored,
            self._contrast,
            self.params.contrast_ratio,
            intensity=restored.detach(),
            photos=photos,
        )

    def state_tensors(self) -> dict[str, Tensor]:
        """The remembered residuals."""
        return self._contrast.state_tensors()

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on with remembered residuals.

        Raises:
            ValueError: They are those of other settings.
        """
        self._contrast.load_state_tensors(tensors)


class FidelityResidualContrastive(PretextTask):
    """RCL with a plain fidelity term: the residual x - f(x) of the whole crop, kept small by its square."""

    crops_per_photo = 2

    def __init__(self, params: FidelityParams) -> None:
        self.params = params
        self._contrast = ResidualContrast(params.temperature, temperature_share=params.temperature_share)

    def loss(self, restore: Restore, crops: Tensor, photos: Tensor, generator: torch.Generator) -> LossParts:
        """Fidelity and contrast on one residual, balanced by their gradients."""
        residual = self.residual(restore, crops, generator)
        return balanced_loss(residual, self._contrast, self.params.contrast_ratio)


def balanced_loss(
    residual: Tensor,
    contrast: ResidualContrast,
    ratio: float,
    *,
    intensity: Tensor | None = None,
    photos: Tensor | None = None,
) -> LossParts:
    """Mean square plus contrast of one residual, the contrast scaled by the two terms' gradients on the residual.

    A fixed weight would have to follow the noise level and the stage of training; the ratio of the gradients'
    norms does so by itself.

    Args:
        residual: Shape: (2N, channels, height, width).
        contrast: The contrastive term.
        ratio: Norm of its gradient as a share of the consistency's; 0 leaves it out.
        intensity: As for the contrastive term.
        photos: As for the contrastive term.
    """
    leaf = residual.detach().float().requires_grad_()
    consistency = leaf.square().mean()
    (gradient,) = torch.autograd.grad(consistency, leaf)
    parts = {"consistency": consistency.detach()}
    if ratio > 0:
        measured = contrast(leaf, intensity=intensity, photos=photos)
        (contrast_gradient,) = torch.autograd.grad(measured.term.loss, leaf)
        scale = ratio * gradient.norm() / contrast_gradient.norm().clamp_min(1e-12)
        gradient = gradient + scale * contrast_gradient
        parts |= {
            "contrast": measured.term.loss.detach(),
            "contrast_accuracy": measured.term.accuracy,
            "contrast_share_of_chance": measured.term.share_of_chance,
            "residual_distance": measured.distance,
        }
    # A surrogate whose gradient with respect to the residual is the balanced one.
    return LossParts(total=(residual * gradient).sum(), parts=parts)
