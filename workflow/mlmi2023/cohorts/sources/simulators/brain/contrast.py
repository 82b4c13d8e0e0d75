"""Intensities: means of tissues per modality, and how a subject's own differ.

Means are relative to white matter on T1. Order and rough ratios are those of adult spin-echo and MPRAGE
images at 1.5 to 3 T: on T2w cerebrospinal fluid is brightest and grey matter above white; FLAIR is T2w with
the fluid nulled; fat is bright throughout. ``texture`` is the share, and sign, of the template's T1 detail.
"""

from dataclasses import dataclass, field

import numpy as np

from mlmi2023.cohorts.sources.simulators.brain.labels import structures
from mlmi2023.cohorts.sources.simulators.brain.maps import Maps, block_mean

MEANS: dict[str, dict[str, float]] = {
    "T1w": {"gm": 0.75, "wm": 1.00, "csf": 0.30, "soft": 0.55, "fat": 1.05, "vitreous": 0.28},
    "T2w": {"gm": 0.62, "wm": 0.46, "csf": 1.00, "soft": 0.30, "fat": 0.62, "vitreous": 0.95},
    "FLAIR": {"gm": 0.70, "wm": 0.56, "csf": 0.15, "soft": 0.38, "fat": 0.78, "vitreous": 0.20},
}
TEXTURE = {"T1w": 1.0, "T2w": -0.6, "FLAIR": -0.35}
IRON = {  # shortens T2; on T1 the template shows it by itself
    "T2w": {"pallidum": -0.10, "putamen": -0.04, "caudate": -0.02, "thalamus": -0.03},
    "FLAIR": {"pallidum": -0.09, "putamen": -0.04, "caudate": -0.01, "thalamus": -0.02},
}


@dataclass
class Contrast:
    """One subject's intensities in one modality.

    Attributes:
        means: tissue -> mean.
        offsets: structure index -> difference to its tissue's mean.
        texture: factor on the template's detail.
    """

    means: dict[str, float]
    offsets: dict[int, float] = field(default_factory=dict)
    texture: float = 1.0


def draw_contrast(modality: str, options: dict, rng: np.random.Generator, jitter: bool = True) -> Contrast:
    """Draw a subject's contrast; without ``jitter``, return the modality's."""
    means, offsets = dict(MEANS[modality]), {}
    iron = IRON.get(modality, {})
    for row in structures():
        offsets[row.index] = iron.get(row.name.split(" ", 1)[-1], 0.0)
    if jitter:
        means = {k: m + options["tissue_sd"] * float(rng.standard_normal()) for k, m in means.items()}
        offsets = {
            k: o + options["structure_sd"] * float(np.clip(rng.standard_normal(), -2, 2))
            for k, o in offsets.items()
        }
    return Contrast(means, offsets, TEXTURE[modality] * options["texture"])


def compose(
    maps: Maps, tissues: dict[str, np.ndarray], labels: np.ndarray, texture: np.ndarray, contrast: Contrast
) -> np.ndarray:
    """Return a noise-free image on the work grid, (x, y, z) float32.

    Partial volume is that of the tissue fractions. Structure offsets are averaged over the voxels of the work
    grid, so that their borders have partial volume too.
    """
    image = contrast.texture * np.asarray(texture)
    for name, mean in contrast.means.items():
        image += np.float32(mean) * tissues[name]
    table = np.zeros(256, np.float32)
    for index, offset in contrast.offsets.items():
        table[index] = offset
    image += block_mean(table[labels], maps.factor)
    return np.maximum(image, 0).astype(np.float32)
