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

from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.training.data.options import Augmentation3D

#: planes that are turned in, as axes of (B, C, T, H, W), and the draws that say whether and how far
PLANES = (((3, 4), 3, 4), ((2, 3), 14, 15), ((2, 4), 16, 17))
#: draws of the angles about depth, rows and columns, and of the scales along them
ANGLES, SCALES = (5, 18, 19), (6, 7, 8)


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
        """Return augmented images (B, C, T, H, W) and labels (B, T, H, W) for draws (B, DRAWS).

        Raises:
            InputError: a plane that quarter turns are asked for is not square.
        """
        whole = torch.cat([image, label[:, None].to(image.dtype)], 1)  # moved together
        for axis in range(3):
            chosen = _each(draw[:, axis] < self.flip)
            whole = torch.where(chosen, whole.flip(axis + 2), whole)
        if self.flip_all:
            whole = torch.where(_each(draw[:, 13] < self.flip_all), whole.flip(2, 3, 4), whole)
        for chance, (plane, whether, how_far) in zip(_three(self.turn), PLANES):
            if chance:
                whole = _turned(whole, plane, draw[:, whether] < chance, draw[:, how_far])
        image, label = whole[:, :-1], whole[:, -1].to(label.dtype)
        if any(_three(self.rotate)) or self.scale:
            image, label = self._warped(image, label, draw)
        gain = 1 + self.gain * (2 * draw[:, 9] - 1) * (draw[:, 10] < self.intensity)
        shift = self.shift * (2 * draw[:, 11] - 1) * (draw[:, 12] < self.intensity)
        # what is exactly 0 lies outside of a stripped head or of the scan, and stays there
        return torch.where(image != 0, image * _each(gain) + _each(shift), image), label

    def _warped(self, image: Tensor, label: Tensor, draw: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and rotate about the patch's middle, in one resampling; edges are held on."""
        signed = 2 * draw - 1
        largest = draw.new_tensor([math.radians(angle) for angle in _three(self.rotate)])
        turned = _rotation(largest * signed[:, ANGLES])
        inverse = 1 / (1 + self.scale * signed[:, SCALES].flip(1))  # columns, rows, depth
        # grid_sample has x, y, z = columns, rows, depth, each from -1 to 1
        sides = draw.new_tensor(image.shape[:1:-1])
        matrix = turned * inverse[:, None] * sides[None, None] / sides[None, :, None]
        matrix = torch.cat([matrix, torch.zeros_like(matrix[:, :, :1])], 2)
        grid = F.affine_grid(matrix, list(image.shape), align_corners=False)
        with torch.autocast(image.device.type, enabled=False):
            moved = F.grid_sample(image.float(), grid, "bilinear", "border", align_corners=False)
            own = F.grid_sample(label[:, None].float(), grid, "nearest", "border", align_corners=False)
        return moved, own[:, 0].to(label.dtype)


def _turned(whole: Tensor, plane: tuple[int, int], chosen: Tensor, draw: Tensor) -> Tensor:
    """Return patches of which the chosen (B,) are turned by one to three quarters, as ``draw`` (B,) says."""
    if whole.shape[plane[0]] != whole.shape[plane[1]]:
        sides = " x ".join(map(str, whole.shape[2:]))
        raise InputError(
            f"config key train.augment.turn: patches of {sides} are not square in every plane that is turned "
            "in; change the task's key 'patch', or set that chance to 0"
        )
    number = torch.where(chosen, 1 + (3 * draw).floor(), 0.0)
    turned = whole
    for quarter in (1, 2, 3):
        turned = torch.where(_each(number == quarter), torch.rot90(whole, quarter, plane), turned)
    return turned


def _rotation(angle: Tensor) -> Tensor:
    """Return rotations (B, 3, 3) of (columns, rows, depth) by angles (B, 3) about depth, rows, columns."""
    whole = torch.eye(3, dtype=angle.dtype, device=angle.device).repeat(len(angle), 1, 1)
    for number, (first, second) in enumerate(((0, 1), (2, 0), (1, 2))):
        own = torch.eye(3, dtype=angle.dtype, device=angle.device).repeat(len(angle), 1, 1)
        sine, cosine = angle[:, number].sin(), angle[:, number].cos()
        own[:, first, first], own[:, second, second] = cosine, cosine
        own[:, first, second], own[:, second, first] = -sine, sine
        whole = whole @ own
    return whole


def _three(value: float | tuple[float, float, float]) -> tuple[float, float, float]:
    """Return one number for each plane or axis; a single one is that of the slices."""
    return value if isinstance(value, tuple) else (value, 0.0, 0.0)


def _each(value: Tensor) -> Tensor:
    """Shape (B,) so that it meets (B, C, T, H, W)."""
    return value[:, None, None, None, None]
