"""Pairs that a registration network has not seen yet: mirrored alike, and the fixed image bent at random."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.fields.displacement import warp
from mlmi2023.tasks.options import PairAugmentation

Two = tuple[Tensor, Tensor]
#: both images mirrored along any axes
FLIPS = {"flip": [0.5, 0.5, 0.5]}


class Augment:
    """What is done to a batch of training pairs; draws come from torch's global generator."""

    def __init__(self, given: str | Mapping[str, Any]) -> None:
        """Read ``task.augment``: ``none``, ``flips``, or keys of :class:`PairAugmentation`.

        Raises:
            InputError: another word or key.
        """
        words: dict[str, Any] = {"none": {}, "flips": FLIPS}
        if isinstance(given, str) and given not in words:
            raise InputError(
                f"config key task.augment is {given!r}; choose {' or '.join(words)}, or give it keys"
            )
        content = words[given] if isinstance(given, str) else dict(given)
        self.keys = options(PairAugmentation, content, "config", "task.augment")

    def __call__(self, images: Two, maps: Two | None) -> tuple[Two, Two | None]:
        """Return images (B, 1, X, Y, Z) and label maps, changed alike."""
        if any(self.keys.flip):
            draws = [torch.rand(1).item() for _ in self.keys.flip]
            axes = [axis + 2 for axis in range(3) if draws[axis] < self.keys.flip[axis]]
            images = images[0].flip(axes), images[1].flip(axes)
            maps = (maps[0].flip(axes), maps[1].flip(axes)) if maps else None
        if self.keys.warp:
            field = smooth_field(images[1].shape, self.keys.warp, self.keys.cells).to(images[1].device)
            images = images[0], warp(images[1], field)
            maps = (maps[0], warp(maps[1], field, mode="nearest")) if maps else None
        return images, maps


def smooth_field(shape: torch.Size, size: float, cells: int) -> Tensor:
    """Return random fields (B, 3, X, Y, Z), linear between ``cells`` + 1 normal draws along each axis."""
    draws = size * torch.randn(shape[0], 3, *[cells + 1] * 3)
    return F.interpolate(draws, size=tuple(shape[2:]), mode="trilinear", align_corners=True)
