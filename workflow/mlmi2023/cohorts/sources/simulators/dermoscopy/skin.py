"""Skin and pigment: colours, light and texture of the image without artefacts."""

from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.dermoscopy.lesion import Lesion, between, grid, step

# light and dark ends of skin, and pigments, as shares of red, green and blue; after photographs in textbooks
SKIN = np.array([[0.93, 0.76, 0.68], [0.55, 0.38, 0.29]])
PIGMENTS = np.array([[0.55, 0.36, 0.24], [0.34, 0.20, 0.14], [0.16, 0.11, 0.10], [0.38, 0.40, 0.46]])
RED = np.array([0.80, 0.42, 0.38])


def smooth_noise(rng: np.random.Generator, size: int, length: float) -> np.ndarray:
    """Return noise of mean 0 and spread 1, (size, size), correlated over ``length``, a share of the width."""
    noise = ndimage.gaussian_filter(rng.normal(0, 1, (size, size)), length * size, mode="wrap")
    return (noise - noise.mean()) / max(float(noise.std()), 1e-9)


def paint(rng: np.random.Generator, lesion: Lesion, options: dict[str, Any]) -> np.ndarray:
    """Return the image of skin, lesion and spots, (H, W, 3) in [0, 1].

    Args:
        rng: its random numbers.
        lesion: what lies on the skin.
        options: of the simulator.
    """
    size = len(lesion.mask)
    own, light = options["lesion"], options["light"]
    tone = between(rng, options["tone"])
    skin = (1 - tone) * SKIN[0] + tone * SKIN[1]
    image = np.broadcast_to(skin, (size, size, 3)).copy()
    image += between(rng, light["texture"]) * smooth_noise(rng, size, 0.006)[..., None]
    image += 0.02 * smooth_noise(rng, size, 0.12)[..., None] * np.array([0.6, 1.0, 1.0])
    if rng.uniform() < light["vessels"]:
        # blood below the skin: a faint red net that green and blue show most
        net = np.exp(-((smooth_noise(rng, size, 0.03) / 0.12) ** 2))
        image -= 0.05 * net[..., None] * np.array([0.2, 1.0, 0.9])

    contrast = between(rng, own["contrast"])
    colour = _pigment(rng, lesion, skin, own)
    cover = lesion.pigment * contrast / max(float(np.abs(skin - colour.mean((0, 1))).mean()), 1e-3)
    cover = np.clip(cover, 0, 1)[..., None]
    image = image * (1 - cover) + colour * cover
    network = smooth_noise(rng, size, 0.008) - smooth_noise(rng, size, 0.02)
    image += between(rng, own["texture"]) * (network * lesion.pigment)[..., None]

    image = _spots(rng, image, lesion, colour.mean((0, 1)), options["spots"], float(cover.max()))
    turn, steep = rng.uniform(0, 2 * np.pi), between(rng, light["gradient"])
    x, y = grid(size)
    return image * (1 + steep * (np.cos(turn) * (x - 0.5) + np.sin(turn) * (y - 0.5)))[..., None]


def _pigment(rng: np.random.Generator, lesion: Lesion, skin: np.ndarray, own: dict[str, Any]) -> np.ndarray:
    """Return the lesion's colour at each pixel, (H, W, 3): patches of one to three pigments."""
    size = len(lesion.mask)
    low, high = own["colours"]
    count = int(rng.integers(low, high + 1))
    chosen = rng.permutation(len(PIGMENTS))[:count]
    # pigment is darker than the skin it lies in
    palette = PIGMENTS[chosen] * min(1.0, float(skin.mean()) / 0.6)
    colour = np.broadcast_to(palette[0], (size, size, 3)).copy()
    for other in palette[1:]:
        patch = step(2 * smooth_noise(rng, size, 0.07) + rng.uniform(-0.5, 0.5))
        colour += patch[..., None] * (other - colour)
    red = between(rng, own["redness"]) * step((lesion.depth - 0.5) / 0.5)
    return colour + red[..., None] * 0.5 * (RED - colour)


def _spots(
    rng: np.random.Generator,
    image: np.ndarray,
    lesion: Lesion,
    colour: np.ndarray,
    own: dict[str, Any],
    strongest: float,
) -> np.ndarray:
    """Lay spots of the lesion's colour beside it; they are no part of the truth."""
    size = len(lesion.mask)
    x, y = grid(size)
    low, high = own["count"]
    for _ in range(int(rng.integers(low, high + 1))):
        radius, cover = between(rng, own["radius"]), between(rng, own["contrast"]) * strongest
        ratio, turn = rng.uniform(1, 1.5), rng.uniform(0, np.pi)
        # a few tries to find a place that leaves a gap to the lesion
        for _ in range(20):
            centre = rng.uniform(0.05, 0.95, 2)
            away = np.hypot(x - centre[0], y - centre[1])
            if not lesion.mask[away < radius * ratio + 0.03].any():
                break
        else:
            continue
        u = np.cos(turn) * (x - centre[0]) + np.sin(turn) * (y - centre[1])
        v = -np.sin(turn) * (x - centre[0]) + np.cos(turn) * (y - centre[1])
        shape = step((1 - np.hypot(u / ratio, v) / radius) / 0.5 + 0.5)
        image = image + (cover * shape)[..., None] * (colour - image)
    return image
