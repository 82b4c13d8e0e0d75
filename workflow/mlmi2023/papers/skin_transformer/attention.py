"""Efficient attention (Sect. 2.1, Eq. 2) and the block around it (Eqs. 3 and 4, Fig. 1b)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.mix_ffn import MixFFN


class EfficientAttention(nn.Module):
    """``E = rho_q(Q) (rho_k(K)^T V)`` at a cost that is linear in the number of tokens (Eq. 2).

    rho_k is a softmax over tokens, so that each of the d channels of K is a map over the image; rho_q is a
    softmax over channels, so that each token mixes what these maps have gathered. The product of both has
    rows that sum to 1, as those of ordinary attention.

    Args:
        width: channels of the tokens; keys, queries and values have as many.
        project: whether a linear layer follows.
    """

    def __init__(self, width: int, project: bool = True) -> None:
        super().__init__()
        self.keys, self.queries, self.values = (nn.Linear(width, width) for _ in range(3))
        self.project = nn.Linear(width, width) if project else None

    def context(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the context rho_k(K)^T V, (B, d, d), and rho_q(Q), (B, N, d), of tokens (B, N, d)."""
        keys = F.softmax(self.keys(x), dim=1)
        queries = F.softmax(self.queries(x), dim=2)
        return keys.transpose(1, 2) @ self.values(x), queries

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the attended tokens (B, N, d), the context and the queries."""
        context, queries = self.context(x)
        attended = queries @ context
        return (attended if self.project is None else self.project(attended)), context, queries


class EfficientBlock(nn.Module):
    """Eqs. 3 and 4: attention, then Mix-FFN, each behind a norm and around a skip.

    Args:
        width: channels of the tokens.
        ffns: how many Mix-FFNs follow each other: 1 as printed, 2 as in the release, whose printed number of
            weights needs them.
        ratio: of :class:`MixFFN`.
    """

    def __init__(self, width: int, ffns: int = 2, ratio: int = 4) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), EfficientAttention(width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(ffns))
        self.ffns = nn.ModuleList(MixFFN(width, ratio) for _ in range(ffns))

    def forward(self, x: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """Return tokens (B, N, width), and the attention's context and queries."""
        attended, context, queries = self.attention(self.norm(x))
        x = x + attended
        for norm, ffn in zip(self.norms, self.ffns):
            x = x + ffn(norm(x).unflatten(1, grid)).flatten(1, 2)
        return x, context, queries


class Stage(nn.Module):
    """A stage of the encoder: overlapping patches, blocks, norm (Fig. 1a).

    Args:
        inputs: channels below.
        width: channels of its tokens.
        patch: side of a patch.
        stride: distance of patches.
        blocks: how many.
        ffns: of :class:`EfficientBlock`.
        ratio: of :class:`MixFFN`.
    """

    def __init__(
        self, inputs: int, width: int, patch: int, stride: int, blocks: int, ffns: int, ratio: int
    ) -> None:
        super().__init__()
        self.embed = nn.Conv2d(inputs, width, patch, stride, patch // 2)
        self.norm_in, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(EfficientBlock(width, ffns, ratio) for _ in range(blocks))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the map (B, width, h, w), and context and queries of the last block."""
        x = self.embed(image)
        grid = (x.shape[2], x.shape[3])
        x = self.norm_in(x.flatten(2).transpose(1, 2))
        context = queries = torch.empty(0)
        for block in self.blocks:
            x, context, queries = block(x, grid)
        return self.norm_out(x).transpose(1, 2).unflatten(2, grid), context, queries
