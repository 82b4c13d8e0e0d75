"""TransMorph's encoder: a Swin Transformer on a pair of images, with maps at 1/4, 1/8, 1/16 ... of it."""

from collections.abc import Sequence
from typing import Any

import torch
from monai.networks.blocks.patchembedding import PatchEmbed
from monai.networks.nets.swin_unetr import PatchMergingV2, SwinTransformerBlock, compute_mask, get_window_size
from torch import Tensor, nn

PATCH = 4


def level_shapes(shape: Sequence[int], levels: int) -> list[tuple[int, ...]]:
    """Return the size of each level in tokens: 1/4 of ``shape`` and then halves of that."""
    return [tuple(n // (PATCH * 2**level) for n in shape) for level in range(levels)]


def default_window(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the window of TransMorph, 1/32 of the image: (5, 6, 7) for 160 x 192 x 224."""
    return tuple(max(2, n // 32) for n in shape)


def drop_path_rates(depths: Sequence[int], last: float) -> list[list[float]]:
    """Return stochastic-depth rates that grow linearly over all blocks, as one list for each stage."""
    rates = [last * block / max(sum(depths) - 1, 1) for block in range(sum(depths))]
    return [[rates.pop(0) for _ in range(depth)] for depth in depths]


class Pyramid(nn.Module):
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
        """Make the encoder.

        Args:
            shape: image size, a multiple of ``stride``.
            embed: channels of the first level; they double from level to level.
            depths: blocks of each level.
            heads: attention heads of each level.
            window: attention window in tokens; 1/32 of the image if None.
            mlp_ratio: hidden over outer width of the MLPs.
            drop_path: stochastic-depth rate of the last block.
            checkpoint: recompute blocks in the backward pass, to save memory.
        """
        super().__init__()
        self.channels = [embed * 2**level for level in range(len(depths))]
        self.stride = PATCH * 2 ** (len(depths) - 1)
        window = window or default_window(shape)
        sizes, rates = level_shapes(shape, len(depths)), drop_path_rates(depths, drop_path)
        self.pyramid = Pyramid(2, self.channels)
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
