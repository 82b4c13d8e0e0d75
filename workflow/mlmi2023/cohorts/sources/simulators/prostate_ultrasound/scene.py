"""Which tissue lies where in a frame, and what a scanner sees of it."""

from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage
from skimage.draw import polygon2mask

from mlmi2023.cohorts.sources.simulators.prostate_ultrasound.gland import Gland
from mlmi2023.cohorts.sources.simulators.ultrasound.machine import Machine
from mlmi2023.cohorts.sources.simulators.ultrasound.tissue import (
    calcifications,
    labels_in,
    patches,
    ribs,
    walls,
)
from mlmi2023.physics.sector import Sector
from mlmi2023.physics.speckle import scatter

#: pixels of the maps that scatterers are read from, along a side
FINE = 224
#: levels of urine and blood, and of the muscle of the rectal wall, dB
DARK, MUSCLE = -45.0, -24.0
#: the inner zone: its border against the gland's, and how far it lies away from the probe
INNER, LIFT = 0.72, 0.1
#: options that are one number of a frame
DRAWN = ("around", "central", "outer", "patchy", "capsule", "dropout", "grain", "shade", "rib", "dark")
#: standard deviation of the capsule, mm
CAPSULE = 0.6


class Frame(NamedTuple):
    """An image (S, S) uint8, the gland's mask (S, S) uint8, and what was drawn."""

    image: np.ndarray
    mask: np.ndarray
    about: dict[str, float]


def _inside(sector: Sector, outline: np.ndarray) -> np.ndarray:
    """Return the mask (FINE, FINE) of an outline (n, 2) in mm."""
    shape = (FINE, FINE)
    return polygon2mask(shape, np.stack(sector.to_pixels(outline[:, 0], outline[:, 1], shape), axis=1))


def _discs(
    rng: np.random.Generator, sector: Sector, where: np.ndarray, count: int, radius: Any
) -> np.ndarray:
    """Return soft discs (FINE, FINE) in [0, 1] whose middles lie in a mask.

    Args:
        rng: random numbers.
        sector: geometry.
        where: mask; where it is empty there are none.
        count: of the discs.
        radius: range of their radii, mm.
    """
    x, z = sector.pixels((FINE, FINE))
    places, found = np.argwhere(where), np.zeros((FINE, FINE))
    for _ in range(count if len(places) else 0):
        row, column = places[rng.integers(len(places))]
        own, flat = float(rng.uniform(*radius)), float(rng.uniform(0.7, 1.4))
        away = np.hypot((x - x[row, column]) / (own * flat), (z - z[row, column]) * flat / own)
        found = np.maximum(found, np.clip((1.2 - away) / 0.4, 0, 1))
    return found


def _gaps(rng: np.random.Generator, sector: Sector, gland: Gland, options: dict[str, Any]) -> np.ndarray:
    """Return how much of the border is left in each direction from the gland's middle, (FINE, FINE)."""
    x, z = sector.pixels((FINE, FINE))
    angle, left = np.arctan2(z - gland.z, x - gland.x), np.ones((FINE, FINE))
    for _ in range(int(rng.integers(options["gaps"][0], options["gaps"][1] + 1))):
        middle, width = rng.uniform(-np.pi, np.pi), np.deg2rad(float(rng.uniform(*options["gap"])))
        away = np.abs((angle - middle + np.pi) % (2 * np.pi) - np.pi)
        left = np.minimum(left, np.clip((away - width / 2) / np.deg2rad(10), 0, 1))
    return left


