"""HiFormer (Heidari et al. 2023): a ResNet's and a Swin Transformer's features, joined by cross-attention."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.cascade import ConvNormRelu
from mlmi2023.nets.blocks.resnet import ResNet
from mlmi2023.nets.blocks.swin import PatchMerging, drop_rates, swin_blocks
from mlmi2023.nets.blocks.vit import TransformerBlock


class _Asked(nn.Module):
    """The class token of one level asks the tokens of another, at that level's width (cross-attention)."""

    def __init__(self, width: int, other: int, heads: int) -> None:
        super().__init__()
        self.there, self.back = nn.Linear(width, other), nn.Linear(other, width)
        self.norm = nn.LayerNorm(other)
        self.heads = heads
        self.query, self.key_value = nn.Linear(other, other), nn.Linear(other, 2 * other)
        self.project = nn.Linear(other, other)

    def forward(self, token: Tensor, tokens: Tensor) -> Tensor:
        """Return the class token (B, 1, width) after it has seen (B, N, other)."""
        own = self.there(token)
        x = self.norm(torch.cat([own, tokens], dim=1))
        key, value = self.key_value(x).chunk(2, dim=-1)
        q, k, v = (
            t.unflatten(2, (self.heads, -1)).transpose(1, 2) for t in (self.query(x[:, :1]), key, value)
        )
        answer = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return token + self.back(own + self.project(answer))


class DoubleLevelFusion(nn.Module):
    """Transformer blocks on the finest and the coarsest level; their class tokens change sides in between.

    A level's class token is the mean over its positions.

    Args:
        widths: channels of both levels.
        heads: of both.
        depths: blocks of both.
        ratio: of the blocks' perceptrons.
    """

    def __init__(
        self, widths: Sequence[int], heads: Sequence[int], depths: Sequence[int], ratio: int = 2
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(*(TransformerBlock(width, own, ratio * width) for _ in range(depth)))
            for width, own, depth in zip(widths, heads, depths)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in widths)
        fine, coarse = widths
        self.asked = nn.ModuleList([_Asked(fine, coarse, heads[1]), _Asked(coarse, fine, heads[0])])

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return maps (B, H, W, C) of the same shapes."""
        tokens = []
        for level, blocks, norm in zip(maps, self.blocks, self.norms):
            x = norm(level.flatten(1, 2))
            tokens.append(blocks(torch.cat([x.mean(dim=1, keepdim=True), x], dim=1)))
        classes = [
            asked(own[:, :1], other[:, 1:]) for asked, own, other in zip(self.asked, tokens, reversed(tokens))
        ]
        # what a class token has learned reaches its level's positions by addition
        return [
            (x[:, 1:] + token).unflatten(1, level.shape[1:3])
            for x, token, level in zip(tokens, classes, maps)
        ]


class HiFormer(nn.Module):
    """HiFormer-B at its published size.

    Args:
        channels: of the image.
        classes: of the answer.
        size: rows and columns of the image, divisible by 16.
        depths: of the ResNet's first three stages.
        width: of its stem.
        swin: channels of the Transformer's first stage.
        blocks: of each of its three stages.
        heads: of each of its three stages.
        window: tokens along a side of a window.
        fusion: blocks of the fusion, on the finest and the coarsest level.
        fusion_heads: of these.
        decoder: channels of the decoder.
        drop_path: rate of the deepest Swin block.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: tuple[int, int],
        depths: Sequence[int] = (3, 4, 6),
        width: int = 64,
        swin: int = 96,
        blocks: Sequence[int] = (2, 2, 6),
        heads: Sequence[int] = (3, 6, 12),
        window: int = 7,
        fusion: Sequence[int] = (1, 2),
        fusion_heads: Sequence[int] = (6, 12),
        decoder: int = 128,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        self.cnn = ResNet(channels, depths, width)
        sizes = [(size[0] // 4 // 2**n, size[1] // 4 // 2**n) for n in range(3)]
        widths = [swin * 2**n for n in range(3)]
        rates = drop_rates(blocks, drop_path)
        self.narrow = nn.ModuleList(nn.Conv2d(c, own, 1) for c, own in zip(self.cnn.channels[1:], widths))
        self.stages = nn.ModuleList(
            swin_blocks(own, at, h, window, rate) for own, at, h, rate in zip(widths, sizes, heads, rates)
        )
        self.merge = nn.ModuleList(PatchMerging(own) for own in widths[:-1])
        self.fusion = DoubleLevelFusion([widths[0], widths[2]], fusion_heads, fusion)
        self.fine = ConvNormRelu(widths[0], decoder)
        self.coarse = nn.ModuleList([ConvNormRelu(widths[2], decoder), ConvNormRelu(decoder, decoder)])
        self.head = nn.Sequential(ConvNormRelu(decoder, decoder), nn.Conv2d(decoder, classes, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, classes, H, W) of (B, C, H, W)."""
        features = [f(x).permute(0, 2, 3, 1) for f, x in zip(self.narrow, self.cnn(image)[1:])]
        levels, x = [], features[0]
        for n, stage in enumerate(self.stages):
            x = stage(x)
            levels.append(x + features[n])
            if n < len(self.merge):
                x = self.merge[n](levels[-1])
        fine, coarse = (m.permute(0, 3, 1, 2) for m in self.fusion([levels[0], levels[2]]))
        for convolve in self.coarse:
            coarse = F.interpolate(convolve(coarse), scale_factor=2, mode="bilinear", align_corners=False)
        logits = self.head(self.fine(fine) + coarse)
        return F.interpolate(logits, size=image.shape[2:], mode="bilinear", align_corners=False)
