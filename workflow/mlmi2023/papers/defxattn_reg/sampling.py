"""Where deformable attention reads: the sampling grids of one block, in voxels of the image (Fig. 2d)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlmi2023.papers.defxattn_reg.model import RegistrationNet

Window = tuple[slice, slice, slice]


@dataclass(frozen=True)
class SamplingGrid:
    """Sampling of one unshifted block of the encoder whose base is the moving image.

    Attributes:
        offsets: (heads, 3, X', Y', Z') in voxels of the image; the grid is of tokens.
        cell: voxels of the image per token.
        window: attention window in tokens.
    """

    offsets: np.ndarray
    cell: int
    window: tuple[int, ...]

    def places(self, head: int) -> np.ndarray:
        """Return where a head reads for each token: (3, X', Y', Z') in voxels of the image.

        Beyond the map the attention reads the border, so that is what is returned.
        """
        size = self.offsets.shape[2:]
        tokens = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"))
        last = np.array(size).reshape(3, 1, 1, 1) - 1
        return np.clip(tokens + self.offsets[head] / self.cell, 0, last) * self.cell + (self.cell - 1) / 2

    def layer_of(self, plane: int) -> int:
        """Return the layer of tokens in which an axial plane of the image lies."""
        return min(plane // self.cell, self.offsets.shape[4] - 1)

    def windows(self, plane: int) -> list[Window]:
        """Return the windows that an axial plane of the image meets."""
        x, y, z = self.offsets.shape[2:]
        a, b, c = self.window
        level = self.layer_of(plane) // c * c
        across = slice(level, min(level + c, z))
        starts = [(i, j) for i in range(0, x, a) for j in range(0, y, b)]
        return [(slice(i, min(i + a, x)), slice(j, min(j + b, y)), across) for i, j in starts]

    def extent(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Return the low and high border of a window in voxels of the image."""
        low = np.array([side.start for side in window]) * self.cell - 0.5
        return low, np.array([side.stop for side in window]) * self.cell - 0.5

    def busiest_window(self, base: np.ndarray, plane: int) -> Window:
        """Return the window that reaches farthest, of those at least 3/4 full of tissue if there are any.

        Args:
            base: image (X, Y, Z) in [0, 1].
            plane: axial plane of the image.
        """

        def rank(window: Window) -> tuple[bool, float]:
            low, high = ((border + 0.5).astype(int) for border in self.extent(window))
            tissue = base[low[0] : high[0], low[1] : high[1], plane] > 0.05
            reach = np.linalg.norm(self.offsets[(slice(None), slice(None), *window)], axis=1)
            return bool(tissue.size and tissue.mean() > 0.75), float(reach.mean())

        return max(self.windows(plane), key=rank)

    def heads_by_reach(self, window: Window) -> np.ndarray:
        """Return the heads, those that reach farthest from the window first."""
        reach = np.linalg.norm(self.offsets[(slice(None), slice(None), *window)], axis=1)
        return np.argsort(-reach.mean(axis=(1, 2, 3)), kind="stable")


def sampling_grid(net: RegistrationNet, moving: Tensor, fixed: Tensor) -> SamplingGrid | None:
    """Return the grids of the last unshifted block of the first level, base moving, reference fixed.

    Args:
        net: a network; None comes back if its encoder has no deformable attention.
        moving: (1, 1, X, Y, Z).
        fixed: same shape.
    """
    from mlmi2023.nets.blocks.swin_pyramid import PATCH
    from mlmi2023.papers.defxattn_reg.encoders import CrossAttentionEncoder

    encoder = getattr(net.core, "encoder", None)
    if not isinstance(encoder, CrossAttentionEncoder):
        return None
    blocks: list[Any] = list(encoder.levels[0].children())
    attention = blocks[(len(blocks) - 1) // 2 * 2].moving.attention
    if getattr(attention, "offsets", None) is None:
        return None
    kept: list[Tensor] = []
    hook = attention.offsets.register_forward_hook(lambda module, inputs, output: kept.append(output))
    was_training = net.training
    net.eval()
    try:
        with torch.no_grad():
            net(moving, fixed)
    finally:
        net.train(was_training)
        hook.remove()
    cell = PATCH * net.factor
    return SamplingGrid(kept[0][0].float().cpu().numpy() * cell, cell, tuple(attention.window))
