"""Attention in windows that shift from block to block (Liu et al. 2021); tokens merged and expanded.

Tokens are maps (B, H, W, C). Names and shapes of weights are those of the released Swin models.
"""

from collections.abc import Sequence
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PatchEmbed(nn.Module):
    """Patches of ``patch`` pixels as tokens: (B, C, H, W) to (B, H/patch, W/patch, width)."""

    def __init__(self, channels: int, width: int, patch: int = 4) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch, patch)
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor) -> Tensor:
        """Return the tokens."""
        return self.norm(self.proj(image).permute(0, 2, 3, 1))


class PatchMerging(nn.Module):
    """Join 2 x 2 tokens: (B, H, W, C) to (B, H/2, W/2, 2C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)
        self.norm = nn.LayerNorm(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the merged tokens."""
        # column by column, as in the released models
        parts = [x[:, row::2, column::2] for column, row in product((0, 1), (0, 1))]
        return self.reduction(self.norm(torch.cat(parts, dim=-1)))


class PatchExpanding(nn.Module):
    """Split a token into ``factor`` x ``factor``: (B, H, W, C) to (B, fH, fW, outputs)."""

    def __init__(self, width: int, factor: int = 2, outputs: int | None = None) -> None:
        super().__init__()
        self.factor = factor
        outputs = outputs or width // 2
        self.expand = nn.Linear(width, factor**2 * outputs, bias=False)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the expanded tokens."""
        batch, height, width, _ = x.shape
        x = self.expand(x).unflatten(-1, (self.factor, self.factor, -1))
        x = x.permute(0, 1, 3, 2, 4, 5).reshape(batch, height * self.factor, width * self.factor, -1)
        return self.norm(x)


class _Attention(nn.Module):
    """Attention inside windows, with a learned bias for every difference of places."""

    relative: Tensor

    def __init__(self, width: int, heads: int, window: tuple[int, int]) -> None:
        super().__init__()
        self.heads = heads
        rows, columns = window
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.relative_position_bias_table = nn.Parameter(
            torch.zeros((2 * rows - 1) * (2 * columns - 1), heads)
        )
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        places = torch.stack(
            torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        ).flatten(1)
        apart = places[:, :, None] - places[:, None]
        index = (apart[0] + rows - 1) * (2 * columns - 1) + apart[1] + columns - 1
        self.register_buffer("relative", index, persistent=False)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return the answer to windows (B, windows, tokens, C); (windows, 1, tokens, tokens) is added."""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(3, 0, 1, 4, 2, 5)
        bias = self.relative_position_bias_table[self.relative].permute(2, 0, 1)
        bias = bias[None] if mask is None else bias[None] + mask
        q, k, v = qkv.unbind(0)
        answer = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(qkv.dtype))
        return self.proj(answer.transpose(2, 3).flatten(3))


