"""Augmentation of 2D batches on the device, image and mask together.

Nothing here draws random numbers: each sample brings ``DRAWS`` of them in [0, 1), so that what happens to
sample k of a run depends on seed and k alone, whatever network is trained on it.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.training.data.options import Augmentation2D

#: random numbers that a sample brings
DRAWS = 12


class Augment2D(Augmentation2D):
    """What is done to training images; what the keys mean stands with the model."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any] | None) -> "Augment2D":
        """Read the keys from a config.

        Raises:
            InputError: an unknown key or a value that cannot be used.
        """
        return options(cls, config, "config", "augment")

    def __call__(self, image: Tensor, mask: Tensor, draw: Tensor) -> tuple[Tensor, Tensor]:
        """Return augmented images and masks.

        Args:
            image: (B, C, H, W) floating point.
            mask: (B, H, W) labels, treated by nearest neighbour; or (B, K, H, W) of several label maps.
            draw: (B, DRAWS) in [0, 1).
        """
        single = mask.ndim == 3
        labels = mask[:, None] if single else mask
        u = draw.to(image.device)
        for axis, chance, number in ((-1, self.flip[0], 0), (-2, self.flip[1], 1)):
            if chance:
                turned = (u[:, number] < chance)[:, None, None, None]
                image = torch.where(turned, image.flip(axis), image)
                labels = torch.where(turned, labels.flip(axis), labels)
        if self.quarter:
            image, labels = self._quarters(image, labels, u)
        if self.rotate or self.shift or self.scale != (1.0, 1.0):
            image, labels = self._warped(image, labels, u)
        if self.brightness or self.contrast:
            mean, spread = image.mean((1, 2, 3), keepdim=True), image.std((1, 2, 3), keepdim=True)
            more = 1 + self.contrast * _signed(u[:, 8])
            image = (image - mean) * more + mean + self.brightness * _signed(u[:, 9]) * spread
        return image, labels[:, 0] if single else labels

    def _quarters(self, image: Tensor, labels: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        if image.shape[-1] != image.shape[-2]:
            raise InputError("config key augment.quarter: images are not square; set it to 0")
        turned = u[:, 2] < self.quarter
        for times in (1, 2, 3):
            own = (turned & ((u[:, 3] * 3).long() + 1 == times))[:, None, None, None]
            image = torch.where(own, torch.rot90(image, times, (-2, -1)), image)
            labels = torch.where(own, torch.rot90(labels, times, (-2, -1)), labels)
        return image, labels

    def _warped(self, image: Tensor, labels: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        height, width = image.shape[-2:]
        active = (u[:, 4] < self.warp).to(u.dtype)
        angle = math.radians(self.rotate) * _signed(u[:, 5]).flatten() * active
        low, high = self.scale
        zoom = 1 + (low + (high - low) * u[:, 6] - 1) * active
        shift = 2 * self.shift * (2 * u[:, (7, 10)] - 1) * active[:, None]
        cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
        # grid_sample's coordinates run from -1 to 1 along both axes, whatever their lengths
        matrix = torch.stack(
            [
                torch.stack([cos, -sin * height / width, shift[:, 0]], -1),
                torch.stack([sin * width / height, cos, shift[:, 1]], -1),
            ],
            1,
        ).to(image.dtype)
        grid = F.affine_grid(matrix, list(image.shape), align_corners=False)
        if self.fill:  # zeros come in from outside, so what is to come in is 0 for the moment
            image = image - self.fill
        image = F.grid_sample(image, grid, mode="bilinear", padding_mode=self.border, align_corners=False)
        if self.fill:
            image = image + self.fill
        found = F.grid_sample(
            labels.to(image.dtype), grid, mode="nearest", padding_mode=self.border, align_corners=False
        )
        return image, found.round().to(labels.dtype)


def _signed(u: Tensor) -> Tensor:
    """Return uniform numbers in [-1, 1), (B, 1, 1, 1)."""
    return (2 * u - 1)[:, None, None, None]
