"""Boundary attention from the detail sub-bands through a Laplacian pyramid (Sect. 2.2, Fig. 2a, right)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: side of the Gaussian kernels of levels 1 and 2, in pixels
SIDES = (3, 5)
#: their standard deviations, in pixels: 1.6 times one and two thirds of an octave
SIGMAS = (1.6 * 2 ** (1 / 3), 1.6 * 2 ** (2 / 3))


def gaussian_kernel(side: int, sigma: float) -> Tensor:
    """Return a Gaussian (side, side) with sum 1."""
    places = torch.arange(side) - (side - 1) / 2
    line = torch.exp(-(places**2) / (2 * sigma**2))
    kernel = torch.outer(line, line)
    return kernel / kernel.sum()


def laplacian_pyramid(maps: Tensor, kernels: list[Tensor]) -> Tensor:
    """Return (B, C, 1 + kernels, H, W): the maps and what smoothing takes away.

    With G0 the maps and G1, G2 the smoothed maps, the levels are G0, G0 - G1 and G1 - G2, all of one size.

    Args:
        maps: (B, C, H, W).
        kernels: (side, side) each, all applied to ``maps``.
    """
    channels, levels, before = maps.shape[1], [maps], maps
    for kernel in kernels:
        weight = kernel.to(maps.dtype).expand(channels, 1, *kernel.shape)
        smooth = F.conv2d(maps, weight, padding=len(kernel) // 2, groups=channels)
        levels.append(before - smooth)
        before = smooth
    return torch.stack(levels, dim=2)


class BoundaryAttention(nn.Module):
    """A gate in (0, 1) for every position and channel of the values.

    Args:
        inner: channels of the sub-bands.
        width: channels of the values.
        levels: of the pyramid, 1 to 3.

    Raises:
        ValueError: another number of levels.
    """

    def __init__(self, inner: int, width: int, levels: int = 3) -> None:
        super().__init__()
        if not 1 <= levels <= 1 + len(SIDES):
            raise ValueError(f"{levels} levels of the Laplacian pyramid; there are 1 to {1 + len(SIDES)}")
        for number, (side, sigma) in enumerate(list(zip(SIDES, SIGMAS))[: levels - 1], 1):
            self.register_buffer(f"kernel{number}", gaussian_kernel(side, sigma), persistent=False)
        self.levels = levels
        # "3 x 1 x 1 convolutions": over the three sub-bands, then over the levels, each channel on its own
        self.join_bands = nn.Conv3d(inner, inner, (3, 1, 1), groups=inner, bias=False)
        self.join_levels = nn.Conv3d(inner, inner, (levels, 1, 1), groups=inner, bias=False)
        self.widen = nn.Linear(inner, width)

    def forward(self, details: Tensor) -> Tensor:
        """Return (B, H, W, width) of the detail sub-bands (B, inner, 3, H, W)."""
        joint = self.join_bands(details)[:, :, 0]
        kernels = [self.get_buffer(f"kernel{number}") for number in range(1, self.levels)]
        edges = self.join_levels(laplacian_pyramid(joint, kernels))[:, :, 0]
        return self.widen(edges.permute(0, 2, 3, 1)).sigmoid()
