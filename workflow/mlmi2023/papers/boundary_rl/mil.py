"""Multiple instance learning (Sect. 3.3): a patch is a bag of pixels, seen in windows over the image."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.nets import registry

#: pixels of a patch that a U-Net of five levels can halve four times
LEAST = 16


class PooledUnet(nn.Module):
    """U-Net whose class probabilities of pixels are averaged, then one layer that decides for the bag.

    Args:
        options: key ``net``, a U-Net with two outputs.
        side: pixels of a patch.

    Raises:
        InputError: patches are too small for the U-Net's levels.
    """

    def __init__(self, options: Mapping[str, Any], side: int) -> None:
        super().__init__()
        if options["name"] == "unet" and side < LEAST:
            raise InputError(
                f"config key task.patch: a U-Net halves patches four times, which takes {LEAST} pixels, "
                f"not {side}; raise it, or name another net"
            )
        self.unet = registry.build(options, 1, 2, (side, side))
        self.decide = nn.Linear(2, 1)

    def instances(self, patches: Tensor) -> Tensor:
        """Return the probability vectors (B, 2, P, P) of pixels of patches (B, P, P) in [0, 1]."""
        return self.unet(patches[:, None]).softmax(1)

    def forward(self, patches: Tensor) -> Tensor:
        """Return the logits (B,) of bags."""
        return self.decide(self.instances(patches).mean((2, 3)))[:, 0]

    def pixels(self, patches: Tensor) -> Tensor:
        """Return each pixel's probability (B, P, P) by the layer that decides for bags."""
        return torch.sigmoid(self.decide(self.instances(patches).movedim(1, -1))[..., 0])


def starts(length: int, side: int, step: int) -> list[int]:
    """Return where windows begin along an axis: every ``step`` pixels, the last one at the end."""
    return [*range(0, max(length - side, 0), step), max(length - side, 0)]


def windows(net: PooledUnet, image: Tensor, side: int, overlap: float) -> tuple[Tensor, int]:
    """Return the mean probability (H, W) over windows, and how many there were.

    Args:
        net: trained.
        image: (H, W) in [0, 1].
        side: pixels of a window.
        overlap: share of a window that the next one covers. With 0 windows touch; an image that is no
            multiple of them is continued by zeros.
    """
    height, width = image.shape
    step = max(1, round(side * (1 - overlap)))
    if overlap == 0:
        image = F.pad(image, [0, -width % side, 0, -height % side])
    tops, lefts = (starts(length, side, step) for length in image.shape)
    views = torch.stack([image[t : t + side, k : k + side] for t in tops for k in lefts])
    found = net.pixels(views)
    total, count = torch.zeros_like(image), torch.zeros_like(image)
    for number, view in enumerate(found):
        top, left = tops[number // len(lefts)], lefts[number % len(lefts)]
        total[top : top + side, left : left + side] += view
        count[top : top + side, left : left + side] += 1
    return (total / count)[:height, :width], len(views)