def make_frame(
    rng: np.random.Generator, machine: Machine, gland: Gland, full: bool, options: dict[str, Any]
) -> Frame:
    """Draw a frame.

    Args:
        rng: its random numbers.
        machine: the scanner.
        gland: in this frame.
        full: whether the patient's bladder is, so that it is seen near the base.
        options: of the simulator.
    """
    sector, pixel = machine.sector, machine.sector.pixel((FINE, FINE))
    draw = {key: float(rng.uniform(*options[key])) for key in DRAWN}
    numbers = {
        key: int(rng.integers(options[key][0], options[key][1] + 1))
        for key in ("grains", "bright", "cysts", "vessels", "ribs")
    }
    x, z = sector.pixels((FINE, FINE))
    whole = _inside(sector, gland.outline())
    inner = _inside(sector, gland.outline(INNER, LIFT)) & whole
    soft, core = (ndimage.gaussian_filter(m.astype(float), 0.8 / pixel) for m in (whole, inner))
    left = _gaps(rng, sector, gland, options)
    # in a gap the gland's border is blurred over several mm
    blurred = ndimage.gaussian_filter(whole.astype(float), 4.0 / pixel)
    soft = left * soft + (1 - left) * blurred
    level = (
        draw["around"] + soft * (draw["outer"] - draw["around"]) + core * (draw["central"] - draw["outer"])
    )
    # tissue as bright as what is around, inside the gland, away from its border
    deep = ndimage.binary_erosion(whole, iterations=max(1, round(3.0 / pixel)))
    blotches = _discs(rng, sector, deep, numbers["bright"], options["blotch"]) * whole
    level = level + blotches * (draw["around"] + 2.0 - level)
    beside = (np.hypot(x - gland.x, z - gland.z) < 0.9 * gland.width) & ~ndimage.binary_dilation(
        whole, iterations=8
    )
    holes = _discs(rng, sector, deep, numbers["cysts"], options["cyst"])
    holes = np.maximum(holes, _discs(rng, sector, beside, numbers["vessels"], options["vessel"]))
    wall = gland.z - gland.height / 2
    # the muscle of the rectal wall is a dark band along the probe
    depth = sector.polar(x, z)[0]
    band = np.exp(-0.5 * ((depth - 0.55 * wall) / 0.8) ** 2)
    level = level + band * (MUSCLE - level)
    bladder = np.zeros((FINE, FINE), bool)
    if full and gland.base > 0.6:
        bladder = _bladder(rng, x, z, gland) & ~whole
        holes = np.maximum(holes, ndimage.gaussian_filter(bladder.astype(float), 1.0))
    level = (
        level
        + holes * (DARK - level)
        + draw["patchy"] * patches(rng, sector, (FINE, FINE), 3.0) * (1 - holes)
    )
    strength = 10 ** (level / 20)

    mirror = walls(sector, whole, draw["capsule"], CAPSULE, draw["dropout"]) * sector.from_image(left)
    mirror = mirror + walls(sector, bladder, draw["capsule"], CAPSULE, draw["dropout"])
    bright, loss = calcifications(
        rng, sector, deep, numbers["grains"], draw["grain"], 4 * draw["capsule"], draw["shade"]
    )
    loss = loss + ribs(rng, sector, numbers["ribs"], draw["rib"], draw["dark"])
    size = int(options["size"])
    side = round(size / options["crop"])
    picture = (side, side)
    cloud = scatter(rng, sector, machine.margin)
    image = machine.picture(
        rng, cloud, sector.read(strength, cloud.x, cloud.z), picture, mirror + bright, loss
    )
    mask = labels_in(sector, whole.astype(np.uint8), picture)
    first = (side - size) // 2
    kept = (slice(first, first + size), slice(first, first + size))
    about = {"width": gland.width, "height": gland.height, "base": gland.base, **numbers}
    return Frame(image[kept], mask[kept], {**about, "bladder": float(bladder.any())})


def _bladder(rng: np.random.Generator, x: np.ndarray, z: np.ndarray, gland: Gland) -> np.ndarray:
    """Return the mask of a bladder behind the gland."""
    wide, high = float(rng.uniform(0.3, 0.6)) * gland.width, float(rng.uniform(6, 14))
    middle = gland.x + float(rng.normal(0, 3)), gland.z + gland.height / 2 + 0.8 * high
    return np.hypot((x - middle[0]) / wide, (z - middle[1]) / high) < 1
