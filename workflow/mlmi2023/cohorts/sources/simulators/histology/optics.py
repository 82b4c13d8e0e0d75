"""From absorption to RGB by Beer and Lambert, through a scanner; and fluorescence of pan-cytokeratin."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.histology.ground import between, noise
from mlmi2023.cohorts.sources.simulators.histology.nuclei import Stained

#: how the stains absorb red, green and blue (Ruifrok and Johnston, 2001), and a brown pigment
HEMATOXYLIN = np.array([0.65, 0.70, 0.29])
EOSIN = np.array([0.07, 0.99, 0.11])
PIGMENT = np.array([0.27, 0.57, 0.78])


def stain_of(rng: np.random.Generator, own: Mapping[str, Any]) -> dict[str, float]:
    """Draw how the slide of a patient is stained."""
    return {key: between(rng, own[key]) for key in ("hematoxylin", "eosin", "tint")}


def vectors(tint: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how both stains absorb, unit vectors; ``tint`` above 0 takes from red and adds to blue."""
    found = []
    for vector in (HEMATOXYLIN, EOSIN):
        turned = np.clip(vector + tint * np.array([-1.0, 0.0, 1.0]), 0.01, None)
        found.append(turned / np.linalg.norm(turned))
    return found[0], found[1]


def photograph(
    rng: np.random.Generator,
    stained: Stained,
    stain: Mapping[str, float],
    own: Mapping[str, Any],
    pixel: float,
) -> np.ndarray:
    """Return the scanned image (S, S, 3) uint8.

    Args:
        rng: random numbers of the scanner.
        stained: the tissue.
        stain: strength of both stains and their hue.
        own: options of the scanner.
        pixel: micrometres.
    """
    blue, pink = vectors(stain["tint"])
    density = (
        stain["hematoxylin"] * stained.hematoxylin[..., None] * blue
        + stain["eosin"] * stained.eosin[..., None] * pink
        + stained.pigment[..., None] * PIGMENT
    )
    light = np.array(own["white"]) * 10.0 ** -np.clip(density, 0, None)
    light = ndimage.gaussian_filter(light, (*[between(rng, own["blur"]) / pixel] * 2, 0))
    grey = light.mean(axis=2, keepdims=True)
    light = np.clip(grey + between(rng, own["saturation"]) * (light - grey), 0, 1) ** between(
        rng, own["gamma"]
    )
    light = light + rng.normal(0, between(rng, own["noise"]), light.shape)
    return _compressed(
        np.clip(np.rint(255 * light), 0, 255).astype(np.uint8), int(between(rng, own["quality"]))
    )


def fluorescence(
    rng: np.random.Generator, stained: Stained, tumour: np.ndarray, own: Mapping[str, Any], pixel: float
) -> np.ndarray:
    """Return pan-cytokeratin (S, S) uint8: bright in a tumour's cytoplasm, dim in normal epithelium.

    Args:
        rng: its random numbers.
        stained: the tissue.
        tumour: (S, S) bool, whose epithelium it is.
        own: options of the stain.
        pixel: micrometres.
    """
    size = len(tumour)
    level = np.where(tumour, between(rng, own["tumour"]), between(rng, own["normal"]))
    patchy = 1 + own["texture"] * noise(rng, size, max(2.5 / pixel, 0.7))
    glow = between(rng, own["elsewhere"]) * (1 + 0.3 * noise(rng, size, max(4 / pixel, 0.7)))
    light = np.clip(glow, 0, None) + level * stained.keratin * np.clip(patchy, 0.2, None)
    light = ndimage.gaussian_filter(light, between(rng, own["blur"]) / pixel)
    light = light + rng.normal(0, own["noise"], light.shape)
    return np.clip(np.rint(255 * light), 0, 255).astype(np.uint8)


def _compressed(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Return what JPEG leaves of an image."""
    from PIL import Image

    with io.BytesIO() as stream:
        Image.fromarray(pixels).save(stream, "JPEG", quality=quality, subsampling=0)
        stream.seek(0)
        return np.asarray(Image.open(stream).convert("RGB"))
