"""Tiny-ViT (Wu et al., ECCV 2022) as MobileSAM (Zhang et al., 2023) has it: an embedding at 1/16.

Written from the descriptions; submodules are called as in MobileSAM's checkpoint, so that its weights fit.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvNorm(nn.Sequential):
    """A convolution without bias and batch normalisation."""

    def __init__(self, channels: int, outputs: int, side: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.add_module("c", nn.Conv2d(channels, outputs, side, stride, side // 2, groups=groups, bias=False))
        self.add_module("bn", nn.BatchNorm2d(outputs))


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of (B, C, H, W)."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W)."""
        mean, spread = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
        return (x - mean) / (spread + self.eps).sqrt() * self.weight[:, None, None] + self.bias[:, None, None]


class PatchEmbed(nn.Module):
    """Two strided convolutions to a quarter of the image."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.seq = nn.Sequential(
            ConvNorm(channels, width // 2, 3, 2), nn.GELU(), ConvNorm(width // 2, width, 3, 2)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return (B, width, H / 4, W / 4)."""
        return self.seq(image)


class MBConv(nn.Module):
    """An inverted residual: widened, depthwise, narrowed."""

    def __init__(self, width: int, expand: int = 4) -> None:
        super().__init__()
        inner = width * expand
        self.conv1 = ConvNorm(width, inner)
        self.conv2 = ConvNorm(inner, inner, 3, groups=inner)
        self.conv3 = ConvNorm(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W)."""
        inner = F.gelu(self.conv2(F.gelu(self.conv1(x))))
        return F.gelu(x + self.conv3(inner))


class PatchMerging(nn.Module):
    """From stage to stage: other channels and, but before the last stage, half of the side."""

    def __init__(self, width: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(width, outputs)
        self.conv2 = ConvNorm(outputs, outputs, 3, stride, groups=outputs)
        self.conv3 = ConvNorm(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, H / stride, W / stride)."""
        return self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x)))))


class Attention(nn.Module):
    """Attention in windows with a learned bias for each offset, the same whatever its sign."""

    attention_bias_idxs: Tensor

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.key = heads, width // heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        place = np.stack(np.divmod(np.arange(window * window), window), 1)
        offset = np.abs(place[:, None] - place[None])
        number = torch.from_numpy(offset[..., 0] * window + offset[..., 1])
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))
        self.register_buffer("attention_bias_idxs", number, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, N, C) for the N tokens of windows."""
        count, tokens, width = x.shape
        parts = self.qkv(self.norm(x)).view(count, tokens, self.heads, 3 * self.key)
        q, k, v = parts.permute(0, 2, 1, 3).split(self.key, dim=-1)
        bias = self.attention_biases[:, self.attention_bias_idxs]
        share = (q @ k.transpose(-2, -1) * self.key**-0.5 + bias).softmax(-1)
        return self.proj((share @ v).transpose(1, 2).reshape(count, tokens, width))


class Mlp(nn.Module):
    """Normalisation and a perceptron."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, N, C)."""
        return self.fc2(F.gelu(self.fc1(self.norm(x))))


class Block(nn.Module):
    """Attention in windows, a depthwise convolution between, and a perceptron."""

    def __init__(self, width: int, heads: int, window: int, ratio: int = 4) -> None:
        super().__init__()
        self.window = window
        self.attn = Attention(width, heads, window)
        self.local_conv = ConvNorm(width, width, 3, groups=width)
        self.mlp = Mlp(width, width * ratio)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W); sides are padded to whole windows with zeros."""
        count, width, rows, columns = x.shape
        side = self.window
        down, right = -rows % side, -columns % side
        tokens = F.pad(x, (0, right, 0, down)).permute(0, 2, 3, 1)
        high, wide = (rows + down) // side, (columns + right) // side
        tokens = tokens.view(count, high, side, wide, side, width).transpose(2, 3)
        tokens = self.attn(tokens.reshape(-1, side * side, width))
        tokens = tokens.view(count, high, wide, side, side, width).transpose(2, 3)
        tokens = tokens.reshape(count, rows + down, columns + right, width)[:, :rows, :columns]
        x = self.local_conv(x + tokens.permute(0, 3, 1, 2))
        flat = x.flatten(2).transpose(1, 2)
        return (flat + self.mlp(flat)).transpose(1, 2).view(count, width, rows, columns)


class Stage(nn.Module):
    """Blocks, and the way to the next stage."""

    def __init__(self, blocks: Sequence[nn.Module], downsample: nn.Module | None) -> None:
        super().__init__()
        self.blocks, self.downsample = nn.ModuleList(blocks), downsample

    def forward(self, x: Tensor) -> Tensor:
        """Return the next stage's input."""
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class TinyViT(nn.Module):
    """The encoder: 5.7 million weights at its published size.

    Args:
        channels: of the image.
        outputs: of the embedding.
        widths: channels of the stages.
        depths: blocks of each; those of the first are convolutions.
        heads: of each; the first has none.
        windows: tokens along a side; the first has none.
    """

    def __init__(
        self,
        channels: int = 3,
        outputs: int = 256,
        widths: Sequence[int] = (64, 128, 160, 320),
        depths: Sequence[int] = (2, 2, 6, 2),
        heads: Sequence[int] = (2, 4, 5, 10),
        windows: Sequence[int] = (7, 7, 14, 7),
    ) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(channels, widths[0])
        layers = []
        for n, width in enumerate(widths):
            last = n == len(widths) - 1
            blocks: list[nn.Module] = [
                MBConv(width) if n == 0 else Block(width, heads[n], windows[n]) for _ in range(depths[n])
            ]
            # the last stage keeps its side: the embedding is at 1/16
            stride = 1 if n == len(widths) - 2 else 2
            layers.append(Stage(blocks, None if last else PatchMerging(width, widths[n + 1], stride)))
        self.layers = nn.ModuleList(layers)
        self.neck = nn.Sequential(
            nn.Conv2d(widths[-1], outputs, 1, bias=False),
            ChannelNorm(outputs),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            ChannelNorm(outputs),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the embedding (B, outputs, H / 16, W / 16) of (B, C, H, W)."""
        x = self.patch_embed(image)
        for layer in self.layers:
            x = layer(x)
        return self.neck(x)
