"""Multi-scale context enhancement between encoder and decoder (MSCE, Sect. 2.3, Fig. 2b)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlmi2023.nets.blocks.mix_ffn import MixFFN
from mlmi2023.papers.fine_grained_wavelet.attention import EfficientAttention, StandardAttention
from mlmi2023.papers.fine_grained_wavelet.blocks import Attention


def join_levels(maps: Sequence[Tensor], width: int) -> Tensor:
    """Return the maps (B, H, W, D) of all levels as tokens (B, N, ``width``), one level after the other.

    A position with D channels becomes D / ``width`` tokens.
    """
    return torch.cat([level.reshape(len(level), -1, width) for level in maps], dim=1)


def split_levels(tokens: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Undo :func:`join_levels`: maps shaped as those in ``like``."""
    width = tokens.shape[2]
    counts = [level[0].numel() // width for level in like]
    return [part.reshape(level.shape) for part, level in zip(tokens.split(counts, dim=1), like)]


class GlobalQuery(nn.Module):
    """Squeeze and excitation over all tokens of all levels (SE in Fig. 2b)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.excite = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width), nn.Sigmoid())

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (B, N, width)."""
        return tokens * self.excite(tokens.mean(dim=1, keepdim=True))


class ContextLayer(nn.Module):
    """Efficient attention over all levels at once, then a FET block in each, asked by the global query.

    Args:
        widths: channels of each level; the first is that of the joint tokens.
        heads: of each level.
        attention: builds that of all levels but the last, which has ordinary attention as in the encoder.
    """

    def __init__(self, widths: Sequence[int], heads: Sequence[int], attention: Attention) -> None:
        super().__init__()
        joint = widths[0]
        self.norm1, self.norm2 = nn.LayerNorm(joint), nn.LayerNorm(joint)
        self.mix_levels = EfficientAttention(joint)
        self.query = GlobalQuery(joint)
        kinds = [attention] * (len(widths) - 1) + [StandardAttention]
        self.levels = nn.ModuleList(
            kind(width, own, own_query=False) for kind, width, own in zip(kinds, widths, heads)
        )
        self.mlps = nn.ModuleList(MixFFN(width) for width in widths)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return maps (B, H, W, D) of the same shapes, fine to coarse."""
        tokens = self.norm1(join_levels(maps, self.norm1.normalized_shape[0]))
        tokens = tokens + self.mix_levels(tokens[:, :, None])[:, :, 0]
        queries = split_levels(self.query(tokens), maps)
        parts = split_levels(self.norm2(tokens), maps)
        answers = [
            mlp(level(part, query)) for level, mlp, part, query in zip(self.levels, self.mlps, parts, queries)
        ]
        return [before + answer for before, answer in zip(split_levels(tokens, maps), answers)]


class Bridge(nn.Sequential):
    """Layers of :class:`ContextLayer`, one after the other."""

    def __init__(
        self, widths: Sequence[int], heads: Sequence[int], attention: Attention, layers: int
    ) -> None:
        super().__init__(*(ContextLayer(widths, heads, attention) for _ in range(layers)))
