"""The 1D U-NET of the comparison (Sect. 2.2): four poolings, 64 filters at first, kernels of 5."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class _Two(nn.Sequential):
    """Two convolutions, each with batch normalisation and ReLU."""

    def __init__(self, inside: int, outside: int, kernel: int) -> None:
        layers: list[nn.Module] = []
        for width in (inside, outside):
            layers += [
                nn.Conv1d(width, outside, kernel, padding=kernel // 2),
                nn.BatchNorm1d(outside),
                nn.ReLU(),
            ]
        super().__init__(*layers)


class UNet1d(nn.Module):
    """A U-Net along the spectrum; transients are channels.

    Args:
        channels: of the input, before transients join them.
        transients: K, of each channel.
        widths: filters of each level, the bottom's last.
        kernel: odd.
    """

    def __init__(
        self,
        channels: int,
        transients: int,
        widths: Sequence[int] = (64, 128, 256, 512, 1024),
        kernel: int = 5,
    ):
        super().__init__()
        before = [channels * transients, *widths[:-1]]
        self.down = nn.ModuleList([_Two(a, b, kernel) for a, b in zip(before, widths)])
        self.up = nn.ModuleList(
            [_Two(deep + flat, flat, kernel) for flat, deep in zip(widths[-2::-1], widths[:0:-1])]
        )
        self.last = nn.Conv1d(widths[0], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return spectra (B, P) of an input (B, C, P, K); P is a multiple of 2 to the number of poolings."""
        x = x.transpose(2, 3).flatten(1, 2)
        kept: list[Tensor] = []
        for number, level in enumerate(self.down):
            x = level(nn.functional.max_pool1d(x, 2) if number else x)
            kept.append(x)
        for level, beside in zip(self.up, kept[-2::-1]):
            x = level(torch.cat([beside, nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")], 1))
        return self.last(x)[:, 0]  # type: ignore[no-any-return]
