"""Sobel filtering (Sect. 2.1): what is left of a frame are its edges."""

import torch
import torch.nn.functional as F
from torch import Tensor

#: shares of red, green and blue in what the eye takes for light
LIGHT = (0.299, 0.587, 0.114)


def sobel(frames: Tensor) -> Tensor:
    """Return the magnitude of the gradient of the grey frames, in three equal channels, (B, 3, H, W).

    The kernels' magnitudes add up to 1, and edges of the frame are continued outwards.

    Args:
        frames: (B, 3, H, W) in [0, 1].
    """
    weights = torch.tensor(LIGHT, device=frames.device, dtype=frames.dtype).view(1, 3, 1, 1)
    grey = F.pad((frames * weights).sum(1, keepdim=True), [1, 1, 1, 1], mode="replicate")
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
    kernels = torch.stack([across, across.T])[:, None].to(frames)
    return F.conv2d(grey, kernels).square().sum(1, keepdim=True).add(1e-12).sqrt().expand(-1, 3, -1, -1)
