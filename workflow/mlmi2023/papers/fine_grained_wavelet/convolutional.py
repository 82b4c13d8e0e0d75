"""Convolutional baselines of Table 1 around a residual network: R50 U-Net and DeepLabv3+."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.cascade import ConvNormRelu
from mlmi2023.nets.blocks.resnet import ResNet


def upsample(x: Tensor, size: Sequence[int]) -> Tensor:
    """Return maps (B, C, H, W) at another size, linearly."""
    return F.interpolate(x, size=list(size), mode="bilinear", align_corners=False)


class ResUnet(nn.Module):
    """R50 U-Net as TransUNet's authors compare with it: ResNet-50 and the cascade of upsamplers with skips.

    Args:
        channels: of the image.
        classes: of the answer.
        size: not used.
        depths: of the ResNet.
        width: of its stem.
        bottleneck: channels between encoder and decoder.
        decoder: channels after each upsampling; the last one has no skip.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: Sequence[int],
        depths: Sequence[int] = (3, 4, 6, 3),
        width: int = 64,
        bottleneck: int = 512,
        decoder: Sequence[int] = (256, 128, 64, 32, 16),
    ) -> None:
        super().__init__()
        self.encoder = ResNet(channels, depths, width)
        *skips, deepest = self.encoder.channels
        self.bottleneck = nn.Sequential(
            nn.Conv2d(deepest, bottleneck, 1, bias=False), nn.BatchNorm2d(bottleneck), nn.ReLU(inplace=True)
        )
        inputs = [bottleneck, *decoder[:-1]]
        self.decoder = nn.ModuleList(
            nn.Sequential(ConvNormRelu(below + skip, own), ConvNormRelu(own, own))
            for below, skip, own in zip(inputs, [*reversed(skips), 0], decoder)
        )
        self.head = nn.Conv2d(decoder[-1], classes, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, classes, H, W) of (B, C, H, W)."""
        *skips, x = self.encoder(image)
        x = self.bottleneck(x)
        for number, convolve in enumerate(self.decoder):
            if number < len(skips):
                skip = skips[-1 - number]
                x = torch.cat([upsample(x, skip.shape[2:]), skip], dim=1)
            else:
                x = upsample(x, image.shape[2:])
            x = convolve(x)
        return self.head(x)


class PyramidPooling(nn.Module):
    """Atrous spatial pyramid pooling: dilated convolutions and the image's mean side by side."""

    def __init__(self, inputs: int, outputs: int, rates: Sequence[int]) -> None:
        super().__init__()

        def normal(*conv: nn.Module) -> nn.Sequential:
            return nn.Sequential(*conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

        self.branches = nn.ModuleList([normal(nn.Conv2d(inputs, outputs, 1, bias=False))])
        self.branches += [
            normal(nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate, bias=False)) for rate in rates
        ]
        # a mean over one position leaves batch normalisation nothing to normalise in a batch of one
        self.whole = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(inputs, outputs, 1), nn.ReLU(inplace=True)
        )
        self.join = normal(nn.Conv2d((len(rates) + 2) * outputs, outputs, 1, bias=False))
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, H, W)."""
        parts = [branch(x) for branch in self.branches]
        parts.append(self.whole(x).expand(-1, -1, *x.shape[2:]))
        return self.dropout(self.join(torch.cat(parts, dim=1)))


class DeepLabV3Plus(nn.Module):
    """DeepLabv3+ (Chen et al. 2018) with ResNet-101 at an output stride of 16.

    Args:
        channels: of the image.
        classes: of the answer.
        size: not used.
        depths: of the ResNet.
        width: of its stem.
        pyramid: channels after the pyramid pooling.
        low: channels kept of the features at a quarter of the resolution.
        rates: dilations of the pyramid pooling.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: Sequence[int],
        depths: Sequence[int] = (3, 4, 23, 3),
        width: int = 64,
        pyramid: int = 256,
        low: int = 48,
        rates: Sequence[int] = (6, 12, 18),
    ) -> None:
        super().__init__()
        self.encoder = ResNet(channels, depths, width, dilated=1)
        self.pyramid = PyramidPooling(self.encoder.channels[-1], pyramid, rates)
        self.low = nn.Sequential(
            nn.Conv2d(self.encoder.channels[1], low, 1, bias=False),
            nn.BatchNorm2d(low),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Sequential(
            ConvNormRelu(pyramid + low, pyramid),
            ConvNormRelu(pyramid, pyramid),
            nn.Conv2d(pyramid, classes, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, classes, H, W) of (B, C, H, W)."""
        features = self.encoder(image)
        low = self.low(features[1])
        x = upsample(self.pyramid(features[-1]), low.shape[2:])
        return upsample(self.head(torch.cat([x, low], dim=1)), image.shape[2:])
