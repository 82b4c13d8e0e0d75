"""The cascaded upsampler of TransUNet (Chen et al. 2021), which later networks have taken over."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvNormRelu(nn.Sequential):
    """3 x 3 convolution, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Cascade(nn.ModuleList):
    """Double the resolution, join a skip connection, convolve twice; as often as there are ``outputs``.

    Args:
        bottleneck: channels that come in.
        skips: channels of the skip connections, from coarse to fine; the last steps may have none.
        outputs: channels after each step.
        align_corners: of the linear interpolation.
    """

    def __init__(
        self, bottleneck: int, skips: Sequence[int], outputs: Sequence[int], align_corners: bool = False
    ) -> None:
        inputs = [bottleneck, *outputs[:-1]]
        joined = [*skips, *[0] * (len(outputs) - len(skips))]
        super().__init__(
            nn.Sequential(ConvNormRelu(below + skip, own), ConvNormRelu(own, own))
            for below, skip, own in zip(inputs, joined, outputs)
        )
        self.align_corners = align_corners

    def forward(self, x: Tensor, skips: Sequence[Tensor]) -> Tensor:
        """Return (B, outputs[-1], fH, fW) of (B, bottleneck, H, W) and skips from coarse to fine."""
        for number, convolve in enumerate(self):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=self.align_corners)
            if number < len(skips):
                x = torch.cat([x, skips[number]], dim=1)
            x = convolve(x)
        return x
