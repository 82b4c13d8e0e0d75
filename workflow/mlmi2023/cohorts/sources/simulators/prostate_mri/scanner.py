"""The scanner: the patient moves, slices integrate over their thickness, echoes distort, coils shade, noise.

An image's point spread is laid on in the patient's frame: patients turn by a few degrees only.
"""

from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.brain.warps import rotation
from mlmi2023.cohorts.sources.simulators.prostate_mri.gland import Gland, smooth_field
from mlmi2023.cohorts.sources.simulators.prostate_mri.lesions import Lesions
from mlmi2023.cohorts.sources.simulators.prostate_mri.options import PLANES, REFERENCE
from mlmi2023.cohorts.sources.simulators.prostate_mri.tissues import unevenness

FWHM = 2.3548
#: stored numbers per unit; the largest
UNIT, HIGHEST = 1000.0, 32000


def paint(
    rng: np.random.Generator, gland: Gland, lesions: Lesions, means: dict[str, np.ndarray], length: float
) -> dict[str, np.ndarray]:
    """Return what a perfect scanner would see, by contrast, (X, Y, Z) float32.

    Args:
        rng: of the patient.
        gland: zones and tissues.
        lesions: with their factors.
        means: of :func:`.tissues.draw_means`.
        length: correlation length of uneven tissue, mm.
    """
    grain = unevenness()[gland.tissue] * smooth_field(rng, gland.tissue.shape, gland.step, length)
    capsule = 1 - 0.3 * np.exp(-((gland.depth / 0.8) ** 2))
    seen = {}
    for contrast, own in means.items():
        image = own[gland.tissue] * lesions.factors[contrast] * np.maximum(1 + grain, 0)
        seen[contrast] = (image * capsule if contrast == "t2" else image).astype(np.float32)
    return seen


def geometry(image: dict[str, Any], machine: dict[str, Any], field: list[float]) -> tuple[Any, np.ndarray]:
    """Return shape and affine of an image: voxels of ``pixel``, thick along the plane's normal."""
    spacing = np.full(3, image["pixel"] * machine["pixel"])
    spacing[PLANES[image["plane"]]] = image["thickness"] * machine["thickness"]
    shape = tuple(int(n) for n in np.maximum(2, np.round(np.array(field) / spacing)))
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -spacing * (np.array(shape) - 1) / 2
    return shape, affine


def pose(rng: np.random.Generator, name: str, motion: dict[str, float]) -> np.ndarray:
    """Return where the patient lies during a scan, (4, 4) from anatomy to scanner; the reference is still."""
    draws = np.clip(rng.standard_normal(6), -2, 2)
    matrix = np.eye(4)
    if name != REFERENCE:
        matrix[:3, :3] = rotation(motion["turn"] * draws[:3])
        matrix[:3, 3] = motion["shift"] * draws[3:]
    return matrix


def at(shape: tuple[int, ...], affine: np.ndarray, move: np.ndarray | None = None) -> np.ndarray:
    """Return the places of voxel centres, (3, X, Y, Z) mm, taken back by ``move`` (4, 4) where given."""
    matrix = affine if move is None else np.linalg.inv(move) @ affine
    grid = np.indices(shape, dtype=np.float64).reshape(3, -1)
    return (matrix[:3, :3] @ grid + matrix[:3, 3:]).reshape(3, *shape)


def sample(volume: np.ndarray, places: np.ndarray, step: Any, order: int = 1) -> np.ndarray:
    """Return a volume of the fine grid at places (3, ...) mm; ``step`` is mm between its samples."""
    step = np.broadcast_to(step, 3)
    index = [p / s + (n - 1) / 2 for p, s, n in zip(places, step, volume.shape)]
    kind = np.float32 if order else volume.dtype
    return ndimage.map_coordinates(volume, index, order=order, mode="nearest", output=kind)


def scan(
    rng: np.random.Generator,
    name: str,
    seen: np.ndarray,
    step: float,
    machine: dict[str, Any],
    options: dict[str, Any],
) -> tuple[np.ndarray, np.ndarray]:
    """Return one image of a patient, (X, Y, Z) int16, and its affine, which knows nothing of motion.

    Args:
        rng: of the patient's image.
        name: of the image, a key of ``images``.
        seen: of :func:`paint`, for its contrast.
        step: mm between its samples.
        machine: the scanner.
        options: of the simulator.
    """
    image = options["images"][name]
    shape, affine = geometry(image, machine, options["field"])
    spacing, normal = np.diag(affine)[:3], PLANES[image["plane"]]
    blurred = ndimage.uniform_filter1d(
        seen, max(1, round(spacing[normal] / step)), axis=normal, mode="nearest"
    )
    for axis in {0, 1, 2} - {normal}:
        blurred = ndimage.gaussian_filter1d(blurred, spacing[axis] / FWHM / step, axis, mode="nearest")
    places = at(shape, affine, pose(rng, name, options["motion"]))
    quantitative = image["contrast"] == "adc"
    if quantitative and options["distortion"]:
        places[1] += options["distortion"] * smooth_field(rng, shape, float(spacing.min()), 15.0)
    clean = np.maximum(sample(blurred, places, step), 0)
    size, noise = float(rng.uniform(*options["bias"]["size"])), image["noise"] * machine["noise"]
    gain = machine["gain"] * np.exp(options["gain"] * np.clip(rng.standard_normal(), -2, 2))
    shade = np.exp(size * smooth_field(rng, shape, float(spacing.min()), options["bias"]["length"]))
    real, other = noise * rng.standard_normal((2, *shape), dtype=np.float32)
    if quantitative:  # a ratio of images: neither coil nor scale are left
        made = np.maximum(clean + real, 0)
    else:
        made = gain * np.hypot(clean ** machine["gamma"] * shade + real, other)
    return np.clip(np.round(made * UNIT), 0, HIGHEST).astype(np.int16), affine
