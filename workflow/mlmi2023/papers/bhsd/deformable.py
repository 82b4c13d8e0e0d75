"""Deformable attention over several maps of a volume (CoTr, Sect. 2.2): each query looks at a few places.

Tokens are the voxels of all maps, one map after the other. A query predicts, for each head and map, a few
offsets from its own place and their weights, which sum to 1 over all maps; the values there are interpolated.
"""

from collections.abc import Sequence
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Shape = tuple[int, int, int]


def places(shapes: Sequence[Shape]) -> Tensor:
    """Return where the tokens of all maps lie, (tokens, 3): shares of the volume along W, H, T."""
    found = []
    for deep, tall, wide in shapes:
        axes = [(torch.arange(n) + 0.5) / n for n in (deep, tall, wide)]
        t, h, w = torch.meshgrid(*axes, indexing="ij")
        found.append(torch.stack([w, h, t], -1).reshape(-1, 3))
    return torch.cat(found)


def sine_code(shapes: Sequence[Shape], width: int) -> Tensor:
    """Return the code of each token's place, (tokens, width): sines and cosines of each coordinate."""
    each = width // 6
    pace = 10000 ** (-torch.arange(each) / each)
    angles = 2 * torch.pi * places(shapes)[:, :, None] * pace  # (tokens, 3, each)
    code = torch.cat([angles.sin(), angles.cos()], -1).flatten(1)
    return F.pad(code, (0, width - code.shape[1]))


class DeformableAttention(nn.Module):
    """Attention of each token to ``points`` places in each map, by head.

    Args:
        width: channels.
        heads: of attention.
        levels: number of maps.
        points: places that a head looks at in each map.
    """

    def __init__(self, width: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        self.heads, self.levels, self.points = heads, levels, points
        self.offsets = nn.Linear(width, heads * levels * points * 3)
        self.weights = nn.Linear(width, heads * levels * points)
        self.values, self.out = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.weights.weight)
        nn.init.zeros_(self.weights.bias)
        with torch.no_grad():
            # at first each head looks into a direction of its own, its points ever further
            corners = torch.tensor(list(product((-1.0, 1.0), repeat=3)))
            way = corners[torch.arange(heads) % len(corners)][:, None, None]
            reach = torch.arange(1, points + 1)[None, None, :, None]
            self.offsets.bias.copy_((way * reach).expand(heads, levels, points, 3).flatten())

    def forward(self, query: Tensor, tokens: Tensor, at: Tensor, shapes: Sequence[Shape]) -> Tensor:
        """Return (B, N, width) for queries at places ``at`` (N, 3); tokens (B, M, width) are of all maps."""
        batch, count, width = query.shape
        split = (batch, count, self.heads, self.levels, self.points)
        offsets = self.offsets(query).view(*split, 3)
        weights = self.weights(query).view(*split[:3], -1).softmax(-1).view(split)
        maps = self.values(tokens).split([deep * tall * wide for deep, tall, wide in shapes], dim=1)
        total = query.new_zeros(batch * self.heads, width // self.heads, count)
        for level, (own, shape) in enumerate(zip(maps, shapes)):
            volume = own.view(batch, *shape, self.heads, -1).permute(0, 4, 5, 1, 2, 3).flatten(0, 1)
            size = query.new_tensor(shape[::-1])
            where = at[:, None, None] + offsets[:, :, :, level] / size  # voxels of this map to shares
            grid = (2 * where - 1).transpose(1, 2).flatten(0, 1)[:, :, :, None]  # (B heads, N, points, 1, 3)
            seen = F.grid_sample(volume, grid, align_corners=False)[..., 0]
            share = weights[:, :, :, level].transpose(1, 2).flatten(0, 1)[:, None]
            total = total + (seen * share).sum(-1)
        return self.out(total.view(batch, width, count).transpose(1, 2))


class DeformableLayer(nn.Module):
    """Deformable attention and a perceptron, each with a skip and a norm behind it."""

    def __init__(self, width: int, heads: int, levels: int, points: int, mlp: int, dropout: float) -> None:
        super().__init__()
        self.attention = DeformableAttention(width, heads, levels, points)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.mlp = nn.Sequential(nn.Linear(width, mlp), nn.ReLU(), nn.Dropout(dropout), nn.Linear(mlp, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, code: Tensor, at: Tensor, shapes: Sequence[Shape]) -> Tensor:
        """Return the tokens (B, N, width)."""
        tokens = self.norms[0](tokens + self.drop(self.attention(tokens + code, tokens, at, shapes)))
        return self.norms[1](tokens + self.drop(self.mlp(tokens)))
