"""Discrete wavelet transform of feature maps: one level, on the device, exact to differentiate.

Orthogonal and biorthogonal filters come from PyWavelets; borders are periodic (its mode ``periodization``),
so that every sub-band has half the size and the transform can be inverted. Haar filters never reach over a
border.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: order of the sub-bands: approximation, then PyWavelets' horizontal, vertical and diagonal detail
BANDS = ("LL", "LH", "HL", "HH")


class Wavelet2d(nn.Module):
    """Analysis and synthesis of maps (B, C, H, W) with even H and W.

    Args:
        name: a discrete wavelet of PyWavelets, such as ``haar``, ``db2`` or ``bior2.2``.

    Raises:
        ValueError: there is no such wavelet.
    """

    analysis: Tensor
    synthesis: Tensor

    def __init__(self, name: str = "haar") -> None:
        super().__init__()
        import pywt

        if name not in pywt.wavelist(kind="discrete"):
            raise ValueError(f"no discrete wavelet {name!r}; PyWavelets' wavelist() names them")
        wavelet = pywt.Wavelet(name)
        # PyWavelets convolves, torch correlates: the analysis filters are turned round
        low, high = (torch.tensor(f[::-1]) for f in (wavelet.dec_lo, wavelet.dec_hi))
        self.register_buffer("analysis", _separable(low, high), persistent=False)
        low, high = (torch.tensor(f) for f in (wavelet.rec_lo, wavelet.rec_hi))
        self.register_buffer("synthesis", _separable(low, high), persistent=False)
        self.reach = len(wavelet.dec_lo) // 2 - 1

    def forward(self, maps: Tensor) -> Tensor:
        """Return the sub-bands (B, C, 4, H/2, W/2) of ``maps`` (B, C, H, W), in the order of ``BANDS``.

        Raises:
            ValueError: a side is odd or shorter than the filter's reach.
        """
        batch, channels, height, width = maps.shape
        if height % 2 or width % 2 or min(height, width) < max(self.reach, 2):
            raise ValueError(f"maps of {height} x {width} cannot be halved; both sides must be even")
        if self.reach:
            maps = F.pad(maps, [self.reach] * 4, mode="circular")
        # a depthwise convolution keeps the memory format and needs no copy
        filters = self.analysis.to(maps.dtype).repeat(channels, 1, 1, 1)
        bands = F.conv2d(maps, filters, stride=2, groups=channels)
        return bands.view(batch, channels, 4, height // 2, width // 2)

    def inverse(self, bands: Tensor) -> Tensor:
        """Return the maps (B, C, 2H, 2W) whose sub-bands are ``bands`` (B, C, 4, H, W)."""
        batch, channels, count, height, width = bands.shape
        if count != 4:
            raise ValueError(f"{count} sub-bands; there are 4")
        filters = self.synthesis.to(bands.dtype).repeat(channels, 1, 1, 1)
        flat = bands.reshape(batch, 4 * channels, height, width)
        maps = F.conv_transpose2d(flat, filters, stride=2, groups=channels)
        return _wrapped(_wrapped(maps, 2, self.reach), 3, self.reach)


def _separable(low: Tensor, high: Tensor) -> Tensor:
    """Return the filters (4, 1, L, L) of all sub-bands; the first letter of a band is its rows' filter."""
    pairs = ((low, low), (high, low), (low, high), (high, high))
    return torch.stack([torch.outer(rows, columns) for rows, columns in pairs])[:, None].float()


def _wrapped(maps: Tensor, axis: int, reach: int) -> Tensor:
    """Add what lies beyond both ends of an axis to the opposite side."""
    if not reach:
        return maps
    size = maps.shape[axis] - 2 * reach
    before, inner, behind = maps.split([reach, size, reach], dim=axis)
    space = list(inner.shape)
    space[axis] = size - reach
    gap = inner.new_zeros(space)
    return inner + torch.cat([gap, before], dim=axis) + torch.cat([behind, gap], dim=axis)
