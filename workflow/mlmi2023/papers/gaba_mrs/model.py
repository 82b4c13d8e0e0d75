"""The Rdc-UNET2D (Sect. 2.2, Fig. 2): a 2D U-Net in which each convolution takes transients away.

Transients lie along the second axis. What sees them one by one comes first; then every convolution of the
U-Net is padded along the spectrum alone, so that a kernel of 5 x 3 joins neighbours and leaves two transients
fewer: of 40 there are 36 after the first level, 20 at the bottom and 4 at the end. Skip connections lose as
many by a convolution of their own.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError

#: transients that a level's two convolutions take away
LOST = 4


def _conv(inside: int, outside: int, kernel: tuple[int, int], across: int = 0) -> nn.Sequential:
    """Return a convolution with batch normalisation and ReLU, padded along the spectrum."""
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, padding=(kernel[0] // 2, across)),
        nn.BatchNorm2d(outside),
        nn.ReLU(),
    )


class _Two(nn.Sequential):
    """The two convolutions of a level."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(_conv(inside, outside, (5, 3)), _conv(outside, outside, (5, 3)))


def transients_of(count: int, levels: int) -> list[int]:
    """Return how many transients there are after each level, downwards and up again.

    Raises:
        InputError: none would be left.
    """
    found = [count - LOST * (number + 1) for number in range(2 * levels + 1)]
    if found[-1] < 1:
        raise InputError(
            f"{count} transients are too few for {levels} poolings, which need "
            f"{LOST * (2 * levels + 1) + 1}; raise task.pairs or give the method's net fewer widths"
        )
    return found


class RdcUNet2d(nn.Module):
    """The paper's network.

    Args:
        channels: of the input.
        transients: K.
        chains: kernels along the spectrum of the parallel chains of three convolutions.
        filters: of each chain.
        widths: of each level, the bottom's last.
    """

    def __init__(
        self,
        channels: int,
        transients: int,
        chains: Sequence[int] = (3, 5, 7, 9),
        filters: int = 32,
        widths: Sequence[int] = (32, 64, 128, 256, 512),
    ) -> None:
        super().__init__()
        levels = len(widths) - 1
        left = transients_of(transients, levels)
        self.chains = nn.ModuleList(
            [
                nn.Sequential(
                    _conv(channels, filters, (kernel, 1)),
                    _conv(filters, filters, (kernel, 1)),
                    _conv(filters, filters, (kernel, 1)),
                )
                for kernel in chains
            ]
        )
        before = [filters * len(chains), *widths[:-1]]
        self.down = nn.ModuleList([_Two(a, b) for a, b in zip(before, widths)])
        self.skips, self.up = nn.ModuleList(), nn.ModuleList()
        for step, level in enumerate(reversed(range(levels))):
            # as wide as it needs to be to leave what comes from below
            across = left[level] - left[levels + step] + 1
            self.skips.append(_conv(widths[level], widths[level], (5, across)))
            self.up.append(_Two(widths[level] + widths[level + 1], widths[level]))
        self.last = nn.Sequential(
            _conv(widths[0], widths[0], (5, left[-1])), nn.Conv2d(widths[0], 1, 5, padding=2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return spectra (B, P) of an input (B, C, P, K); P is a multiple of 2 to the number of poolings."""
        x = torch.cat([chain(x) for chain in self.chains], 1)
        kept: list[Tensor] = []
        for number, level in enumerate(self.down):
            x = level(nn.functional.max_pool2d(x, (2, 1)) if number else x)
            kept.append(x)
        for skip, level, beside in zip(self.skips, self.up, kept[-2::-1]):
            higher = nn.functional.interpolate(x, scale_factor=(2.0, 1.0), mode="nearest")
            x = level(torch.cat([skip(beside), higher], 1))
        return self.last(x)[:, 0, :, 0]  # type: ignore[no-any-return]
