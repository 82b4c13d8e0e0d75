"""The feature fusion module (Sect. 2.3, Fig. 3)."""

import torch
from torch import Tensor, nn


class SpatialAttention(nn.Module):
    """CBAM's: weigh places by a 7 x 7 convolution over the mean and the largest of the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same shape (B, C, h, w)."""
        seen = torch.stack([x.mean(dim=1), x.amax(dim=1)], dim=1)
        return x * self.weigh(seen).sigmoid()


class SeparableConv(nn.Sequential):
    """Depth-wise 3 x 3 convolution, then 1 x 1 convolution, norm and ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__(
            nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )


class Fusion(nn.Module):
    """Join maps of the transformer (m) and of the CNN (n), of one shape, into f.

    M weighs the channels of m (squeeze and excitation), N the places of n, D comes of a depth-wise separable
    convolution of their sum; a residual block takes all of them.

    Args:
        width: channels of both maps and of the answer.
        separable: whether there is D; rows E.1 and E.3 do without.
        reduction: of squeeze and excitation.
    """

    def __init__(self, width: int, separable: bool = True, reduction: int = 16) -> None:
        super().__init__()
        from monai.networks.blocks import ChannelSELayer, ResidualUnit

        self.channel = ChannelSELayer(2, width, r=min(reduction, width))
        self.spatial = SpatialAttention()
        self.separable = SeparableConv(width) if separable else None
        parts = 3 if separable else 2
        self.join = ResidualUnit(2, parts * width, width, subunits=2, act="relu", norm="batch")

    def forward(self, m: Tensor, n: Tensor) -> Tensor:
        """Return f (B, width, h, w) of two maps of that shape."""
        parts = [self.channel(m), self.spatial(n)]
        if self.separable is not None:
            parts.append(self.separable(m + n))
        return self.join(torch.cat(parts, dim=1))
