"""DnCNN (Zhang, Zuo, Chen, Meng, Zhang, IEEE TIP 2017): a plain stack of 3x3 convolutions that predicts the noise.

Without the paper's batch normalisation, so that the result of a tile does not depend on the tile's other content.
With `shuffle` 2 it works on 2x2 cells of pixels as channels, which is FFDNet's network (Zhang, Zuo, Zhang, IEEE TIP
2018) without its noise map.
"""

import torch.nn.functional as F  # noqa: N812 - the customary name
from torch import Tensor, nn

from engine.method.backbones.backbone import PHOTO_CHANNELS, Backbone, initialise_for_relu
from engine.method.catalogue.backbones import DnCNNParams


class DnCNN(Backbone):
    """Noise-predicting stack of convolutions.

    Attributes:
        alignment_px: Side of its cells.
        context_px: Radius of the receptive field.
    """

    def __init__(self, params: DnCNNParams) -> None:
        super().__init__()
        self.feature_stride = self.alignment_px = params.shuffle
        self.feature_channels = params.width
        inputs = [PHOTO_CHANNELS * params.shuffle**2, *[params.width] * (params.num_layers - 2)]
        self.body = nn.ModuleList(nn.Conv2d(channels, params.width, 3, padding=1) for channels in inputs)
        # Each convolution, the head's too, reaches one cell to a side; a pixel sees its own cell to the far side.
        self.context_px = params.shuffle * (len(self.body) + 1) + params.shuffle - 1
        initialise_for_relu(self)
        self.head = self.new_head()

    def features(self, noisy: Tensor) -> Tensor:
        """What the network knows of each cell. Shape: (batch, width, height / shuffle, width / shuffle)."""
        features = F.pixel_unshuffle(noisy, self.feature_stride) if self.feature_stride > 1 else noisy
        for layer in self.body:
            features = F.relu(layer(features), inplace=True)
        return features
