"""XMorpher's windowed cross-attention: base windows ask, larger ones of the other answer (Fig. 1d)."""

from collections.abc import Sequence
from math import prod

import torch
import torch.nn.functional as F
from monai.networks.nets.swin_unetr import window_partition, window_reverse
from torch import Tensor, nn


def search_position_index(window: Sequence[int], margin: Sequence[int]) -> Tensor:
    """Return which entry of a position table each (base token, search token) pair uses.

    Args:
        window: base window in tokens.
        margin: by how many tokens the search window exceeds it, on either side of each axis.

    Returns:
        Integers (N_b, N_s) below :func:`table_entries`; equal for equal relative places.
    """
    base = torch.stack(torch.meshgrid(*(torch.arange(w, device="cpu") for w in window), indexing="ij"))
    reach = [torch.arange(-m, w + m, device="cpu") for w, m in zip(window, margin)]
    search = torch.stack(torch.meshgrid(*reach, indexing="ij"))
    apart = base.flatten(1)[:, :, None] - search.flatten(1)[:, None, :]
    index = torch.zeros_like(apart[0])
    for step, w, m in zip(apart, window, margin):
        index = index * (2 * (w + m) - 1) + step + w + m - 1
    return index


def table_entries(window: Sequence[int], margin: Sequence[int]) -> int:
    """Return how many relative places there are between base and search windows."""
    return prod(2 * (w + m) - 1 for w, m in zip(window, margin))


class SearchWindowAttention(nn.Module):
    """Multi-head cross-attention from windows of one image to enlarged windows of the other.

    N_b base tokens ask N_s = factor^3 N_b search tokens, so the cost is O(factor^3 N_b^2 D). On an axis that
    one window covers, nothing is left to enlarge.
    """

    bias_index: Tensor

    def __init__(
        self,
        channels: int,
        heads: int,
        shape: Sequence[int],
        window: Sequence[int],
        shifted: bool = False,
        factor: int = 3,
    ) -> None:
        """Make one direction of attention.

        Args:
            channels: channels of both images' tokens, a multiple of ``heads``.
            heads: number of heads.
            shape: the map, (X, Y, Z) in tokens.
            window: base window in tokens; clamped to the map.
            shifted: shift the windows by half (not on axes that one window covers).
            factor: search over base window, odd.

        Raises:
            ValueError: ``factor`` is even: search windows could not be centred.
        """
        super().__init__()
        if factor < 1 or factor % 2 == 0:
            raise ValueError(
                f"the search window is an odd multiple of the base window, not {factor} times it"
            )
        self.heads, self.shape = heads, tuple(shape)
        self.window = tuple(min(w, n) for w, n in zip(window, shape))
        covered = [w == n for w, n in zip(self.window, shape)]
        self.shift = tuple(0 if c or not shifted else w // 2 for w, c in zip(self.window, covered))
        self.margin = tuple(0 if c else w * (factor - 1) // 2 for w, c in zip(self.window, covered))
        # windows start at minus the shift and cover the map
        self.padded = tuple(-(-(n + s) // w) * w for n, s, w in zip(self.shape, self.shift, self.window))
        self.to_query = nn.Linear(channels, channels, bias=False)
        self.to_key_value = nn.Linear(channels, 2 * channels, bias=False)
        self.project = nn.Linear(channels, channels)
        self.bias_table = nn.Parameter(torch.empty(table_entries(self.window, self.margin), heads))
        nn.init.trunc_normal_(self.bias_table, std=0.02)
        index = search_position_index(self.window, self.margin).to(self.bias_table.device)
        self.register_buffer("bias_index", index, persistent=False)

    def forward(self, base: Tensor, reference: Tensor) -> Tensor:
        """Attend from the windows of the base to the enlarged windows of the reference.

        Args:
            base: normalised tokens (B, X, Y, Z, C); queries.
            reference: normalised tokens of the same shape; keys and values. Outside the map they are zero.

        Returns:
            Update of the base, (B, X, Y, Z, C).
        """
        query = window_partition(self._pad(self.to_query(base), (0, 0, 0)).contiguous(), self.window)
        searched = self._pad(self.to_key_value(reference), self.margin)
        for axis, (w, m) in enumerate(zip(self.window, self.margin)):
            searched = searched.unfold(1 + axis, w + 2 * m, w)
        # (B, windows per axis, 2C, search window) -> (B * windows, N_s, 2C)
        searched = searched.flatten(5).flatten(0, 3).transpose(1, 2)
        key, value = (self._split(part) for part in searched.chunk(2, dim=-1))
        bias = self.bias_table[self.bias_index].permute(2, 0, 1).unsqueeze(0).to(key.dtype)
        mixed = F.scaled_dot_product_attention(self._split(query), key, value, attn_mask=bias)
        windows = self.project(mixed.transpose(1, 2).flatten(2))
        tokens = window_reverse(windows, self.window, (len(base), *self.padded))
        start = self.shift
        for axis, n in enumerate(self.shape):
            tokens = tokens.narrow(1 + axis, start[axis], n)
        return tokens

    def _pad(self, tokens: Tensor, margin: Sequence[int]) -> Tensor:
        """Add zeros around the map: the shift and ``margin`` before it, what windows lack and that behind."""
        sides: list[int] = [0, 0]
        for n, s, p, m in reversed(list(zip(self.shape, self.shift, self.padded, margin))):
            sides += [s + m, p - n - s + m]
        return F.pad(tokens, sides) if any(sides) else tokens

    def _split(self, tokens: Tensor) -> Tensor:
        """(windows, N, C) -> (windows, heads, N, C / heads)."""
        return tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)
