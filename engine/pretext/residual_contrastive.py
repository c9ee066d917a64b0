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

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from engine.configs import JobConfig
from engine.losses.contrastive import (
    ContrastiveTerm,
    nt_xent,
    positive_index,
)
from engine.losses.earth_mover import (
    earth_mover_distance,
    earth_mover_distance_matrix,
    sorted_residuals,
)
from engine.pretext.pretext_task import LossParts, PretextTask, Restore
from engine.pretext.subsampling import neighbour_subsamples


class ContrastParams(JobConfig):
    """Settings of the contrastive term."""

    temperature: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            title="Temperature",
            description="Distance between two noises at which they begin to count as different, on the 0 to 1 scale.",
        ),
    ] = 0.01
    contrast_ratio: Annotated[
        float,
        Field(
            ge=0,
            le=10,
            title="Contrast",
            description="Pull of the contrastive term on the residual, as a share of the consistency term's.",
        ),
    ] = 0.1


class ResidualContrastiveParams(ContrastParams):
    """Settings of residual contrastive learning."""

    stride: Annotated[
        int,
        Field(
            ge=0,
            le=4,
            title="Sub-sampling stride",
            description="Distance between pixels whose noise is independent; 0 measures it on the photos.",
            json_schema_extra={"unit": "px"},
        ),
    ] = 0
    pull_only: Annotated[
        bool,
        Field(
            title="Pull alike noises only",
            description="Negatives weigh the pull between positives, but are not pushed apart themselves.",
        ),
    ] = True


class FidelityParams(ContrastParams):
    """Settings of the plain form."""


class ResidualContrastive(PretextTask):
    """RCL on residuals that cannot see their own noise.

    Raises:
        ValueError: The stride has not been measured yet.
    """

    crops_per_photo = 2
    min_photos = 2

    def __init__(self, params: ResidualContrastiveParams) -> None:
        if params.stride < 1:
            raise ValueError("the stride must be measured on the photos before training: set it to 1 or more")
        self.params = params

    def source_crop_px(self, crop_px: int) -> int:
        """Twice the network's crop for the two sub-samples, times the stride that makes noise independent."""
        return 2 * self.params.stride * crop_px

    def residual(self, restore: Restore, crops: Tensor, generator: torch.Generator) -> Tensor:
        """g2(x) - f(g1(x)). Shape: (batch, 3, side / (2 stride), side / (2 stride))."""
        seen, hidden = neighbour_subsamples(crops, self.params.stride, generator)
        return hidden - restore(seen)

    def loss(self, restore: Restore, crops: Tensor, generator: torch.Generator) -> LossParts:
        """Consistency and contrast on one residual, balanced by their gradients."""
        residual = self.residual(restore, crops, generator)
        return balanced_loss(residual, self.params, pull_only=self.params.pull_only)


class FidelityResidualContrastive(PretextTask):
    """RCL with a plain fidelity term: the residual x - f(x) of the whole crop, kept small by its square."""

    crops_per_photo = 2
    min_photos = 2

    def __init__(self, params: FidelityParams) -> None:
        self.params = params

    def source_crop_px(self, crop_px: int) -> int:
        """The network's crop itself."""
        return crop_px

    def residual(self, restore: Restore, crops: Tensor, generator: torch.Generator) -> Tensor:
        """X - f(x). Same shape as the crops."""
        return crops - restore(crops)

    def loss(self, restore: Restore, crops: Tensor, generator: torch.Generator) -> LossParts:
        """Fidelity and contrast on one residual, balanced by their gradients."""
        residual = self.residual(restore, crops, generator)
        return balanced_loss(residual, self.params, pull_only=False)


def residual_contrast(residual: Tensor, temperature: float, *, pull_only: bool = False) -> ContrastiveTerm:
    """NT-Xent over the earth mover's distances between residuals.

    Args:
        residual: The photos' first crops before their second crops. Shape: (2N, channels, height, width).
        temperature: As for `nt_xent`.
        pull_only: Whether the gradient flows through the positive pairs alone.
    """
    values = sorted_residuals(residual)
    if not pull_only:
        return nt_xent(earth_mover_distance_matrix(values, values), temperature)
    # One matrix without gradient and one gradient per positive pair: the same as
    # keep_gradient_of_positives on the whole matrix, without its backward pass over all pairs.
    with torch.no_grad():
        distances = earth_mover_distance_matrix(values, values)
    num_crops = len(values)
    positives = positive_index(num_crops // 2, values.device)
    to_positive = earth_mover_distance(values, values[positives])
    is_positive = torch.nn.functional.one_hot(positives, num_crops).bool()
    return nt_xent(torch.where(is_positive, to_positive[:, None], distances), temperature)


def balanced_loss(residual: Tensor, params: ContrastParams, *, pull_only: bool) -> LossParts:
    """Mean square plus contrast of one residual, the contrast scaled by the two terms' gradients on the residual.

    A fixed weight would have to follow the noise level and the stage of training; the ratio of the gradients'
    norms does so by itself.

    Args:
        residual: Shape: (2N, channels, height, width).
        params: Temperature and ratio.
        pull_only: Whether the contrast's gradient flows through the positive pairs alone.
    """
    leaf = residual.detach().float().requires_grad_()
    consistency = leaf.square().mean()
    (gradient,) = torch.autograd.grad(consistency, leaf)
    contrast = residual_contrast(leaf, params.temperature, pull_only=pull_only)
    if params.contrast_ratio > 0:
        (contrast_gradient,) = torch.autograd.grad(contrast.loss, leaf)
        scale = params.contrast_ratio * gradient.norm() / contrast_gradient.norm().clamp_min(1e-12)
        gradient = gradient + scale * contrast_gradient
    parts = {
        "consistency": consistency.detach(),
        "contrast": contrast.loss.detach(),
        "contrast_accuracy": contrast.accuracy,
    }
    # A surrogate whose gradient with respect to the residual is the balanced one.
    return LossParts(total=(residual * gradient).sum(), parts=parts)