class _Mlp(nn.Module):
    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, ratio * width), nn.Linear(ratio * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class SwinBlock(nn.Module):
    """Attention in windows and a perceptron, each behind a norm and around a skip.

    Args:
        width: channels.
        size: rows and columns of the map of tokens.
        heads: of attention.
        window: tokens along a side of a window; a smaller map is one window.
        shifted: whether the windows are moved by half their side.
        drop_path: share of samples whose block is skipped in training.
        ratio: of the perceptron's width.

    Raises:
        ValueError: the map does not divide into windows.
    """

    mask: Tensor | None

    def __init__(
        self,
        width: int,
        size: tuple[int, int],
        heads: int,
        window: int,
        shifted: bool,
        drop_path: float = 0.0,
        ratio: int = 4,
    ) -> None:
        super().__init__()
        self.size = size
        self.window = (min(window, size[0]), min(window, size[1]))
        if size[0] % self.window[0] or size[1] % self.window[1]:
            raise ValueError(
                f"a map of {size[0]} x {size[1]} tokens does not divide into windows of {window}"
            )
        # an axis that is one window has no neighbour to shift to
        self.shift = tuple(w // 2 if shifted and w < s else 0 for w, s in zip(self.window, size))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = _Attention(width, heads, self.window)
        self.mlp = _Mlp(width, ratio)
        self.drop_path = _drop_path(drop_path)
        self.register_buffer("mask", self._mask() if any(self.shift) else None, persistent=False)

    def _mask(self) -> Tensor:
        """Return (windows, 1, tokens, tokens): minus 100 where a shifted window joins what lies far apart."""
        region = torch.zeros(1, *self.size, 1)
        ends = [
            [slice(0, -w), slice(-w, -s), slice(-s, None)] if s else [slice(None)]
            for w, s in zip(self.window, self.shift)
        ]
        for number, (rows, columns) in enumerate(product(*ends)):
            region[:, rows, columns] = number
        own = self._split(region)[0, :, :, 0]
        return (own[:, None, :] != own[:, :, None]).float()[:, None] * -100.0

    def _split(self, x: Tensor) -> Tensor:
        """Return (B, windows, tokens, C) of (B, H, W, C)."""
        (rows, columns), channels = self.window, x.shape[-1]
        x = x.unflatten(2, (-1, columns)).unflatten(1, (-1, rows)).transpose(2, 3)
        return x.reshape(len(x), -1, rows * columns, channels)

    def _join(self, x: Tensor) -> Tensor:
        """Undo :meth:`_split`."""
        (height, width), (rows, columns) = self.size, self.window
        x = x.view(len(x), height // rows, width // columns, rows, columns, -1).transpose(2, 3)
        return x.reshape(len(x), height, width, -1)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape (B, H, W, C)."""
        y = self.norm1(x)
        if any(self.shift):
            y = torch.roll(y, (-self.shift[0], -self.shift[1]), dims=(1, 2))
        y = self._join(self.attn(self._split(y), self.mask))
        if any(self.shift):
            y = torch.roll(y, self.shift, dims=(1, 2))
        x = x + self.drop_path(y)
        return x + self.drop_path(self.mlp(self.norm2(x)))


def _drop_path(rate: float) -> nn.Module:
    if not rate:
        return nn.Identity()
    # monai, which takes seconds to import, is needed here alone
    from monai.networks.layers import DropPath

    return DropPath(rate)


def drop_rates(depths: Sequence[int], last: float) -> list[list[float]]:
    """Return each stage's drop-path rates, which grow linearly from 0 to ``last``."""
    count = sum(depths)
    rates = iter([last * number / max(count - 1, 1) for number in range(count)])
    return [[next(rates) for _ in range(depth)] for depth in depths]


def swin_blocks(
    width: int, size: tuple[int, int], heads: int, window: int, rates: Sequence[float]
) -> nn.Sequential:
    """Return blocks that are plain and shifted in turn, one for each drop-path rate."""
    return nn.Sequential(
        *(SwinBlock(width, size, heads, window, number % 2 == 1, rate) for number, rate in enumerate(rates))
    )


class SwinStage(nn.Module):
    """Blocks, then the merging of tokens if there is a next stage."""

    def __init__(
        self,
        width: int,
        size: tuple[int, int],
        heads: int,
        window: int,
        rates: Sequence[float],
        merges: bool,
    ) -> None:
        super().__init__()
        self.blocks = swin_blocks(width, size, heads, window, rates)
        self.downsample = PatchMerging(width) if merges else None

    def forward(self, x: Tensor) -> Tensor:
        """Return what the next stage gets of (B, H, W, C)."""
        x = self.blocks(x)
        return x if self.downsample is None else self.downsample(x)


class SwinEncoder(nn.Module):
    """Swin Transformer: the tokens that each stage gets, and those of the last.

    Args:
        channels: of the image.
        size: rows and columns of the image.
        width: channels of the first stage; each next has twice as many.
        depths: blocks of each stage.
        heads: of each stage.
        window: tokens along a side of a window.
        patch: pixels along a side of a token.
        drop_path: rate of the last block; it grows linearly from 0.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, int],
        width: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        heads: Sequence[int] = (3, 6, 12, 24),
        window: int = 7,
        patch: int = 4,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        steps = patch * 2 ** (len(depths) - 1)
        if size[0] % steps or size[1] % steps:
            raise ValueError(
                f"an image of {size[0]} x {size[1]} does not divide by {steps}, the last token's side"
            )
        self.patch_embed = PatchEmbed(channels, width, patch)
        rates = drop_rates(depths, drop_path)
        self.sizes = [(size[0] // (patch * 2**n), size[1] // (patch * 2**n)) for n in range(len(depths))]
        self.layers = nn.ModuleList(
            SwinStage(width * 2**n, self.sizes[n], heads[n], window, rates[n], n + 1 < len(depths))
            for n in range(len(depths))
        )
        self.norm = nn.LayerNorm(width * 2 ** (len(depths) - 1))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return what each stage gets, (B, H, W, C) of (B, C, H, W), and last what the last one makes of it.

        The tokens of the last stage are normalised.
        """
        x, found = self.patch_embed(image), []
        for stage in self.layers:
            found.append(x)
            x = stage(x)
        return [*found, self.norm(x)]


def init_transformer(module: nn.Module) -> None:
    """Initialise linear layers as vision Transformers do; for ``Module.apply``."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
