"""A chest X-ray of a scene, with the boxes of its regions."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from mlmi2023.cohorts.sources.simulators.chest_xrays import hardware, shadows
from mlmi2023.cohorts.sources.simulators.chest_xrays.anatomy import (
    Box,
    Thorax,
    boxes_of,
    draw_shift,
    draw_thorax,
)
from mlmi2023.cohorts.sources.simulators.chest_xrays.body import Lungs, body
from mlmi2023.cohorts.sources.simulators.chest_xrays.scene import Finding, Scene
from mlmi2023.cohorts.sources.simulators.chest_xrays.shapes import Grid, grid, texture

Draw = Callable[[np.ndarray, Grid, Thorax, Finding, Lungs, np.random.Generator], np.ndarray]

#: how a kind is drawn; those that are not here are shapes of the thorax
DRAWN: dict[str, Draw] = {
    "consolidation": shadows.consolidation,
    "atelectasis": shadows.atelectasis,
    "edema": shadows.edema,
    "nodule": shadows.nodule,
    "granuloma": shadows.granuloma,
    "effusion": shadows.effusion,
    "pneumothorax": shadows.pneumothorax,
    "hilar enlargement": shadows.hilar,
    "aortic calcification": hardware.calcified_arch,
    "clavicle fracture": hardware.fracture,
    "endotracheal tube": hardware.tube,
    "central line": hardware.central_line,
    "pacemaker": hardware.pacemaker,
    "sternotomy wires": hardware.wires,
}

#: spread of the noise of a film, and how far its patches are brighter or darker
NOISE, UNEVEN = 0.018, 0.02


def render(scene: Scene, size: int, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, Box]]:
    """Draw a patient who has the scene's findings, and take the picture.

    Args:
        scene: what is to be seen.
        size: side of the picture, pixels.
        rng: decides the patient, where within a region a finding is, and noise.

    Returns:
        the picture, (size, size) uint8, and by region left, top, right and bottom in pixels; a region that is
        out of the picture is left out, but never one that a finding is in.
    """
    thorax = draw_thorax(rng, scene)
    shift = draw_shift(rng, thorax, scene)
    where = grid(size, shift)
    image, lungs = body(where, thorax, rng)
    for finding in scene.findings:
        if finding.kind in DRAWN:
            image = DRAWN[finding.kind](image, where, thorax, finding, lungs, rng)
    image = gaussian_filter(image, 0.004 * size)
    image = image + NOISE * rng.standard_normal(image.shape) + UNEVEN * texture(rng, size, 0.08)
    return (np.clip(image, 0, 1) * 255).round().astype(np.uint8), boxes_of(thorax, shift, size)
