"""Deformable windowed cross-attention: one direction, and the block that runs both.

Tokens are maps with channels last, (B, X, Y, Z, C). The base gives keys and values, the reference gives
queries; "the map" is the grid of tokens.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.networks.blocks.mlp import MLPBlock
from monai.networks.layers import DropPath
from monai.networks.nets.swin_unetr import compute_mask, get_window_size, window_partition, window_reverse
from torch import Tensor, nn

from mlmi2023.fields.displacement import warp


def relative_position_index(window: Sequence[int], table: Sequence[int]) -> Tensor:
    """Return which entry of a relative-position table each (query, key) pair of a window uses.

    Args:
        window: window size in tokens, at most ``table`` on each axis.
        table: window size for which the table was made; it has prod(2 t - 1) entries.

    Returns:
        Integers (N, N), N = prod(window).
    """
    axes = [torch.arange(w, device="cpu") for w in window]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij")).flatten(1)
    apart = places[:, :, None] - places[:, None, :]
    index = torch.zeros_like(apart[0])
    for step, size in zip(apart, table):
        index = index * (2 * size - 1) + step + size - 1
    return index


class OffsetNet(nn.Module):
    """The light network that says where each head looks in the reference (Sect. 3, Fig. 2c).

    A depth-wise convolution and a pointwise one act on the sum of base and reference tokens. tanh bounds
    an offset by half the map on each axis; the last layer starts near zero, so windows start undeformed.
    """

    bound: Tensor

    def __init__(self, channels: int, heads: int, kernel: int, shape: Sequence[int]) -> None:
        """Make the network.

        Args:
            channels: channels of the tokens.
            heads: attention heads; each has offsets of its own.
            kernel: size of the depth-wise kernel, odd.
            shape: the map, (X, Y, Z) in tokens.
        """
        super().__init__()
        self.heads = heads
        self.depthwise = nn.Conv3d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.pointwise = nn.Conv3d(channels, 3 * heads, 1, bias=False)
        nn.init.normal_(self.pointwise.weight, std=1e-5)
        bound = torch.tensor([n / 2 for n in shape], dtype=torch.float32).view(1, 1, 3, 1, 1, 1)
        self.register_buffer("bound", bound, persistent=False)

    def forward(self, base: Tensor, reference: Tensor) -> Tensor:
        """Return offsets (B, heads, 3, X, Y, Z) in tokens, channel k along array axis k."""
        both = (base + reference).movedim(-1, 1).contiguous()
        raw = self.pointwise(F.gelu(self.depthwise(both)))
        return torch.tanh(raw.unflatten(1, (self.heads, 3)).float()) * self.bound


class WindowCrossAttention(nn.Module):
    """Multi-head cross-attention inside windows, with or without deformation (DW-MCA, Eq. 2).

    With a kernel, query p of head h reads the reference at p + offset_h(p). The projection U_q is linear
    and trilinear weights sum to one, so projecting the map first and sampling each head's channels
    afterwards is Eq. 2 exactly, and samples every channel once instead of once per head.
    """

    bias_index: Tensor
    mask: Tensor | None

    def __init__(
        self,
        channels: int,
        heads: int,
        shape: Sequence[int],
        window: Sequence[int],
        shifted: bool = False,
        offset_kernel: int | None = None,
    ) -> None:
        """Make one direction of attention.

        Args:
            channels: channels of base and reference, a multiple of ``heads``.
            heads: number of heads.
            shape: the map, (X, Y, Z) in tokens.
            window: window in tokens; clamped to the map, as in Swin.
            shifted: shift the windows by half (not on axes that one window covers).
            offset_kernel: kernel of the offset network; None for plain windowed cross-attention.
        """
        super().__init__()
        self.heads, self.shape = heads, tuple(shape)
        half = [w // 2 if shifted else 0 for w in window]
        self.window, self.shift = get_window_size(self.shape, window, half)
        self.padded = tuple(-(-n // w) * w for n, w in zip(self.shape, self.window))
        self.offsets = None if offset_kernel is None else OffsetNet(channels, heads, offset_kernel, shape)
        self.to_query = nn.Linear(channels, channels, bias=False)
        self.to_key_value = nn.Linear(channels, 2 * channels, bias=False)
        self.project = nn.Linear(channels, channels)
        entries = 1
        for w in window:
            entries *= 2 * w - 1
        self.bias_table = nn.Parameter(torch.empty(entries, heads))
        nn.init.trunc_normal_(self.bias_table, std=0.02)
        index = relative_position_index(self.window, window).to(self.bias_table.device)
        self.register_buffer("bias_index", index, persistent=False)
        mask = None
        if any(self.shift):
            mask = compute_mask(self.padded, self.window, self.shift, self.bias_table.device)[:, None]
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, base: Tensor, reference: Tensor) -> Tensor:
        """Attend from the (deformed) windows of the reference to those of the base.

        Args:
            base: normalised tokens (B, X, Y, Z, C); keys and values.
            reference: normalised tokens of the same shape; queries.

        Returns:
            Update of the base, (B, X, Y, Z, C).
        """
        query = self.to_query(reference)
        if self.offsets is not None:
            query = self.sample(query, self.offsets(base, reference))
        query = self._split(self._windows(query))
        key_value = self.to_key_value(self._windows(base))
        key, value = (self._split(part) for part in key_value.chunk(2, dim=-1))
        bias = self._bias(len(query), query.dtype)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self._unwindow(self.project(mixed.transpose(1, 2).flatten(2)), len(base))

    def sample(self, tokens: Tensor, offsets: Tensor) -> Tensor:
        """Read each head's channels of ``tokens`` at its own offsets: psi of Eq. 2.

        Heads are folded into the batch, so that one call samples them all. Places outside the map take
        the nearest border token: padding is never read.

        Args:
            tokens: (B, X, Y, Z, C).
            offsets: (B, heads, 3, X, Y, Z) in tokens.

        Returns:
            (B, X, Y, Z, C).
        """
        folded = tokens.movedim(-1, 1).unflatten(1, (self.heads, -1)).flatten(0, 1)
        sampled = warp(folded, offsets.flatten(0, 1), padding="border")
        return sampled.unflatten(0, (-1, self.heads)).flatten(1, 2).movedim(1, -1)

    def _windows(self, tokens: Tensor) -> Tensor:
        """(B, X, Y, Z, C) -> (B * windows, N, C), padded with zeros and shifted."""
        lack = [p - n for n, p in zip(self.shape, self.padded)]
        if any(lack):
            tokens = F.pad(tokens, (0, 0, 0, lack[2], 0, lack[1], 0, lack[0]))
        if any(self.shift):
            tokens = torch.roll(tokens, [-s for s in self.shift], dims=(1, 2, 3))
        return window_partition(tokens.contiguous(), self.window)

    def _unwindow(self, windows: Tensor, batch: int) -> Tensor:
        tokens = window_reverse(windows, self.window, (batch, *self.padded))
        if any(self.shift):
            tokens = torch.roll(tokens, self.shift, dims=(1, 2, 3))
        x, y, z = self.shape
        return tokens[:, :x, :y, :z]

    def _split(self, tokens: Tensor) -> Tensor:
        """(windows, N, C) -> (windows, heads, N, C / heads)."""
        return tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _bias(self, windows: int, dtype: torch.dtype) -> Tensor:
        bias = self.bias_table[self.bias_index].permute(2, 0, 1).unsqueeze(0)
        if self.mask is not None:
            bias = bias + self.mask
            if windows > len(bias):
                bias = bias.repeat(windows // len(bias), 1, 1, 1)
        return bias.to(dtype)


class Stream(nn.Module):
    """What one of the two encoders owns in a block: norms, attention, MLP."""

    def __init__(self, channels: int, attention: nn.Module, mlp_ratio: float) -> None:
        """Make one stream around an attention module of ``channels`` channels."""
        super().__init__()
        self.norm_attention = nn.LayerNorm(channels)
        self.attention = attention
        self.norm_mlp = nn.LayerNorm(channels)
        self.mlp = MLPBlock(channels, int(channels * mlp_ratio), dropout_mode="swin")


class TwinBlock(nn.Module):
    """One step of both encoders in parallel: each image is base once and reference once (Fig. 2a, b)."""

    def __init__(self, moving: Stream, fixed: Stream, drop_path: float = 0.0) -> None:
        """Join two streams; ``drop_path`` is the rate of stochastic depth."""
        super().__init__()
        self.moving, self.fixed = moving, fixed
        self.drop_path = DropPath(drop_path)

    def forward(self, moving: Tensor, fixed: Tensor) -> tuple[Tensor, Tensor]:
        """Update both images' tokens (B, X, Y, Z, C) from each other's state before the block."""
        moving_in = self.moving.norm_attention(moving)
        fixed_in = self.fixed.norm_attention(fixed)
        moving = moving + self.drop_path(self.moving.attention(moving_in, fixed_in))
        fixed = fixed + self.drop_path(self.fixed.attention(fixed_in, moving_in))
        moving = moving + self.drop_path(self.moving.mlp(self.moving.norm_mlp(moving)))
        fixed = fixed + self.drop_path(self.fixed.mlp(self.fixed.norm_mlp(fixed)))
        return moving, fixed
