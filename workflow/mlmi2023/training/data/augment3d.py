"""Augmentation of 3D patches on the device: flips, quarter turns, rotation and scale, intensity.

Every choice comes from numbers in [0, 1) that were drawn with the sample, so that all methods see the same
patches, and each item of a batch gets its own without the CPU waiting for the device.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.core.options import options
from mlmi2023.training.data.options import Augmentation3D


class Augment3D(Augmentation3D):
    """What is done to patches; what the keys mean stands with the model."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any] | None) -> "Augment3D":
        """Read the keys of ``train.augment``.

        Raises:
            InputError: an unknown key or a value that cannot be used.
        """
        return options(cls, config, "config", "train.augment")

    def __call__(self, image: Tensor, label: Tensor, draw: Tensor) -> tuple[Tensor, Tensor]:
        """Return augmented images (B, C, T, H, W) and labels (B, T, H, W) for draws (B, 16)."""
        whole = torch.cat([image, label[:, None].to(image.dtype)], 1)  # moved together
        for axis in range(3):
            chosen = _each(draw[:, axis] < self.flip)
            whole = torch.where(chosen, whole.flip(axis + 2), whole)
        if self.turn:
            number = torch.where(draw[:, 3] < self.turn, 1 + (3 * draw[:, 4]).floor(), 0.0)
            turned = whole
            for quarter in (1, 2, 3):
                turned = torch.where(_each(number == quarter), torch.rot90(whole, quarter, (3, 4)), turned)
            whole = turned
        image, label = whole[:, :-1], whole[:, -1].to(label.dtype)
        if self.rotate or self.scale:
            image, label = self._warped(image, label, draw[:, 5:9])
        gain = 1 + self.gain * (2 * draw[:, 9] - 1) * (draw[:, 10] < self.intensity)
        shift = self.shift * (2 * draw[:, 11] - 1) * (draw[:, 12] < self.intensity)
        # what is exactly 0 lies outside of a stripped head or of the scan, and stays there
        return torch.where(image != 0, image * _each(gain) + _each(shift), image), label

    def _warped(self, image: Tensor, label: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Rotate about the depth axis and scale, about the patch's middle; edges are held on."""
        signed = 2 * u - 1
        angle = math.radians(self.rotate) * signed[:, 0]
        inverse = 1 / (1 + self.scale * signed[:, 1:])  # depth, rows, columns
        sine, cosine, none = angle.sin(), angle.cos(), torch.zeros_like(angle)
        tall, wide = image.shape[3], image.shape[4]
        # grid_sample has x, y, z = columns, rows, depth, each from -1 to 1
        rows = [
            torch.stack([cosine * inverse[:, 2], -sine * inverse[:, 1] * tall / wide, none, none], 1),
            torch.stack([sine * inverse[:, 2] * wide / tall, cosine * inverse[:, 1], none, none], 1),
            torch.stack([none, none, inverse[:, 0], none], 1),
        ]
        grid = F.affine_grid(torch.stack(rows, 1), list(image.shape), align_corners=False)
        with torch.autocast(image.device.type, enabled=False):
            moved = F.grid_sample(image.float(), grid, "bilinear", "border", align_corners=False)
            own = F.grid_sample(label[:, None].float(), grid, "nearest", "border", align_corners=False)
        return moved, own[:, 0].to(label.dtype)


def _each(value: Tensor) -> Tensor:
    """Shape (B,) so that it meets (B, C, T, H, W)."""
    return value[:, None, None, None, None]
