"""Augmentation (Sect. 3.1) of images and nuclei: flip, rotation, cutout, each with its own chance."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.papers.sppnet.options import Augment, Cutout


def augmented(
    image: Tensor, nuclei: Tensor, rngs: Sequence[np.random.Generator], options: Augment, fill: Tensor
) -> tuple[Tensor, Tensor]:
    """Return augmented images (B, C, H, W) and nuclei (B, H, W).

    Whatever is done, a sample draws the same number of random numbers.

    Args:
        image: (B, C, H, W) floating point.
        nuclei: (B, H, W) whole numbers.
        rngs: of each sample.
        options: what is done.
        fill: (C,) colour of holes.
    """
    draws = [rng.random(4 + 2 * options.cutout.holes) for rng in rngs]
    images, maps = [], []
    for own, numbers, draw in zip(image, nuclei, draws):
        if draw[0] < options.flip:
            own, numbers = own.flip(-1), numbers.flip(-1)
        if draw[1] < options.rotate:
            own, numbers = _turned(own, numbers, math.radians(options.angle) * (2 * draw[2] - 1))
        if draw[3] < options.cutout.chance:
            own = _cut(own, draw[4:].reshape(-1, 2), options.cutout, fill)
        images.append(own)
        maps.append(numbers)
    return torch.stack(images), torch.stack(maps)


def _turned(image: Tensor, nuclei: Tensor, angle: float) -> tuple[Tensor, Tensor]:
    """Turn about the centre; what comes in from outside is mirrored."""
    rows, columns = image.shape[-2:]
    cos, sin = math.cos(angle), math.sin(angle)
    # grid_sample's coordinates run from -1 to 1 along both axes, whatever their lengths
    matrix = [[cos, -sin * rows / columns, 0.0], [sin * columns / rows, cos, 0.0]]
    theta = torch.tensor([matrix], dtype=image.dtype, device=image.device)
    grid = F.affine_grid(theta, [1, 1, rows, columns], align_corners=False)
    picture = F.grid_sample(image[None], grid, "bilinear", "reflection", align_corners=False)[0]
    # numbers of nuclei are exact in 32 bits
    numbers = F.grid_sample(nuclei[None, None].float(), grid, "nearest", "reflection", align_corners=False)
    return picture, numbers[0, 0].round().to(nuclei.dtype)


def _cut(image: Tensor, places: np.ndarray, options: Cutout, fill: Tensor) -> Tensor:
    """Blank square holes whose centres lie anywhere in the image."""
    rows, columns = image.shape[-2:]
    half = max(1, round(options.side * min(rows, columns))) / 2
    image = image.clone()
    for y, x in places * [rows, columns]:
        top, left = max(0, round(y - half)), max(0, round(x - half))
        image[:, top : round(y + half), left : round(x + half)] = fill[:, None, None]
    return image
