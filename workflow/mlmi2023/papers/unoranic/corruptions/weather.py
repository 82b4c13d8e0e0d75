"""Fog, snow and spatter, from random fields; see :mod:`.unseen`."""

import numpy as np
from scipy import ndimage

Array = np.ndarray
#: weight of the fog; share of flakes, and of what they whiten; share of pixels under drops
FOG = (0.25, 0.45, 0.7, 1.0, 1.4)
FLAKES, WHITE = (0.03, 0.05, 0.08, 0.11, 0.15), (0.1, 0.15, 0.2, 0.25, 0.3)
DROPS = (0.06, 0.1, 0.15, 0.2, 0.28)
#: amplitudes of fog fall with its frequency to this power
FALL = 1.5
#: red, green and blue of water
WATER = (0.69, 0.93, 0.93)


def fog(x: Array, level: int, rng: np.random.Generator) -> Array:
    """Lay clouds over images (N, H, W, C), 0 to 1, and keep their brightest value."""
    count, height, width = x.shape[:3]
    spectrum = np.fft.rfft2(rng.normal(size=(count, height, width)))
    rows, columns = np.fft.fftfreq(height) * height, np.fft.rfftfreq(width) * width
    spectrum *= np.maximum(np.hypot(rows[:, None], columns), 1) ** -FALL
    clouds = np.fft.irfft2(spectrum, (height, width))
    low, high = clouds.min((1, 2), keepdims=True), clouds.max((1, 2), keepdims=True)
    brightest = x.max((1, 2, 3), keepdims=True)
    whole = x + FOG[level] * ((clouds - low) / (high - low))[..., None]
    return whole * brightest / (brightest + FOG[level])


def snow(x: Array, level: int, rng: np.random.Generator) -> Array:
    """Whiten images (N, H, W, C), 0 to 1, and let flakes fall, slanted."""
    flakes = (rng.random(x.shape[:3]) < FLAKES[level]).astype(float)
    streak = np.eye(3) / 2
    flakes = np.clip(ndimage.convolve(flakes, streak[None], mode="constant"), 0, 1)[..., None]
    grey = x.mean(3, keepdims=True)
    white = (1 - WHITE[level]) * x + WHITE[level] * np.maximum(x, 0.5 * grey + 0.5)
    return white + (1 - white) * flakes


def spatter(x: Array, level: int, rng: np.random.Generator) -> Array:
    """Put drops of water on images (N, H, W, C), 0 to 1; in grey they are grey."""
    wet = ndimage.gaussian_filter(rng.normal(size=x.shape[:3]), (0, 1.2, 1.2))
    edge = np.quantile(wet, 1 - DROPS[level], axis=(1, 2), keepdims=True)
    cover = np.clip((wet - edge) / (0.5 * wet.std()), 0, 1)[..., None]
    colour = np.array(WATER if x.shape[3] == 3 else (np.mean(WATER),))
    return x + 0.8 * cover * (colour - x)
