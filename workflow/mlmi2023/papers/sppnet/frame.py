"""The way of an image into the encoder's square, and of masks back (Sect. 2.3, post-processing of SAM)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.papers.sppnet.model import FINER


class Frame:
    """Images (H, W) in a square, from its upper left corner on; what is left is zero.

    Args:
        shape: rows and columns of the images.
        size: rows and columns of masks; the square is four times as large.
        fit: ``pad`` keeps the pixels of an image that fits, ``scale`` makes its longer side as long.
    """

    def __init__(self, shape: tuple[int, int], size: int, fit: str) -> None:
        self.shape, self.side = shape, FINER * size
        longest = max(shape)
        self.scale = self.side / longest if fit == "scale" or longest > self.side else 1.0
        self.inner = [max(1, round(side * self.scale)) for side in shape]

    def _in(self, image: Tensor) -> Tensor:
        if tuple(image.shape[2:]) != tuple(self.inner):
            image = F.interpolate(image, size=self.inner, mode="bilinear", antialias=True)
        rows, columns = self.inner
        return F.pad(image, (0, self.side - columns, 0, self.side - rows))

    def image(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the encoder's image (B, C, 4 S, 4 S) and the small one (B, C, S, S) of (B, C, H, W)."""
        whole = self._in(image)
        return whole, F.avg_pool2d(whole, FINER)

    def mask(self, mask: Tensor) -> Tensor:
        """Return masks (B, S, S) int64 of (B, H, W): of the pixels that they have for the most part."""
        share = F.avg_pool2d(self._in(mask[:, None].float()), FINER)[:, 0]
        return (share > 0.5).long()

    def points(self, points: Tensor) -> Tensor:
        """Return x and y (..., 2) in the encoder's image."""
        return (points + 0.5) * self.scale - 0.5

    def restored(self, logits: Tensor) -> Tensor:
        """Return masks (B, H, W) bool of logits (B, 1, S, S): enlarged, cut, at the size of images."""
        whole = F.interpolate(logits, size=(self.side, self.side), mode="bilinear", align_corners=False)
        found = whole[..., : self.inner[0], : self.inner[1]]
        if tuple(found.shape[2:]) != tuple(self.shape):
            found = F.interpolate(found, size=list(self.shape), mode="bilinear", align_corners=False)
        return torch.gt(found[:, 0], 0)
