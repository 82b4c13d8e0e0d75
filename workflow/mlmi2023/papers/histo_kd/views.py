"""Information-sparse versions of a patch (Sect. 2.1), made before anything is augmented."""

import torch
import torch.nn.functional as F
from torch import Tensor


def cropped(x: Tensor, share: float) -> Tensor:
    """Return patches (B, C, H, W) of which the centre is left and all else is 0.

    Args:
        x: the patches.
        share: of each side that is left: 112 of 224 pixels.
    """
    height, width = (max(1, round(share * side)) for side in x.shape[-2:])
    top, left = (x.shape[-2] - height) // 2, (x.shape[-1] - width) // 2
    out = torch.zeros_like(x)
    out[..., top : top + height, left : left + width] = x[..., top : top + height, left : left + width]
    return out


def coarse(x: Tensor, pixels: int) -> Tensor:
    """Return patches (B, C, H, W) brought to so many pixels along each side, by means, and back, linearly."""
    small = F.interpolate(x, size=(pixels, pixels), mode="area")
    return F.interpolate(small, size=list(x.shape[-2:]), mode="bilinear", align_corners=False)
