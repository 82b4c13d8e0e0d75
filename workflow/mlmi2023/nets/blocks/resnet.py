"""Residual networks of bottlenecks as 2D encoders: features at every scale, sizes from arguments.

With batch normalisation, names and shapes are those of the ResNet-50 and -101 that torchvision distributes,
so that such weights load as they are. ``norm="group"`` is the variant in front of vision Transformers (BiT,
as TransUNet has it): standardised convolution weights, group normalisation, and pooling that does not look
beyond the border, so that its first stage has a row and a column less than a quarter of the image's.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: how much wider a stage is than the 3x3 convolutions inside
EXPANSION = 4


class StandardisedConv2d(nn.Conv2d):
    """Convolution whose filters are brought to mean 0 and variance 1 before each use."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of (B, C, H, W)."""
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, correction=0)
        weight = (self.weight - mean) / torch.sqrt(variance + 1e-5)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions around a skip (He et al. 2016); the 3x3 one has the stride."""

    def __init__(
        self,
        inputs: int,
        width: int,
        stride: int = 1,
        dilation: int = 1,
        norm: str = "batch",
        groups: int = 32,
    ) -> None:
        super().__init__()
        outputs = EXPANSION * width
        conv = StandardisedConv2d if norm == "group" else nn.Conv2d

        def normal(channels: int, groups: int = groups) -> nn.Module:
            return nn.GroupNorm(groups, channels, eps=1e-6) if norm == "group" else nn.BatchNorm2d(channels)

        self.conv1, self.bn1 = conv(inputs, width, 1, bias=False), normal(width)
        self.conv2 = conv(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = normal(width)
        self.conv3, self.bn3 = conv(width, outputs, 1, bias=False), normal(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            # the group variant normalises each channel of the skip on its own
            self.downsample = nn.Sequential(
                conv(inputs, outputs, 1, stride, bias=False), normal(outputs, groups=outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 4 width, H/stride, W/stride)."""
        skip = x if self.downsample is None else self.downsample(x)
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        return F.relu(skip + self.bn3(self.conv3(y)), inplace=True)


class ResNet(nn.Module):
    """Stem and stages; the features after each.

    Args:
        channels: of the image.
        depths: bottlenecks of each stage, (3, 4, 6, 3) for ResNet-50, (3, 4, 23, 3) for ResNet-101.
        width: channels of the stem; stages have 4, 8, 16, 32 times as many.
        dilated: how many of the last stages keep their resolution and dilate instead.
        norm: ``batch`` or ``group``.
        groups: of the group variant.
    """

    def __init__(
        self,
        channels: int = 3,
        depths: Sequence[int] = (3, 4, 6, 3),
        width: int = 64,
        dilated: int = 0,
        norm: str = "batch",
        groups: int = 32,
    ) -> None:
        super().__init__()
        conv = StandardisedConv2d if norm == "group" else nn.Conv2d
        self.conv1 = conv(channels, width, 7, 2, 3, bias=False)
        self.bn1 = nn.GroupNorm(groups, width, eps=1e-6) if norm == "group" else nn.BatchNorm2d(width)
        self.beyond = 0 if norm == "group" else 1
        #: channels of each feature map that ``forward`` returns
        self.channels = [width]
        inputs, dilation = width, 1
        for number, depth in enumerate(depths):
            inner = width * 2**number
            stride = 1 if number == 0 else 2
            before = dilation
            if number >= len(depths) - dilated:
                stride, dilation = 1, 2 * dilation
            blocks = [Bottleneck(inputs, inner, stride, before, norm, groups)]
            inputs = EXPANSION * inner
            blocks += [Bottleneck(inputs, inner, 1, dilation, norm, groups) for _ in range(depth - 1)]
            self.add_module(f"layer{number + 1}", nn.Sequential(*blocks))
            self.channels.append(inputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features of (B, C, H, W): at half size after the stem, then those of each stage."""
        x = F.relu(self.bn1(self.conv1(image)), inplace=True)
        features = [x]
        x = F.max_pool2d(x, 3, 2, self.beyond)
        for number in range(1, len(self.channels)):
            x = self.get_submodule(f"layer{number}")(x)
            features.append(x)
        return features
