"""The U of Fig. 1: encoder, bridge and decoder, with any attention inside."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlmi2023.nets.blocks.swin import PatchExpanding
from mlmi2023.papers.fine_grained_wavelet.blocks import (
    Attention,
    OverlapPatches,
    TransformerBlock,
    attention_of,
)
from mlmi2023.papers.fine_grained_wavelet.bridge import Bridge


class Encoder(nn.Module):
    """Stages of overlapping patches and Transformer blocks.

    Args:
        channels: of the image.
        widths: channels of each stage.
        heads: of each stage.
        depths: blocks of each stage.
        attention: builds that of all stages but the last.
        last: builds that of the last stage, whose map is too small (7 x 7) and odd to be halved.
    """

    def __init__(
        self,
        channels: int,
        widths: Sequence[int],
        heads: Sequence[int],
        depths: Sequence[int],
        attention: Attention,
        last: Attention,
    ) -> None:
        super().__init__()
        kinds = [attention] * (len(widths) - 1) + [last]
        inputs = [channels, *widths[:-1]]
        self.patches = nn.ModuleList(
            OverlapPatches(below, own, 3 if n else 7, 2 if n else 4)
            for n, (below, own) in enumerate(zip(inputs, widths))
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(TransformerBlock(width, own, kind) for _ in range(depth)))
            for kind, width, own, depth in zip(kinds, widths, heads, depths)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in widths)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the maps (B, H, W, D) of each stage, fine to coarse."""
        x, found = image, []
        for patches, blocks, norm in zip(self.patches, self.stages, self.norms):
            tokens = norm(blocks(patches(x)))
            found.append(tokens)
            x = tokens.permute(0, 3, 1, 2)
        return found


def start_decoder(module: nn.Module) -> None:
    """Initialise linear layers and convolutions after Xavier; for ``Module.apply``."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class FrequencyUnet(nn.Module):
    """FET and its ablations; the sizes are the paper's.

    Args:
        channels: of the image.
        classes: of the answer.
        size: rows and columns of the image, divisible by 32.
        attention: ``fet``, ``efficient`` (the paper's baseline) or ``standard`` (Fig. 3).
        bridge: layers of MSCE between encoder and decoder; 0: plain skips.
        widths: channels of each stage.
        heads: of each stage, in encoder and bridge.
        decoder_heads: of each stage of the decoder, as ``widths`` from fine to coarse; it has no last one.
        depths: blocks of each stage of the encoder; the decoder has those of all but the last.
        wavelet: of ``fet``.
        levels: of the Laplacian pyramid.

    Raises:
        ValueError: the image does not fit.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 9,
        size: tuple[int, int] = (224, 224),
        attention: str = "fet",
        bridge: int = 2,
        widths: Sequence[int] = (64, 128, 320, 512),
        heads: Sequence[int] = (2, 4, 10, 16),
        decoder_heads: Sequence[int] = (16, 8, 4),
        depths: Sequence[int] = (2, 2, 2, 2),
        wavelet: str = "haar",
        levels: int = 3,
    ) -> None:
        super().__init__()
        step = 2 ** (len(widths) + 1)
        if size[0] % step or size[1] % step:
            raise ValueError(f"an image of {size[0]} x {size[1]} does not divide by {step}")
        if any(width % widths[0] for width in widths):
            raise ValueError(f"widths {list(widths)}: the bridge needs multiples of the first")
        kind = attention_of(attention, wavelet, levels)
        last = attention_of("standard" if attention == "fet" else attention)
        self.encoder = Encoder(channels, widths, heads, depths, kind, last)
        self.bridge = Bridge(widths, heads, kind, bridge) if bridge else None
        self.expand, self.join, self.blocks = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for n in reversed(range(len(widths) - 1)):
            above, own = widths[n + 1], widths[n]
            self.expand.append(PatchExpanding(above))
            self.join.append(nn.Linear(above // 2 + own, own))
            self.blocks.append(
                nn.Sequential(*(TransformerBlock(own, decoder_heads[n], kind) for _ in range(depths[n])))
            )
        self.final = PatchExpanding(widths[0], factor=4, outputs=widths[0])
        self.head = nn.Conv2d(widths[0], classes, 1)
        for part in (self.expand, self.join, self.blocks, self.final, self.head):
            part.apply(start_decoder)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, classes, H, W) of (B, C, H, W)."""
        maps = self.encoder(image)
        if self.bridge is not None:
            maps = self.bridge(maps)
        *skips, x = maps
        for skip, expand, join, blocks in zip(reversed(skips), self.expand, self.join, self.blocks):
            x = blocks(join(torch.cat([expand(x), skip], dim=-1)))
        return self.head(self.final(x).permute(0, 3, 1, 2))
