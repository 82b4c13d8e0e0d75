"""What lies outside of a scan is air: how scans are normalised, and padded with what air has become.

Packed scans lie from 0 (-40 Hounsfield units and less) to 1 (120 and more). The paper subtracts 40 and
divides by 80, which is twice the packed value less 1: air is -1. Padding with 0 would be soft tissue of 40
units.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

Values = TypeVar("Values", np.ndarray, Tensor)

#: a packed value, and what networks see, of air
PACKED_AIR, AIR = 0.0, -1.0


def normalised(packed: Values) -> Values:
    """Return packed intensities as networks see them: (HU - 40) / 80 between -40 and 120."""
    return 2 * packed - 1


def in_air(image: Tensor, size: Sequence[int]) -> Tensor:
    """Return normalised images (B, C, T, H, W) with air around them, so that no side is below ``size``.

    The image keeps the corner: air lies behind it.
    """
    more = [max(0, int(want) - own) for want, own in zip(size, image.shape[2:])]
    pads = [pad for own in reversed(more) for pad in (0, own)]
    return F.pad(image, pads, value=AIR) if any(pads) else image


class InAir(nn.Module):
    """A network that sees sides which divide by ``factor``: air is added behind, and the answer cut back."""

    def __init__(self, net: nn.Module, factor: int) -> None:
        super().__init__()
        self.net, self.factor = net, factor

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of the image's size."""
        sides = list(image.shape[2:])
        logits = self.net(in_air(image, [-(-side // self.factor) * self.factor for side in sides]))
        return logits[:, :, : sides[0], : sides[1], : sides[2]]  # type: ignore[no-any-return]
