"""Encoders: from a pair of images to feature maps at 1/4, 1/8, 1/16 ... of their size.

Every encoder has ``stride`` (the image size must be a multiple), ``channels`` (of each level, shallow to
deep) and ``forward(moving, fixed) -> list of maps (B, C, X, Y, Z)``, shallow to deep, and is thereby
interchangeable: the comparison of the paper swaps the encoder under a common decoder.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recompute

from mlmi2023.nets.blocks.swin_pyramid import (
    PATCH,
    Pyramid,
    SelfAttentionEncoder,
    default_window,
    drop_path_rates,
    level_shapes,
)
from mlmi2023.papers.defxattn_reg.attention import Stream, TwinBlock, WindowCrossAttention
from mlmi2023.papers.defxattn_reg.search_attention import SearchWindowAttention


class CrossAttentionEncoder(nn.Module):
    """Two parallel encoders that talk by windowed cross-attention (Sect. 3, Fig. 2a).

    The encoders share no weights. Their outputs are added level by level.
    """

    def __init__(
        self,
        shape: Sequence[int],
        embed: int = 96,
        depths: Sequence[int] = (4, 4, 5),
        heads: Sequence[int] = (8, 8, 8),
        window: Sequence[int] | None = None,
        offset_kernels: Sequence[int] | None = (7, 5, 3),
        mlp_ratio: float = 4.0,
        drop_path: float = 0.3,
        checkpoint: bool = False,
        search: int = 1,
    ) -> None:
        """Make both encoders.

        Args:
            shape: image size, a multiple of ``stride``.
            embed: channels of the first level; they double from level to level.
            depths: blocks of each level.
            heads: attention heads of each level.
            window: attention window in tokens; 1/32 of the image if None.
            offset_kernels: kernel of the offset network of each level; None for windows that do not
                deform (plain windowed cross-attention).
            mlp_ratio: hidden over outer width of the MLPs.
            drop_path: stochastic-depth rate of the last block.
            checkpoint: recompute blocks in the backward pass, to save memory.
            search: above 1, attention asks windows of the other image that are so many times larger along
                each axis (XMorpher); these do not deform.
        """
        super().__init__()
        self.channels = [embed * 2**level for level in range(len(depths))]
        self.stride = PATCH * 2 ** (len(depths) - 1)
        self.checkpoint = checkpoint
        window = window or default_window(shape)
        kernels: Sequence[int | None] = offset_kernels or [None] * len(depths)
        rates = drop_path_rates(depths, drop_path)
        shapes = level_shapes(shape, len(depths))
        self.moving, self.fixed = Pyramid(1, self.channels), Pyramid(1, self.channels)
        self.levels = nn.ModuleList()
        for level, depth in enumerate(depths):

            def stream(block: int, level: int = level) -> Stream:
                size, where = self.channels[level], (heads[level], shapes[level], window, block % 2 == 1)
                attention: nn.Module
                if search > 1:
                    attention = SearchWindowAttention(size, *where, search)
                else:
                    attention = WindowCrossAttention(size, *where, kernels[level])
                return Stream(size, attention, mlp_ratio)

            blocks = [TwinBlock(stream(i), stream(i), rates[level][i]) for i in range(depth)]
            self.levels.append(nn.ModuleList(blocks))

    def streams(self, moving: Tensor, fixed: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Return the maps of the moving and of the fixed image's encoder, shallow to deep."""
        a, b = self.moving.start(moving), self.fixed.start(fixed)
        outputs: tuple[list[Tensor], list[Tensor]] = ([], [])
        for level, blocks in enumerate(self.levels):
            a, b = self.moving.descend(a, level), self.fixed.descend(b, level)
            for block in blocks:  # type: ignore[attr-defined]
                if self.checkpoint and torch.is_grad_enabled():
                    a, b = recompute(block, a, b, use_reentrant=False)
                else:
                    a, b = block(a, b)
            outputs[0].append(self.moving.emit(a, level))
            outputs[1].append(self.fixed.emit(b, level))
        return outputs

    def forward(self, moving: Tensor, fixed: Tensor) -> list[Tensor]:
        """Return the sums of both encoders' maps, shallow to deep."""
        return [a + b for a, b in zip(*self.streams(moving, fixed))]


class SearchCrossAttentionEncoder(CrossAttentionEncoder):
    """XMorpher's cross-attention in the same two encoders: fixed windows, enlarged to search (XMorpher*)."""

    def __init__(self, shape: Sequence[int], search: int = 3, **options: Any) -> None:
        """Make both encoders; other arguments as for :class:`CrossAttentionEncoder`."""
        super().__init__(shape, search=search, offset_kernels=None, **options)


ENCODERS = {
    "deformable_cross_attention": CrossAttentionEncoder,
    "search_cross_attention": SearchCrossAttentionEncoder,
    "self_attention": SelfAttentionEncoder,
}
