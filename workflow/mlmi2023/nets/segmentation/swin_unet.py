"""Swin-Unet (Cao et al. 2022): a U of Swin Transformer blocks between patches and output."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlmi2023.nets.blocks.swin import PatchExpanding, SwinEncoder, drop_rates, init_transformer, swin_blocks


class SwinUnet(nn.Module):
    """The network at its published size: 27.2 million weights for 9 classes at 224 x 224.

    The decoder is given what enters each stage of the encoder, before its blocks.

    Args:
        channels: of the image.
        classes: of the answer.
        size: rows and columns of the image.
        width: channels of the first stage.
        depths: blocks of each stage of the encoder; the decoder has those of the first ones, from below.
        heads: of each stage.
        window: tokens along a side of a window.
        drop_path: rate of the deepest block.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 9,
        size: tuple[int, int] = (224, 224),
        width: int = 96,
        depths: Sequence[int] = (2, 2, 2, 2),
        heads: Sequence[int] = (3, 6, 12, 24),
        window: int = 7,
        drop_path: float = 0.2,
    ) -> None:
        super().__init__()
        self.encoder = SwinEncoder(channels, size, width, depths, heads, window, drop_path=drop_path)
        self.expand, self.join, self.blocks = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        rates = drop_rates(depths, drop_path)
        for n in reversed(range(len(depths) - 1)):
            own = width * 2**n
            self.expand.append(PatchExpanding(2 * own))
            self.join.append(nn.Linear(2 * own, own))
            self.blocks.append(swin_blocks(own, self.encoder.sizes[n], heads[n], window, rates[n]))
        self.norm = nn.LayerNorm(width)
        self.final = PatchExpanding(width, factor=4, outputs=width)
        self.head = nn.Conv2d(width, classes, 1, bias=False)
        self.apply(init_transformer)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, classes, H, W) of (B, C, H, W)."""
        *skips, _, x = self.encoder(image)
        for skip, expand, join, blocks in zip(reversed(skips), self.expand, self.join, self.blocks):
            x = blocks(join(torch.cat([expand(x), skip], dim=-1)))
        x = self.final(self.norm(x))
        return self.head(x.permute(0, 3, 1, 2))
