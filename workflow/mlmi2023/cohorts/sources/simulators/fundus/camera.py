"""What a camera makes of a fundus: its field, light, colours, sharpness, and the compression of its files."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.fundus.eye import between, step


def photograph(
    rng: np.random.Generator, fundus: np.ndarray, own: Mapping[str, Any], field: bool
) -> np.ndarray:
    """Return a photograph (S, S, 3) uint8 of a fundus (2 S, 2 S, 3) in [0, 1], drawn twice as fine.

    Args:
        rng: its random numbers.
        fundus: what lies before the camera.
        own: options of the domain.
        field: the round edge of the camera's field is in the image.
    """
    fine, size = fundus.shape[0], fundus.shape[0] // 2
    along = (np.arange(fine) + 0.5) / fine * 2 - 1
    x, y = np.meshgrid(along, along)
    away = np.hypot(x, y)
    image = _coloured(rng, fundus, own)
    image = image * (1 - between(rng, own["vignette"]) * np.clip(away, 0, 1.4) ** 2)[..., None]
    angle, slope = rng.uniform(0, 2 * np.pi), between(rng, own["slope"])
    image = image * (1 + slope * (np.cos(angle) * x + np.sin(angle) * y))[..., None]
    image = ndimage.gaussian_filter(image, (*[between(rng, own["blur"]) * fine] * 2, 0))
    if field:
        edge = between(rng, own["field"])
        inside = step((edge - away) / 0.02 + 0.5) * step((own["flat"] - np.abs(y)) / 0.02 + 0.5)
        image = image * inside[..., None]
    image = image.reshape(size, 2, size, 2, 3).mean(axis=(1, 3))
    image = image + rng.normal(0, between(rng, own["noise"]), image.shape)
    pixels = np.clip(np.rint(255 * np.clip(image, 0, 1)), 0, 255).astype(np.uint8)
    return _compressed(pixels, int(between(rng, own["quality"])))


def _coloured(rng: np.random.Generator, image: np.ndarray, own: Mapping[str, Any]) -> np.ndarray:
    haze = between(rng, own["haze"])
    image = image * (1 - haze) + haze * np.array([0.75, 0.7, 0.6])
    grey = image.mean(axis=2, keepdims=True)
    image = grey + between(rng, own["saturation"]) * (image - grey)
    image = np.clip(image * np.array(own["cast"]), 0, 1)
    middle = image.mean()
    image = np.clip(middle + between(rng, own["contrast"]) * (image - middle), 0, 1)
    return image ** between(rng, own["gamma"])


def _compressed(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Return what JPEG leaves of an image."""
    with io.BytesIO() as stream:
        Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
        stream.seek(0)
        return np.asarray(Image.open(stream).convert("RGB"))
