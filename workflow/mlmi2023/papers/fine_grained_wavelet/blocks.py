"""Blocks of the U: overlapping patches and the Transformer block around any attention (Fig. 1)."""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from mlmi2023.nets.blocks.mix_ffn import MixFFN
from mlmi2023.papers.fine_grained_wavelet.attention import (
    EfficientAttention,
    FrequencyAttention,
    StandardAttention,
)

#: takes width, heads and ``own_query``
Attention = Callable[..., nn.Module]


def attention_of(kind: str, wavelet: str = "haar", levels: int = 3) -> Attention:
    """Return what builds the attention ``fet``, ``efficient`` or ``standard``.

    Raises:
        ValueError: another kind.
    """
    kinds: dict[str, Attention] = {
        "fet": partial(FrequencyAttention, wavelet=wavelet, levels=levels),
        "efficient": EfficientAttention,
        "standard": StandardAttention,
    }
    if kind not in kinds:
        raise ValueError(f"unknown attention {kind!r}; choose {', '.join(kinds)}")
    return kinds[kind]


class OverlapPatches(nn.Module):
    """Overlapping patches as tokens: (B, C, H, W) to (B, H/stride, W/stride, width)."""

    def __init__(self, channels: int, width: int, side: int, stride: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, width, side, stride, side // 2)
        self.norm = nn.LayerNorm(width)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the tokens."""
        return self.norm(self.project(maps).permute(0, 2, 3, 1))


class TransformerBlock(nn.Module):
    """LayerNorm, attention, LayerNorm, Mix-FFN, with a skip around each pair."""

    def __init__(self, width: int, heads: int, attention: Attention) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = attention(width, heads)
        self.mlp = MixFFN(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, H, W, D)."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))
