"""The U-Net that both branches are (Sect. 2.2): residual blocks on levels, each modulated from outside."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mlmi2023.papers.hifi_diff.modulation import ResidualBlock


class Branch(nn.Module):
    """An hourglass of residual blocks; what each of them makes is one map of the pyramid.

    Down: ``blocks`` blocks on a level, then a convolution with a stride of 2. Up: the level below, doubled
    and convolved, beside what this level had on the way down, and again ``blocks`` blocks.

    Args:
        inputs: channels of the image.
        widths: channels of each level, the finest first.
        blocks: residual blocks of a level, on each way.
        embedding: length of the vector that modulates channels.
        groups: of all normalisations; every width is a multiple of it.
        conditions: channels of the map that modulates elements, for each block in order; None: none does.
    """

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        blocks: int,
        embedding: int,
        groups: int,
        conditions: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        own = iter(conditions) if conditions is not None else None

        def block(before: int, after: int) -> ResidualBlock:
            return ResidualBlock(before, after, embedding, groups, None if own is None else next(own))

        self.stem = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            nn.ModuleList(block(width, width) for _ in range(blocks)) for width in widths
        )
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(widths))
        upward = list(widths[-2::-1])
        self.grow = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(list(widths)[:0:-1], upward))
        self.up = nn.ModuleList(
            nn.ModuleList(block(2 * width if n == 0 else width, width) for n in range(blocks))
            for width in upward
        )

    @staticmethod
    def places(widths: Sequence[int], blocks: int) -> list[tuple[int, int]]:
        """Return level and channels of the map that each block makes, in order."""
        order = [*range(len(widths)), *range(len(widths) - 2, -1, -1)]
        return [(level, widths[level]) for level in order for _ in range(blocks)]

    def forward(
        self, image: Tensor, embedding: Tensor, conditions: Sequence[Tensor] | None = None
    ) -> list[Tensor]:
        """Return the map of each block, of which the last has full size.

        Args:
            image: (B, inputs, H, W), sides that can be halved at each level.
            embedding: (B, E).
            conditions: a map for each block, of its size.
        """
        own = iter(conditions) if conditions is not None else None
        made: list[Tensor] = []

        def run(blocks: nn.Module, h: Tensor) -> Tensor:
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, embedding, None if own is None else next(own))
                made.append(h)
            return h

        h, kept = self.stem(image), []
        for level, blocks in enumerate(self.down):
            h = run(blocks, h)
            kept.append(h)
            if level < len(self.shrink):
                h = self.shrink[level](h)
        for grow, blocks, before in zip(self.grow, self.up, reversed(kept[:-1])):
            h = grow(F.interpolate(h, scale_factor=2.0, mode="nearest"))
            h = run(blocks, torch.cat([h, before], dim=1))
        return made
