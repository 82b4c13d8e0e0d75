"""What a machine makes of flow: gain, floor, blur, speckle, noise, stripes where the eye moved, shading."""

from typing import Any

import numpy as np
from scipy import ndimage


def angiogram(rng: np.random.Generator, flow: np.ndarray, own: dict[str, Any]) -> np.ndarray:
    """Return an angiogram (S, S) uint8 of flow (2 S, 2 S) in [0, 1], drawn twice as fine.

    Args:
        rng: its random numbers.
        flow: what moves.
        own: options of the site.
    """
    fine, size = flow.shape[0], flow.shape[0] // 2

    def between(key: str) -> float:
        return float(rng.uniform(*own[key]))

    image = ndimage.gaussian_filter(flow, between("blur") * fine)
    image = image.reshape(size, 2, size, 2).mean(axis=(1, 3))
    image = between("floor") + between("gain") * image
    along = np.linspace(-1, 1, size)
    angle = rng.uniform(0, 2 * np.pi)
    image *= 1 + between("shading") * (np.cos(angle) * along[None] + np.sin(angle) * along[:, None])
    image *= 1 + between("speckle") * rng.normal(size=image.shape)
    image += between("noise") * rng.normal(size=image.shape)
    image += between("stripes") * (rng.random(size) < 0.08)[:, None] * rng.uniform(1, 4, size)[:, None]
    image = np.clip(image, 0, 1) ** between("gamma")
    pixels: np.ndarray = np.rint(255 * image).astype(np.uint8)
    return pixels
