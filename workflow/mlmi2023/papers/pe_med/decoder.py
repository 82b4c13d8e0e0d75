"""Fusion modules and the decoder (Fig. 1): a perceptron over all levels, as SegFormer has it."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MlpDecoder(nn.Module):
    """A convolution and a norm for each level, then a perceptron that answers for each place.

    Args:
        dims: channels of the levels, finest first.
        width: channels of each inside.
    """

    def __init__(self, dims: Sequence[int], width: int) -> None:
        super().__init__()
        self.fuse = nn.ModuleList(
            nn.Sequential(nn.Conv2d(dim, width, 1), nn.GroupNorm(1, width)) for dim in dims
        )
        self.answer = nn.Sequential(nn.Conv2d(len(dims) * width, width, 1), nn.ReLU(), nn.Conv2d(width, 1, 1))

    def forward(self, levels: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        """Return logits (B, 1, *size) of maps (B, C, h, w), finest first."""
        fine = levels[0].shape[2:]
        maps = [_enlarged(fuse(level), fine) for fuse, level in zip(self.fuse, levels)]
        return _enlarged(self.answer(torch.cat(maps, 1)), size)


def _enlarged(x: Tensor, size: Sequence[int]) -> Tensor:
    if tuple(x.shape[2:]) == tuple(size):
        return x
    return F.interpolate(x, size=list(size), mode="bilinear", align_corners=False)
