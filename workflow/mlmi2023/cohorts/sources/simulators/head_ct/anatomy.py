"""The head of one patient before it bleeds: skull, spaces of fluid, brain, falx, venous sinuses."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmi2023.cohorts.sources.simulators.head_ct.fields import Space, between, smooth

AIR, SCALP, BONE, DIPLOE = -1000.0, 20.0, 1100.0, 550.0
#: half axes of the skull's outer table, mm
SKULL = (71.0, 88.0, 82.0)
SKIN = 6.0
#: centre and radii of the ventricles' parts on the right; those off the middle have a twin on the left
VENTRICLES = (
    ((11.0, 0.0, 14.0), (6.5, 30.0, 6.5)),
    ((12.0, 27.0, 11.0), (5.5, 14.0, 8.0)),
    ((21.0, -31.0, 7.0), (9.0, 13.0, 10.0)),
    ((30.0, -8.0, -13.0), (5.0, 18.0, 5.0)),
    ((0.0, 0.0, 0.0), (3.0, 14.0, 9.0)),
    ((0.0, -35.0, -34.0), (8.0, 6.0, 9.0)),
)
ATRIUM = (21.0, -31.0, 7.0)
NUCLEUS = ((25.0, 5.0, 3.0), (9.0, 20.0, 13.0))
CISTERN = ((0.0, 6.0, -27.0), (19.0, 22.0, 9.0))
#: bone of the skull's base
BASE = (((34.0, -12.0, -46.0), (24.0, 8.0, 9.0)), ((27.0, 48.0, -40.0), (23.0, 19.0, 7.0)))


@dataclass
class Head:
    """One head on the fine grid.

    Attributes:
        hu: attenuation, (X, Y, Z) float32.
        space: places of the samples.
        depth: mm below the inner table of the skull; negative outside.
        fluid: subarachnoid space: around the brain, in sulci and cisterns.
        ventricles: of all four.
        brain: grey and white matter.
        sinus: venous sinuses.
    """

    hu: np.ndarray
    space: Space
    depth: np.ndarray
    fluid: np.ndarray
    ventricles: np.ndarray
    brain: np.ndarray
    sinus: np.ndarray


def build(rng: np.random.Generator, options: dict[str, Any]) -> Head:
    """Return a head drawn from ``rng``; same draws, same head."""
    own, hu = options["head"], options["hu"]
    space = _space(rng, options)
    radius = np.sqrt(sum((place / axis) ** 2 for place, axis in zip((space.x, space.y, space.z), SKULL)))
    length = np.sqrt(space.x**2 + space.y**2 + space.z**2)
    below = length * (1 / np.maximum(radius, 1e-3) - 1)  # mm under the outer table, along the ray
    bone = between(rng, own["skull"]) + 0.8 * smooth(rng, space.shape, space.step, 15.0)
    depth = below - bone
    inside = depth > 0

    folds = np.clip(smooth(rng, space.shape, space.step, 5.0) - 0.6, 0, 1.2)
    border = between(rng, own["csf"]) + own["sulci"] * folds
    ventricles = _ventricles(space, between(rng, own["ventricles"])) & (depth > 8)
    fissure = (np.abs(space.x) < 2.2) & ((space.z > 24) | (np.abs(space.y) > 48))
    sylvian = (
        (np.abs(space.z + 4 - 0.3 * space.y) < 2.6) & (np.abs(space.x) > 34) & (np.abs(space.y - 6) < 30)
    )
    cistern = space.egg(*CISTERN) < 1
    fluid = inside & ~ventricles & ((depth < border) | fissure | sylvian | cistern)
    brain = inside & ~ventricles & ~fluid
    grey = (depth < border + 4.5) | (_paired(space, *NUCLEUS) < 1) | ((space.z < -28) & (space.y < -12))

    image = np.full(space.shape, AIR, np.float32)
    image[(below > -SKIN) & (below <= 0)] = SCALP
    image[(below > 0) & ~inside] = BONE
    image[(below > 0.3 * bone) & (below < 0.7 * bone)] = DIPLOE
    image[brain] = np.where(grey[brain], hu["grey"], hu["white"])
    image[fluid | ventricles] = hu["csf"]
    falx = inside & fissure & (np.abs(space.x) < max(1.2, 0.55 * float(space.step[0])))
    image[falx] = 45.0
    sinus = inside & sinus_of(space, depth, 6.0)
    image[sinus] = between(rng, hu["sinus"])
    for part in BASE:
        image[inside & (_paired(space, *part) < 1)] = BONE
    grain = hu["texture"] * smooth(rng, space.shape, space.step, 4.0)
    image += np.where(inside & (image < 100), grain, 0).astype(np.float32)
    solid = image > 200
    return Head(
        image, space, depth, fluid & ~falx & ~solid & ~sinus, ventricles, brain & ~solid & ~sinus, sinus
    )


def sinus_of(space: Space, depth: np.ndarray, width: float) -> np.ndarray:
    """Return the sagittal sinus along the middle and the transverse ones at the back, ``width`` mm deep."""
    upper = (np.abs(space.x) < 0.8 * width) & ((space.z > 25) | (space.y < -60)) & (space.z > -25)
    across = (np.abs(space.z + 24) < 0.8 * width) & (space.y < -42)
    return (depth > 0) & (depth < width) & (upper | across)


def _space(rng: np.random.Generator, options: dict[str, Any]) -> Space:
    """Return the places of the samples: a head of the patient's own size and shape, slightly turned."""
    fine, own = options["fine"], options["head"]
    slices = int(rng.integers(int(options["slices"][0]), int(options["slices"][1]) + 1))
    step = np.array([options["pixel"] / int(fine["in_plane"])] * 2 + [options["thickness"] / int(fine["z"])])
    voxels = [int(options["shape"][0]), int(options["shape"][1]), slices]
    shape = [n * int(fine[k]) for n, k in zip(voxels, ("in_plane", "in_plane", "z"))]
    size = np.exp(own["size"] * np.clip(rng.standard_normal(3), -2, 2))
    middle = np.array([0.0, 0.0, 10.0])  # scans reach further up than down from the head's middle
    places = [((np.arange(n) - (n - 1) / 2) * s + m) / z for n, s, m, z in zip(shape, step, middle, size)]
    x, y, z = (part.astype(np.float32) for part in np.meshgrid(*places, indexing="ij"))
    angle = np.radians(4 * np.clip(rng.standard_normal(), -2, 2))
    x, y = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    warp = own["warp"]
    x, y, z = (
        (part + warp["amplitude"] * smooth(rng, shape, step, warp["sigma"])).astype(np.float32)
        for part in (x, y, z)
    )
    return Space(x, y, z, step)


def _ventricles(space: Space, size: float) -> np.ndarray:
    found = np.zeros(space.shape, bool)
    for centre, radii in VENTRICLES:
        found |= _paired(space, centre, [size * radius for radius in radii]) < 1
    return found


def _paired(space: Space, centre: Any, radii: Any) -> np.ndarray:
    """Return the distance, in radii, from an ellipsoid and from its mirror image."""
    right = space.egg(centre, radii)
    return right if not centre[0] else np.minimum(right, space.egg((-centre[0], *centre[1:]), radii))
