"""Encoders: from a pair of images to feature maps at 1/4, 1/8, 1/16 ... of their size.

Every encoder has ``stride`` (the image size must be a multiple), ``channels`` (of each level, shallow to
deep) and ``forward(moving, fixed) -> list of maps (B, C, X, Y, Z)``, shallow to deep, and is thereby
interchangeable: the comparison of the paper swaps the encoder under a common decoder.
"""

from collections.abc import Sequence
from typing import Any

import torch
from monai.networks.blocks.patchembedding import PatchEmbed
from monai.networks.nets.swin_unetr import PatchMergingV2, SwinTransformerBlock, compute_mask, get_window_size
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recompute

from mlmi2023.papers.defxattn_reg.attention import Stream, TwinBlock, WindowCrossAttention

PATCH = 4


def level_shapes(shape: Sequence[int], levels: int) -> list[tuple[int, ...]]:
    """Return the size of each level in tokens: 1/4 of ``shape`` and then halves of that."""
    return [tuple(n // (PATCH * 2**level) for n in shape) for level in range(levels)]


def default_window(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the window of the paper, 1/32 of the image: (5, 6, 7) for 160 x 192 x 224."""
    return tuple(max(2, n // 32) for n in shape)


def drop_path_rates(depths: Sequence[int], last: float) -> list[list[float]]:
    """Return stochastic-depth rates that grow linearly over all blocks, as one list for each stage."""
    rates = [last * block / max(sum(depths) - 1, 1) for block in range(sum(depths))]
    return [[rates.pop(0) for _ in range(depth)] for depth in depths]


class _Pyramid(nn.Module):
    """Patch embedding, patch merging and output norms of one Swin-like stream."""

    def __init__(self, inputs: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.embed = PatchEmbed(PATCH, inputs, channels[0], norm_layer=nn.LayerNorm)
        self.merge = nn.ModuleList(PatchMergingV2(c) for c in channels[:-1])
        self.norms = nn.ModuleList(nn.LayerNorm(c) for c in channels)

    def start(self, image: Tensor) -> Tensor:
        """(B, inputs, X, Y, Z) -> tokens (B, X/4, Y/4, Z/4, C)."""
        return self.embed(image).movedim(1, -1)

    def descend(self, tokens: Tensor, level: int) -> Tensor:
        """Merge 2 x 2 x 2 tokens on the way into ``level``; level 0 is left as it is."""
        return self.merge[level - 1](tokens) if level else tokens

    def emit(self, tokens: Tensor, level: int) -> Tensor:
        """Normalised channels-first output of a level."""
        return self.norms[level](tokens).movedim(-1, 1)


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
        """
        super().__init__()
        self.channels = [embed * 2**level for level in range(len(depths))]
        self.stride = PATCH * 2 ** (len(depths) - 1)
        self.checkpoint = checkpoint
        window = window or default_window(shape)
        kernels: Sequence[int | None] = offset_kernels or [None] * len(depths)
        rates = drop_path_rates(depths, drop_path)
        shapes = level_shapes(shape, len(depths))
        self.moving, self.fixed = _Pyramid(1, self.channels), _Pyramid(1, self.channels)
        self.levels = nn.ModuleList()
        for level, depth in enumerate(depths):

            def stream(block: int, level: int = level) -> Stream:
                size = self.channels[level]
                attention = WindowCrossAttention(
                    size, heads[level], shapes[level], window, block % 2 == 1, kernels[level]
                )
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


class _SwinLevel(nn.Module):
    """The self-attention blocks of one level, with the mask that the shifted ones share."""

    def __init__(
        self,
        channels: int,
        heads: int,
        size: Sequence[int],
        window: Sequence[int],
        rates: Sequence[float],
        **options: Any,
    ) -> None:
        super().__init__()
        # MONAI's relative-position index is only right for windows that fit the map, so clamp first
        window, shift = get_window_size(size, window, [w // 2 for w in window])
        padded = [-(-n // w) * w for n, w in zip(size, window)]
        self.blocks = nn.ModuleList(
            SwinTransformerBlock(
                channels, heads, window, (0, 0, 0) if i % 2 == 0 else shift, drop_path=rate, **options
            )
            for i, rate in enumerate(rates)
        )
        mask = compute_mask(padded, window, shift, torch.get_default_device()) if any(shift) else None
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        for block in self.blocks:
            tokens = block(tokens, self.mask)
        return tokens


class SelfAttentionEncoder(nn.Module):
    """TransMorph's encoder: a Swin Transformer on the concatenated pair, of MONAI's Swin blocks.

    MONAI's ``SwinTransformer`` returns its levels after patch merging; TransMorph's skips leave before
    it. Hence the levels are put together here.
    """

    def __init__(
        self,
        shape: Sequence[int],
        embed: int = 96,
        depths: Sequence[int] = (2, 2, 4, 2),
        heads: Sequence[int] = (4, 4, 8, 8),
        window: Sequence[int] | None = None,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.3,
        checkpoint: bool = False,
    ) -> None:
        """Make the encoder; arguments as for :class:`CrossAttentionEncoder`."""
        super().__init__()
        self.channels = [embed * 2**level for level in range(len(depths))]
        self.stride = PATCH * 2 ** (len(depths) - 1)
        window = window or default_window(shape)
        sizes, rates = level_shapes(shape, len(depths)), drop_path_rates(depths, drop_path)
        self.pyramid = _Pyramid(2, self.channels)
        self.levels = nn.ModuleList(
            _SwinLevel(
                self.channels[level],
                heads[level],
                sizes[level],
                window,
                rates[level],
                mlp_ratio=mlp_ratio,
                qkv_bias=False,
                use_checkpoint=checkpoint,
            )
            for level in range(len(depths))
        )

    def forward(self, moving: Tensor, fixed: Tensor) -> list[Tensor]:
        """Return the maps of all levels, shallow to deep."""
        tokens = self.pyramid.start(torch.cat((moving, fixed), dim=1))
        outputs = []
        for level, blocks in enumerate(self.levels):
            tokens = blocks(self.pyramid.descend(tokens, level))
            outputs.append(self.pyramid.emit(tokens, level))
        return outputs


ENCODERS = {"deformable_cross_attention": CrossAttentionEncoder, "self_attention": SelfAttentionEncoder}
