"""DeepLabV3 (Chen et al. 2017): dilated ResNet and pyramid pooling, whose answer is made larger at once."""

from collections.abc import Sequence

from torch import Tensor, nn

from mlmi2023.nets.blocks.cascade import ConvNormRelu
from mlmi2023.nets.blocks.resnet import ResNet
from mlmi2023.papers.fine_grained_wavelet.convolutional import PyramidPooling, upsample


class DeepLabV3(nn.Module):
    """The network with ResNet-50 at an output stride of 16.

    Args:
        channels: of the image.
        classes: of the answer.
        size: not used.
        depths: of the ResNet.
        width: of its stem.
        pyramid: channels of the pyramid pooling.
        rates: its dilations.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 2,
        size: Sequence[int] = (416, 416),
        depths: Sequence[int] = (3, 4, 6, 3),
        width: int = 64,
        pyramid: int = 256,
        rates: Sequence[int] = (6, 12, 18),
    ) -> None:
        super().__init__()
        self.encoder = ResNet(channels, depths, width, dilated=1)
        self.pyramid = PyramidPooling(self.encoder.channels[-1], pyramid, rates)
        self.head = nn.Sequential(ConvNormRelu(pyramid, pyramid), nn.Conv2d(pyramid, classes, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, classes, H, W) of (B, C, H, W)."""
        return upsample(self.head(self.pyramid(self.encoder(image)[-1])), image.shape[2:])
