"""Attention whose keys can be kept between the steps of a decoder, and the layers built on it.

Tensors are (B, T, W); keys and values (B, heads, T, W / heads).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pair = tuple[Tensor, Tensor]


class Attention(nn.Module):
    """Multi-head attention; learned pairs of key and value are always open to it (Cornia et al. 2020).

    Args:
        width: W.
        heads: it divides into.
        dropout: of the answer.
        slots: learned pairs of key and value.

    Raises:
        ValueError: the width does not divide.
    """

    def __init__(self, width: int, heads: int, dropout: float, slots: int = 0) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{width} channels do not divide into {heads} heads")
        self.heads = heads
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.slots = nn.Parameter(torch.randn(2, slots, width) * width**-0.5) if slots else None

    def split(self, x: Tensor) -> Tensor:
        """Return (B, T, W) as (B, heads, T, W / heads)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def keys(self, source: Tensor) -> Pair:
        """Return keys and values of a source."""
        key, value = self.key(source), self.value(source)
        if self.slots is not None:
            own = self.slots[:, None].expand(-1, len(source), -1, -1)
            key, value = torch.cat([key, own[0]], 1), torch.cat([value, own[1]], 1)
        return self.split(key), self.split(value)

    def forward(self, x: Tensor, pair: Pair, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """Return what places find in keys and values.

        Args:
            x: places that look.
            pair: of :meth:`keys`.
            mask: (B, S) bool, true where the source may be looked at; None: everywhere. Slots always may.
            causal: place t looks at places up to t.
        """
        seen = None
        if mask is not None:
            more = pair[0].shape[2] - mask.shape[1]
            seen = F.pad(mask, (0, more), value=True)[:, None, None]
        found = F.scaled_dot_product_attention(
            self.split(self.query(x)), *pair, attn_mask=seen, is_causal=causal
        )
        return self.dropout(self.out(found.transpose(1, 2).flatten(2)))


class Norm(nn.LayerNorm):
    """Layer normalisation whose scale and shift are moved by a condition (Chen et al. 2020).

    Args:
        width: W.
        condition: width of what moves them; 0: nothing does.
    """

    def __init__(self, width: int, condition: int = 0) -> None:
        super().__init__(width)
        self.move = nn.ModuleList()
        for _ in range(2 if condition else 0):
            self.move.append(nn.Sequential(nn.Linear(condition, width), nn.ReLU(), nn.Linear(width, width)))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return (B, T, W) normalised; the condition is (B, T, C)."""
        if not self.move:
            return super().forward(x)
        scale, shift = (move(condition) for move in self.move)
        plain = F.layer_norm(x, self.normalized_shape, eps=self.eps)
        return (self.weight + scale) * plain + self.bias + shift


class Perceptron(nn.Sequential):
    """Two dense layers with a ReLU between."""

    def __init__(self, width: int, inner: int, dropout: float) -> None:
        super().__init__(
            nn.Linear(width, inner),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(inner, width),
            nn.Dropout(dropout),
        )


class EncoderLayer(nn.Module):
    """Self-attention and a perceptron, each around a skip and before a norm (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float, slots: int = 0) -> None:
        super().__init__()
        self.attention = Attention(width, heads, dropout, slots)
        self.mlp = Perceptron(width, inner, dropout)
        self.norm1, self.norm2 = Norm(width), Norm(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return (B, S, W); the mask is (B, S)."""
        x = self.norm1(x + self.attention(x, self.attention.keys(x), mask))
        return self.norm2(x + self.mlp(x))


class DecoderLayer(nn.Module):
    """Self-attention, attention to the source, and a perceptron.

    Args:
        width: W.
        heads: of attention.
        inner: of the perceptron.
        dropout: everywhere.
        levels: encoder layers that it looks at; of several, gates weigh what each says (Cornia et al. 2020).
        condition: width of what moves the norms.
    """

    def __init__(
        self, width: int, heads: int, inner: int, dropout: float, levels: int = 1, condition: int = 0
    ) -> None:
        super().__init__()
        self.attention, self.cross = Attention(width, heads, dropout), Attention(width, heads, dropout)
        self.mlp = Perceptron(width, inner, dropout)
        self.norms = nn.ModuleList(Norm(width, condition) for _ in range(3))
        self.gates = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(levels if levels > 1 else 0))

    def looked(self, x: Tensor, sources: list[Pair], mask: Tensor) -> Tensor:
        """Return what the source says to places, gated over its levels."""
        if not self.gates:
            return self.cross(x, sources[-1], mask)
        found = torch.zeros_like(x)
        for gate, source in zip(self.gates, sources, strict=True):
            own = self.cross(x, source, mask)
            found = found + torch.sigmoid(gate(torch.cat([x, own], -1))) * own
        return found / len(sources) ** 0.5

    def forward(
        self,
        x: Tensor,
        sources: list[Pair],
        mask: Tensor,
        past: Pair | None = None,
        condition: Tensor | None = None,
    ) -> tuple[Tensor, Pair]:
        """Return (B, T, W), and keys and values of all places so far.

        Args:
            x: all places; or with ``past`` the next one.
            sources: keys and values of the encoder's levels, by this layer's ``cross``.
            mask: (B, S) of the source.
            past: keys and values of places before.
            condition: (B, T, C).
        """
        own = self.attention.keys(x)
        if past is not None:
            own = tuple(torch.cat(both, 2) for both in zip(past, own, strict=True))  # type: ignore[assignment]
        first, second, third = self.norms
        x = first(x + self.attention(x, own, causal=past is None), condition)
        x = second(x + self.looked(x, sources, mask), condition)
        return third(x + self.mlp(x), condition), own
