"""The transformer branch's encoder (Sect. 2.1): super token blocks, or an ordinary vision transformer."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlmi2023.nets.blocks.vit import TransformerBlock
from mlmi2023.papers.mcnv_oct.attention import SuperTokenAttention

#: side of an ordinary transformer's patch: one place of the coarsest map
PATCH = 16


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.GELU()
    )


class Stem(nn.Sequential):
    """Four 3 x 3 convolutions, of which the first, or the first and the third, halve the image.

    Args:
        channels: of the image.
        width: of the answer; the first two have half of it.
        shrink: 2 or 4.

    Raises:
        ValueError: another ``shrink``.
    """

    def __init__(self, channels: int, width: int, shrink: int) -> None:
        if shrink not in (2, 4):
            raise ValueError(f"stem is {shrink}; it shrinks images by 2 or by 4")
        half = max(1, width // 2)
        super().__init__(
            _conv(channels, half, 2), _conv(half, half), _conv(half, width, shrink // 2), _conv(width, width)
        )


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation of each place of a map over its channels."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same shape (B, C, H, W)."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvFFN(nn.Sequential):
    """1 x 1 convolution, GELU, depth-wise 3 x 3 convolution, 1 x 1 convolution."""

    def __init__(self, width: int, ratio: int) -> None:
        inside = ratio * width
        super().__init__(
            nn.Conv2d(width, inside, 1),
            nn.GELU(),
            nn.Conv2d(inside, inside, 3, padding=1, groups=inside),
            nn.Conv2d(inside, width, 1),
        )


class SuperTokenBlock(nn.Module):
    """STT block: conditional position, super token attention, convolutional FFN, each around a skip.

    Args:
        width: channels.
        heads: of the attention.
        grid: side of a super token's cell.
        iterations: of :class:`SuperTokenAttention`.
        reach: of the same.
        ratio: inner width of the FFN.
    """

    def __init__(
        self, width: int, heads: int, grid: int, iterations: int = 1, reach: str = "all", ratio: int = 4
    ) -> None:
        super().__init__()
        self.position = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm1, self.norm2 = ChannelNorm(width), ChannelNorm(width)
        self.attention = SuperTokenAttention(width, heads, grid, iterations, reach)
        self.ffn = ConvFFN(width, ratio)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same shape."""
        x = x + self.position(x)
        x = x + self.attention(self.norm1(x))
        return x + self.ffn(self.norm2(x))


class SuperTokenViT(nn.Module):
    """The STViT module: stem, patch embedding, four blocks with strided convolutions between, 1 x 1.

    Args:
        channels: of the image.
        outputs: channels of the answer.
        size: rows and columns of the image.
        stem: how much the stem shrinks the image.
        widths: channels of the blocks.
        heads: of each.
        grids: of each.
        iterations: of :class:`SuperTokenAttention`.
        reach: of the same.
        ratio: of :class:`ConvFFN`.

    Raises:
        ValueError: a map does not divide into its grid.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        size: Sequence[int],
        stem: int = 2,
        widths: Sequence[int] = (64, 128, 320, 512),
        heads: Sequence[int] = (1, 2, 5, 8),
        grids: Sequence[int] = (8, 4, 2, 1),
        iterations: int = 1,
        reach: str = "all",
        ratio: int = 4,
    ) -> None:
        super().__init__()
        for number, grid in enumerate(grids):
            if any(side % (stem * 2**number * grid) for side in size):
                raise ValueError(
                    f"an image of {size[0]} x {size[1]} shrinks by {stem * 2**number} before block "
                    f"{number + 1}, whose super tokens are {grid} x {grid}"
                )
        self.stem, self.embed = Stem(channels, widths[0], stem), nn.Conv2d(widths[0], widths[0], 1)
        self.blocks = nn.ModuleList(
            SuperTokenBlock(width, head, grid, iterations, reach, ratio)
            for width, head, grid in zip(widths, heads, grids, strict=True)
        )
        self.shrink = nn.ModuleList(
            nn.Sequential(nn.Conv2d(above, below, 3, 2, 1), nn.BatchNorm2d(below))
            for above, below in itertools.pairwise(widths)
        )
        self.out = nn.Conv2d(widths[-1], outputs, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the map (B, outputs, H / 8 stem, W / 8 stem)."""
        x = self.embed(self.stem(image))
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number < len(self.shrink):
                x = self.shrink[number](x)
        return self.out(x)


class PlainViT(nn.Module):
    """The ordinary vision transformer of rows E.1 and E.2, behind the same stem.

    Args:
        channels: of the image.
        outputs: channels of the answer.
        size: rows and columns of the image, divisible by 16.
        stem: how much the stem shrinks the image.
        start: channels of the stem.
        hidden: channels of a token, which stands for 16 x 16 pixels.
        heads: of the attention.
        layers: blocks.
        ratio: inner width of their perceptrons.

    Raises:
        ValueError: the image does not divide by 16.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        size: Sequence[int],
        stem: int = 2,
        start: int = 64,
        hidden: int = 512,
        heads: int = 8,
        layers: int = 4,
        ratio: int = 4,
    ) -> None:
        super().__init__()
        if any(side % PATCH for side in size):
            raise ValueError(f"an image of {size[0]} x {size[1]} does not divide by {PATCH}")
        side = PATCH // stem
        self.stem, self.embed = Stem(channels, start, stem), nn.Conv2d(start, hidden, side, side)
        self.grid = (size[0] // PATCH, size[1] // PATCH)
        self.position = nn.Parameter(torch.zeros(1, self.grid[0] * self.grid[1], hidden))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.blocks = nn.Sequential(*(TransformerBlock(hidden, heads, ratio * hidden) for _ in range(layers)))
        self.norm, self.out = nn.LayerNorm(hidden), nn.Conv2d(hidden, outputs, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the map (B, outputs, H / 16, W / 16)."""
        tokens = self.embed(self.stem(image)).flatten(2).transpose(1, 2) + self.position
        x = self.norm(self.blocks(tokens))
        return self.out(x.transpose(1, 2).unflatten(2, self.grid))
