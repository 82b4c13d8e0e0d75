"""From the fine phantom to scans: pixels, noise, and slices of any thickness and overlap."""

from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from mlmi2023.physics.slice_profile import slice_centres


def expose(rng: np.random.Generator, fine: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """Return what the detector sees before slices are formed: pixels in plane, still fine along z, noisy.

    The noise is white along z, as from independent readings, and smooth in plane, as a reconstruction kernel
    leaves it. Its standard deviation is that of a slice one pixel thick; thicker slices average it down, and
    slices that overlap share it.

    Args:
        rng: of the volume.
        fine: (Zf, Yf, Xf) Hounsfield units.
        options: complete options.

    Returns:
        (Zf, Y, X) float32.
    """
    many = options["fine"]["in_plane"]
    z, y, x = fine.shape
    seen = fine.reshape(z, y // many, many, x // many, many).mean(axis=(2, 4))
    noise = rng.standard_normal(seen.shape, dtype=np.float32)
    length = options["noise"]["length"]
    noise = gaussian_filter(noise, [0, length, length], mode="wrap")
    level = rng.uniform(*options["noise"]["sd"]) * np.sqrt(options["pixel"] / options["fine"]["z"])
    return seen + (level / noise.std()) * noise


def form_slices(
    seen: np.ndarray, step: float, thickness: float, spacing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return slices (K, Y, X) int16 and their centres (K,) mm: exact means over each slice's thickness.

    Args:
        seen: (Zf, Y, X), constant over each fine layer.
        step: thickness of a fine layer, mm.
        thickness: of a slice, mm.
        spacing: between slice centres, mm.
    """
    centres = slice_centres(len(seen) * step, thickness, spacing)
    # the integral up to any height, which is linear inside a layer
    below = np.concatenate([np.zeros((1, *seen.shape[1:])), np.cumsum(seen, axis=0, dtype=np.float64)]) * step
    slices = (
        _at(below, (centres + thickness / 2) / step) - _at(below, (centres - thickness / 2) / step)
    ) / thickness
    return np.clip(np.round(slices), -1024, 3071).astype(np.int16), centres


def _at(below: np.ndarray, place: np.ndarray) -> np.ndarray:
    low = np.clip(np.floor(place).astype(int), 0, len(below) - 2)
    share = np.clip(place - low, 0, 1)[:, None, None]
    return (1 - share) * below[low] + share * below[low + 1]
