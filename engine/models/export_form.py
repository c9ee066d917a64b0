"""A network as other libraries compute it best: the same function, in operations that they fuse.

Torch is quickest with one convolution for both halves of a gate and with the channels moved to the end for the
normalisation. Other libraries carry out both as copies of everything (half of OpenVINO's time, measured). What they
compute is bound by how often they pass over memory, so each block normalises in as few passes as can be.
"""

import copy
import math
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.machine.atomic_files import replace_atomically
from engine.method.backbones.backbone import RestorationNetwork
from engine.method.backbones.nafnet import GatedBlock

FORM_VERSION = 2
"""Goes up with every change of what is exported: graphs that are kept from before are then made anew."""

_EPSILON = 1e-6

_EXAMPLE_PX = 64


class SplitGatedBlock(nn.Module):
    """A `GatedBlock` whose halves are convolutions of their own and whose channels stay where they are."""

    def __init__(self, block: GatedBlock) -> None:
        super().__init__()
        self.spatial_in = _halves(block.spatial_in)
        self.depthwise = _halves(block.depthwise)
        self.spatial_out = block.spatial_out
        self.channel_in = _halves(block.channel_in)
        self.channel_out = block.channel_out

    def forward(self, features: Tensor) -> Tensor:
        """Shape: (batch, channels, height, width), kept."""
        normal = _normalise(features)
        first, second = (
            depthwise(pointwise(normal)) for pointwise, depthwise in zip(self.spatial_in, self.depthwise, strict=True)
        )
        features = features + self.spatial_out(first * second)
        result: Tensor = features + self.channel_out(self.mix_channels(features))
        return result

    def mix_channels(self, features: Tensor) -> Tensor:
        """The product of the two halves of the block's second part. Shape: (batch, channels, height, width), kept."""
        normal = _normalise(features)
        first, second = (pointwise(normal) for pointwise in self.channel_in)
        product: Tensor = first * second
        return product


class FoldedGatedBlock(SplitGatedBlock):
    """The same with a pass over memory less, but weights that are no longer the network's.

    A convolution that sees each pixel alone may come before the normalisation, whose mean is then taken off its
    weights, and whose scale is multiplied in with the halves.
    """

    def __init__(self, block: GatedBlock) -> None:
        super().__init__(block)
        self.offsets = nn.ParameterList()
        for pointwise in self.channel_in:
            assert isinstance(pointwise, nn.Conv2d)
            assert pointwise.bias is not None
            pointwise.weight.data -= pointwise.weight.data.mean(dim=1, keepdim=True)
            self.offsets.append(nn.Parameter(pointwise.bias.data.reshape(1, -1, 1, 1), requires_grad=False))
            pointwise.bias = None

    def mix_channels(self, features: Tensor) -> Tensor:
        """See `SplitGatedBlock.mix_channels`."""
        _, scale = _moments(features)
        first, second = (
            pointwise(features) * scale + offset
            for pointwise, offset in zip(self.channel_in, self.offsets, strict=True)
        )
        product: Tensor = first * second
        return product


def export_form(network: RestorationNetwork, *, keeps_weights: bool) -> RestorationNetwork:
    """A copy of a network in the form that other libraries compute best; the same function.

    Args:
        network: The network.
        keeps_weights: Each of its weights stays, or is split into two halves; else a little quicker.
    """
    block_form = SplitGatedBlock if keeps_weights else FoldedGatedBlock
    copied = copy.deepcopy(network)
    for parent in list(copied.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, GatedBlock):
                setattr(parent, name, block_form(child))
    return copied.eval()


def _normalise(features: Tensor) -> Tensor:
    mean, scale = _moments(features)
    return (features - mean) * scale


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Each pixel's mean over its channels, and what its deviations are multiplied by to a variance of 1.

    From two sums over the same values rather than over their deviations, which would have to be written and read.

    Returns:
        Shape: (batch, 1, height, width) each.
    """
    mean = features.mean(dim=1, keepdim=True)
    norm = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    variance = norm * norm * (1.0 / features.shape[1]) - mean * mean
    return mean, torch.rsqrt(variance.clamp(min=0.0) + _EPSILON)


def _halves(layer: nn.Conv2d) -> nn.ModuleList:
    """The convolution's first and second half of output channels, each a convolution."""
    channels = layer.out_channels // 2
    is_depthwise = layer.groups > 1
    halves = nn.ModuleList()
    for half in range(2):
        part = nn.Conv2d(
            channels if is_depthwise else layer.in_channels,
            channels,
            layer.kernel_size,  # type: ignore[arg-type]
            padding=layer.padding,  # type: ignore[arg-type]
            groups=channels if is_depthwise else 1,
        )
        own = slice(half * channels, (half + 1) * channels)
        assert layer.bias is not None
        assert part.bias is not None
        part.weight.data = layer.weight.data[own].clone()
        part.bias.data = layer.bias.data[own].clone()
        halves.append(part)
    return halves.requires_grad_(False)


OPSET = 17
"""Of the ONNX files: what onnxruntime has known since 1.12."""


def export_graph(network: RestorationNetwork, path: Path, *, is_for_any_size: bool = False) -> None:
    """Write a network as an ONNX file. Half a second; no network connection.

    Args:
        network: In evaluation mode, on the CPU.
        path: The file; its folder must exist.
        is_for_any_size: Takes batches of photos of any size and keeps the weights' names; else one photo whose sides
            lie on the network's grid, with all that is constant computed, which is quicker.

    Raises:
        RuntimeError: The network holds an operation that ONNX does not know.
        OSError: The file cannot be written.
    """
    side = math.ceil(_EXAMPLE_PX / network.alignment_px) * network.alignment_px
    if is_for_any_size:
        # The exporter follows what an example does: one off every grid is padded, as any size then is.
        side += 1
    example = torch.zeros(1, network.input_channels, side, side)
    noisy_axes, restored_axes = {2: "height", 3: "width"}, {2: "restored_height", 3: "restored_width"}
    if is_for_any_size:
        noisy_axes[0] = restored_axes[0] = "batch"
    with replace_atomically(path) as temporary, warnings.catch_warnings(), torch.inference_mode():
        # The newer exporter needs two packages more, and takes longer than a short batch.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            export_form(network, keeps_weights=is_for_any_size),
            (example,),
            temporary,
            dynamo=False,
            opset_version=OPSET,
            input_names=["noisy"],
            output_names=["restored"],
            dynamic_axes={"noisy": noisy_axes, "restored": restored_axes},
            do_constant_folding=not is_for_any_size,
        )
