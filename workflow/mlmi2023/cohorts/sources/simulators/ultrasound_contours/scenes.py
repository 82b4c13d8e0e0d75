"""Which tissue lies where: contours of an anatomy drawn at random, and what a scanner sees of them."""

from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage
from skimage.draw import polygon2mask

from mlmi2023.cohorts.sources.simulators.ultrasound.machine import Machine
from mlmi2023.cohorts.sources.simulators.ultrasound.tissue import calcifications, patches, ribs, walls
from mlmi2023.cohorts.sources.simulators.ultrasound_contours.shapes import Contour, arch, detailed, template
from mlmi2023.physics.sector import Sector
from mlmi2023.physics.speckle import scatter

#: pixels of the maps that scatterers are read from, along a side
FINE = 224


class Scene(NamedTuple):
    """An image (S, S) uint8, its labels (S, S) uint8, and the contours by structure, in mm."""

    image: np.ndarray
    labels: np.ndarray
    contours: list[Contour]
    sector: Sector


def draw_contours(rng: np.random.Generator, sector: Sector, options: dict[str, Any]) -> list[Contour]:
    """Return the contours of the anatomy's structures, in the order of their labels."""
    anatomy = options["anatomy"]
    radius, ratio, wall = (float(rng.uniform(*options[key])) for key in ("radius", "ratio", "wall"))
    tilt = np.deg2rad(float(rng.uniform(*options["tilt"]))) * rng.choice([-1, 1])
    away, where = float(rng.uniform(*options["shift"])) * radius, rng.uniform(0, 2 * np.pi)
    centre = np.array([away * np.cos(where), 0.55 * sector.depth + away * np.sin(where)])
    stretch = (radius / np.sqrt(ratio), radius * np.sqrt(ratio))
    if anatomy in ("head", "hook"):
        tilt = rng.uniform(0, 2 * np.pi)
    shape = template({"head": "ellipse", "hook": "hook"}.get(anatomy, "pear"))
    first = detailed(rng, shape.turned(0.0, stretch), radius, options)._replace(centre=centre)
    if anatomy != "heart":
        return [first.turned(tilt)]
    # the ventricle above the middle, its wall around it, open below, and the atrium behind the valve
    up = np.array([0, -0.3 * stretch[1]])
    flat = arch(stretch[0] * 0.87 + wall / 2, wall, (stretch[1] * 0.92 + wall / 2) / (stretch[0] * 0.87), 4.1)
    across = float(rng.uniform(0.75, 0.95)) * stretch[0]
    atrium = template("atrium").turned(0.0, (across, across * float(rng.uniform(0.75, 1.0))))
    offset = np.array([0, 0.86 * stretch[1] + 0.82 * across])
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    middle, base = (template(name).centre for name in ("pear", "atrium"))
    pear_shift = np.array([0, stretch[1] * middle[1]])
    found = []
    for contour, at in (
        (first, up + pear_shift),
        (detailed(rng, atrium, across, options), up + offset + np.array([0, across * base[1]])),
        (detailed(rng, flat, wall, options), up + flat.centre),
    ):
        found.append(contour.turned(tilt)._replace(centre=centre + turn @ at))
    return found


def labels_of(contours: list[Contour], sector: Sector, shape: tuple[int, int]) -> np.ndarray:
    """Return the label map (H, W) uint8 of contours; where they overlap the lowest label is seen."""
    labels = np.zeros(shape, np.uint8)
    for number in reversed(range(len(contours))):
        points = contours[number].points()
        corners = np.stack(sector.to_pixels(points[:, 0], points[:, 1], shape), axis=1)
        labels[polygon2mask(shape, corners)] = number + 1
    return labels


def make_scene(rng: np.random.Generator, machine: Machine, options: dict[str, Any]) -> Scene:
    """Draw an image.

    Args:
        rng: its random numbers.
        machine: the scanner.
        options: of the simulator.
    """
    sector, size = machine.sector, int(options["size"])
    contours = draw_contours(rng, sector, options)
    labels = labels_of(contours, sector, (FINE, FINE))
    draw = {key: float(rng.uniform(*options[key])) for key in ("inside", "rim", "tissue", "patchy", "wall")}
    pixel = sector.pixel((FINE, FINE))
    if options["anatomy"] == "heart":
        blood, muscle = (labels == 1) | (labels == 2), labels == 3
        # the atrium's wall is thin
        band = muscle | (_grown(labels == 2, 0.3 * draw["wall"] / pixel) & (labels == 0))
    elif options["anatomy"] == "hook":
        blood, band = labels == 1, np.zeros_like(labels, bool)
    else:
        blood = labels == 1
        band = _grown(blood, draw["wall"] / pixel) & ~blood
    gaps = _missing(rng, sector, contours[0], options)
    band &= ~gaps
    level = np.select([blood, band], [draw["inside"], draw["rim"]], draw["tissue"])
    level = ndimage.gaussian_filter(level, 0.6 / pixel)
    level = level + draw["patchy"] * patches(rng, sector, (FINE, FINE), 5.0)
    mirror = walls(
        sector, blood, float(rng.uniform(*options["mirror"])), 0.8, float(rng.uniform(*options["dropout"]))
    )
    bright, loss = calcifications(rng, sector, band, _count(rng, options["grains"]), 1.5, 4.0, 15.0)
    for _ in range(_count(rng, options["ribs"])):
        loss = loss + ribs(rng, sector, 1, *(float(rng.uniform(*options[key])) for key in ("rib", "shade")))
    cloud = scatter(rng, sector, machine.margin)
    strength = sector.read(10 ** (level / 20), cloud.x, cloud.z)
    image = machine.picture(
        rng, cloud, strength, (size, size), mirror * (1 - sector.from_image(gaps)) + bright, loss
    )
    return Scene(image, labels_of(contours, sector, (size, size)), contours, sector)


def _missing(
    rng: np.random.Generator, sector: Sector, contour: Contour, options: dict[str, Any]
) -> np.ndarray:
    """Return the directions from a contour's centre in which its wall is not seen, (FINE, FINE) bool."""
    x, z = sector.pixels((FINE, FINE))
    angle = np.arctan2(z - contour.centre[1], x - contour.centre[0])
    found = np.zeros_like(x, bool)
    for _ in range(_count(rng, options["gaps"])):
        middle, width = rng.uniform(-np.pi, np.pi), np.deg2rad(float(rng.uniform(*options["gap"])))
        found |= np.abs((angle - middle + np.pi) % (2 * np.pi) - np.pi) < width / 2
    return found


def _grown(mask: np.ndarray, pixels: float) -> np.ndarray:
    return ndimage.distance_transform_edt(~mask) <= pixels if mask.any() else mask


def _count(rng: np.random.Generator, pair: Any) -> int:
    return int(rng.integers(int(pair[0]), int(pair[1]) + 1))
