"""Super token attention (Sect. 2.2): tokens gather into few super tokens, which attend to each other.

Tokens are (B, N, C) of a map of H x W = N places, super tokens (B, e, C) of a grid of e = H/h x W/w cells.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.vit import Attention


def associate(tokens: Tensor, supers: Tensor, near: Tensor | None = None) -> Tensor:
    """Return the association map Q = softmax(G S^T / sqrt(C)), (B, N, e); each token's row sums to 1 (Eq. 1).

    Args:
        tokens: G, (B, N, C).
        supers: S, (B, e, C).
        near: (N, e), the super tokens that each token may belong to; None: all, as the paper prints.
    """
    scores = tokens @ supers.transpose(1, 2) / tokens.shape[2] ** 0.5
    if near is not None:
        scores = scores.masked_fill(~near, float("-inf"))
    return F.softmax(scores, dim=2)


def update(association: Tensor, tokens: Tensor) -> Tensor:
    """Return super tokens, (B, e, C): means of the tokens by the columns of Q, each scaled to sum 1 (Eq. 2).

    Args:
        association: Q, (B, N, e).
        tokens: X, (B, N, C): those of the map, not earlier super tokens.
    """
    columns = association / association.sum(dim=1, keepdim=True).clamp_min(1e-12)
    return columns.transpose(1, 2) @ tokens


def neighbours(rows: int, columns: int, grid: int, device: torch.device | None = None) -> Tensor:
    """Return which super tokens lie in the 3 x 3 cells around that of each token, (N, e) bool.

    Args:
        rows: of the map.
        columns: of the map.
        grid: side of a cell.
        device: of the answer.
    """
    near = []
    for length in (rows, columns):
        place, cell = (torch.arange(n, device=device) for n in (length, length // grid))
        near.append((place[:, None] // grid - cell).abs() <= 1)
    both = near[0][:, None, :, None] & near[1][None, :, None, :]
    return both.flatten(2).flatten(0, 1)


class SuperTokenAttention(nn.Module):
    """Sampling, attention among super tokens, and back: Q Attn(S) (Eqs. 1 to 4).

    With cells of one place each token is a super token of its own: ordinary attention.

    Args:
        width: channels.
        heads: of the attention.
        grid: side h = w of a cell.
        iterations: t, how often tokens are associated and super tokens updated.
        reach: ``all`` super tokens are open to a token, as printed, or those ``near`` it, the 3 x 3 cells
            around its own.

    Raises:
        ValueError: an unknown reach.
    """

    def __init__(self, width: int, heads: int, grid: int, iterations: int = 1, reach: str = "all") -> None:
        super().__init__()
        if reach not in ("all", "near"):
            raise ValueError(f"reach is '{reach}'; choose all or near")
        self.attention = Attention(width, heads)
        self.grid, self.iterations, self.reach = grid, iterations, reach

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same shape (B, C, H, W); its sides are multiples of the grid."""
        shape = (x.shape[2], x.shape[3])
        tokens = x.flatten(2).transpose(1, 2)
        if self.grid == 1:
            attended = self.attention(tokens)
        else:
            supers = F.avg_pool2d(x, self.grid).flatten(2).transpose(1, 2)
            near = neighbours(*shape, self.grid, x.device) if self.reach == "near" else None
            association = associate(tokens, supers, near)
            supers = update(association, tokens)
            for _ in range(self.iterations - 1):
                association = associate(tokens, supers, near)
                supers = update(association, tokens)
            attended = association @ self.attention(supers)
        return attended.transpose(1, 2).unflatten(2, shape)
