"""The U-shaped efficient transformer (Fig. 1a), with or without ISCF."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlmi2023.nets.blocks.swin import PatchExpanding
from mlmi2023.papers.skin_transformer.attention import Stage
from mlmi2023.papers.skin_transformer.iscf import ISCF

#: side and distance of the patches of each stage
PATCHES = ((7, 4), (3, 2), (3, 2))


class Fusion(nn.Module):
    """Join what comes from below with a skip connection: linear layers and a norm, no attention."""

    def __init__(self, below: int, width: int) -> None:
        super().__init__()
        self.widen, self.join, self.norm = (
            nn.Linear(below, width),
            nn.Linear(2 * width, width),
            nn.LayerNorm(width),
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return (B, h, w, width) of (B, h, w, below) and (B, h, w, width)."""
        return self.norm(self.join(torch.cat([self.widen(x), skip], dim=-1)))


class SkinTransformer(nn.Module):
    """Three stages of efficient attention, ISCF on the skip connections, patch expanding back up.

    Args:
        channels: of the image.
        classes: of the answer; 1 for lesion against skin.
        size: rows and columns of the image; multiples of 16.
        widths: channels of the stages at 1/4, 1/8 and 1/16 of the image.
        blocks: of each stage.
        ffns: Mix-FFNs of a block.
        ratio: inner width of a Mix-FFN.
        scales: stages that ISCF joins, from 1; empty: plain skip connections.
        contexts: ``recompute`` or ``reuse``, see :class:`ISCF`.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1,
        size: tuple[int, int] = (224, 224),
        widths: Sequence[int] = (128, 320, 512),
        blocks: Sequence[int] = (2, 2, 2),
        ffns: int = 2,
        ratio: int = 4,
        scales: Sequence[int] = (1, 2, 3),
        contexts: str = "recompute",
    ) -> None:
        super().__init__()
        below = [channels, *widths[:-1]]
        self.stages = nn.ModuleList(
            Stage(inputs, width, patch, stride, count, ffns, ratio)
            for inputs, width, count, (patch, stride) in zip(below, widths, blocks, PATCHES, strict=True)
        )
        self.iscf = ISCF(widths, scales, contexts) if scales else None
        upwards = list(reversed(widths))
        self.expand = nn.ModuleList(PatchExpanding(width) for width in upwards[:-1])
        self.fuse = nn.ModuleList(Fusion(lower // 2, width) for lower, width in itertools.pairwise(upwards))
        self.final = PatchExpanding(widths[0], factor=4, outputs=widths[0])
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, classes, H, W) of (B, channels, H, W); sides are multiples of 16."""
        if image.shape[2] % 16 or image.shape[3] % 16:
            raise ValueError(f"an image of {tuple(image.shape[2:])} does not divide by 16")
        maps: list[Tensor] = []
        contexts, queries = [], []
        x = image
        for stage in self.stages:
            x, context, query = stage(x)
            maps.append(x)
            contexts.append(context)
            queries.append(query)
        if self.iscf is not None:
            for n, added in self.iscf(maps, contexts, queries).items():
                maps[n - 1] = maps[n - 1] + added
        *skips, x = (found.permute(0, 2, 3, 1) for found in maps)
        for expand, fuse, skip in zip(self.expand, self.fuse, reversed(skips)):
            x = fuse(expand(x), skip)
        return self.head(self.final(x).permute(0, 3, 1, 2))
