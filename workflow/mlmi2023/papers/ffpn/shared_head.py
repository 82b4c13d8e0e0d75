"""The head of detectors that look at all levels of the pyramid with the same weights."""

from math import gcd

from torch import nn


class SharedHead(nn.Sequential):
    """Three 3x3 convolutions with group normalisation and ReLU, and a 3x3 convolution.

    Levels differ in their statistics. Batch normalisation would train with those of one level at a time and
    answer with an average over levels that fits none of them.

    Args:
        width: channels of a level.
        outputs: channels that come out.
        depth: convolutions before the last one.
    """

    def __init__(self, width: int, outputs: int, depth: int = 3) -> None:
        layers: list[nn.Module] = []
        for _ in range(depth):
            norm = nn.GroupNorm(gcd(width, 32), width)
            layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), norm, nn.ReLU()]
        last = nn.Conv2d(width, outputs, 3, padding=1)
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        super().__init__(*layers, last)
