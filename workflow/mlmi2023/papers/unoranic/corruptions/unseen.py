"""The suite that no training has seen (Sect. 3.5), after Hendrycks and Dietterich, written for 32 pixels.

Arrays of 8 bits in and out, by NumPy, SciPy, scikit-image, torch and Pillow. Each kind and severity has
random numbers of its own, the same every time. What severities mean stands at the top, from mild to severe.
"""

import io
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import ndimage
from skimage.util import random_noise

from mlmi2023.papers.unoranic.corruptions import weather
from mlmi2023.papers.unoranic.names import SEVERITIES, UNSEEN

Array = np.ndarray
#: photons of a white pixel; shares of pixels that become black or white; spread by a pixel's value
SHOT, IMPULSE, SPECKLE = (60, 25, 12, 7, 4), (0.02, 0.05, 0.08, 0.14, 0.2), (0.15, 0.22, 0.32, 0.45, 0.6)
#: pixels of the disc's radius; largest magnification
DEFOCUS, ZOOM = (0.8, 1.2, 1.6, 2.0, 2.6), (1.08, 1.14, 1.2, 1.26, 1.32)
#: share of the contrast that is left; pixels of displacement; pixels along each side; JPEG quality
CONTRAST, ELASTIC = (0.6, 0.45, 0.3, 0.2, 0.1), (0.5, 0.8, 1.1, 1.5, 2.0)
PIXELS, QUALITY = (20, 16, 13, 10, 8), (60, 35, 20, 12, 7)
#: pixels over which displacements change
SMOOTH = 2.5


def unseen(images: Array, kind: str, severity: int, side: int) -> Array:
    """Return images with one corruption of one severity, made at ``side`` pixels and brought back.

    Args:
        images: (N, H, W, C) uint8.
        kind: one of ``UNSEEN``.
        severity: 1 to 5.
        side: rows and columns while it happens.

    Returns:
        (N, H, W, C) uint8.
    """
    rng = np.random.default_rng([2023, UNSEEN.index(kind), severity])
    large = resized(images, (side, side))
    found = KINDS[kind](large.astype(np.float64) / 255, SEVERITIES.index(severity), rng)
    return resized(_bytes(found), images.shape[1:3])


def resized(images: Array, size: tuple[int, ...]) -> Array:
    """Return (N, H, W, C) uint8 at rows and columns ``size``, linear and without aliasing."""
    x = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float()
    x = F.interpolate(x, size=size, mode="bilinear", antialias=True)
    return x.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def _bytes(values: Array) -> Array:
    return np.round(255 * np.clip(values, 0, 1)).astype(np.uint8)


def shot_noise(x: Array, level: int, rng: np.random.Generator) -> Array:
    """Count photons."""
    return rng.poisson(x * SHOT[level]) / SHOT[level]


def impulse_noise(x: Array, level: int, rng: np.random.Generator) -> Array:
    """Make values black or white."""
    return random_noise(x, "s&p", rng=rng, amount=IMPULSE[level])  # type: ignore[no-any-return]


def speckle_noise(x: Array, level: int, rng: np.random.Generator) -> Array:
    """Add noise by the value of each pixel."""
    return random_noise(x, "speckle", rng=rng, var=SPECKLE[level] ** 2)  # type: ignore[no-any-return]


def defocus(x: Array, level: int, rng: np.random.Generator) -> Array:
    """Blur by a disc with a soft edge."""
    at = np.arange(-3, 4)
    kernel = np.clip(DEFOCUS[level] + 0.5 - np.hypot(at[:, None], at), 0, 1)
    return ndimage.convolve(x, (kernel / kernel.sum())[None, :, :, None], mode="reflect")


def zoom_blur(x: Array, level: int, rng: np.random.Generator) -> Array:
    """Return the mean of views that come nearer."""
    first = torch.from_numpy(x).permute(0, 3, 1, 2).float()
    factors = np.arange(1, ZOOM[level] + 1e-9, 0.02)
    total = torch.zeros_like(first)
    for factor in factors:
        matrix = torch.tensor([[1 / factor, 0, 0], [0, 1 / factor, 0]], dtype=first.dtype)
        grid = F.affine_grid(matrix.expand(len(first), 2, 3), list(first.shape), align_corners=False)
        total += F.grid_sample(first, grid, padding_mode="reflection", align_corners=False)
    return (total / len(factors)).permute(0, 2, 3, 1).numpy()


def contrast(x: Array, level: int, rng: np.random.Generator) -> Array:
    """Bring values nearer to the mean of each channel."""
    mean = x.mean((1, 2), keepdims=True)
    return mean + CONTRAST[level] * (x - mean)


def elastic(x: Array, level: int, rng: np.random.Generator) -> Array:
    """Displace pixels by a smooth field, whose spread is the severity's."""
    count, height, width = x.shape[:3]
    field = ndimage.gaussian_filter(rng.normal(size=(count, height, width, 2)), (0, SMOOTH, SMOOTH, 0))
    field *= ELASTIC[level] / field.std()
    at = F.affine_grid(torch.eye(2, 3).expand(count, 2, 3), [count, 1, height, width], align_corners=False)
    grid = at + torch.from_numpy(field * 2 / np.array([width, height])).float()
    first = torch.from_numpy(x).permute(0, 3, 1, 2).float()
    found = F.grid_sample(first, grid, padding_mode="reflection", align_corners=False)
    return found.permute(0, 2, 3, 1).numpy()


def pixelate(x: Array, level: int, rng: np.random.Generator) -> Array:
    """Average into fewer pixels, and repeat them."""
    first = torch.from_numpy(x).permute(0, 3, 1, 2)
    coarse = F.interpolate(first, size=(PIXELS[level], PIXELS[level]), mode="area")
    return F.interpolate(coarse, size=first.shape[2:], mode="nearest").permute(0, 2, 3, 1).numpy()


def jpeg(x: Array, level: int, rng: np.random.Generator) -> Array:
    """Compress each image by Pillow."""
    found = np.empty_like(x)
    for number, image in enumerate(_bytes(x)):
        stream = io.BytesIO()
        Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(
            stream, "jpeg", quality=QUALITY[level]
        )
        found[number] = np.asarray(Image.open(stream), np.float64).reshape(image.shape) / 255
    return found


KINDS: dict[str, Callable[[Array, int, np.random.Generator], Array]] = {
    name: getattr(weather, name, None) or globals()[name] for name in UNSEEN
}
