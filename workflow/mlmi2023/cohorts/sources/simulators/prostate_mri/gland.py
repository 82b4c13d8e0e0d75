"""Zones of a patient's gland and what lies around it, on a fine grid.

The origin is the middle of the gland; x runs to the right, y to the front, z up to the bladder.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.abdominal_ct.shapes import Ellipsoid, Tube
from mlmi2023.cohorts.sources.simulators.prostate_mri.tissues import NUMBER

#: how far the membranous urethra goes on below the labelled part, mm
MEMBRANOUS = 25.0
PERIPHERAL, TRANSITION, STROMA, URETHRA = 1, 2, 3, 4


@dataclass(frozen=True)
class Gland:
    """One patient.

    Attributes:
        points: (3, X, Y, Z) float32, RAS mm of every sample.
        tissue: (X, Y, Z) uint8, numbers of :data:`.tissues.NUMBER`.
        zones: (X, Y, Z) uint8, numbers of :data:`.tissues.ZONES`, 0 outside.
        depth: (X, Y, Z) float32, mm below the gland's surface, negative outside.
        half: (3,) half its width, depth and height.
        step: mm between samples.
    """

    points: np.ndarray
    tissue: np.ndarray
    zones: np.ndarray
    depth: np.ndarray
    half: np.ndarray
    step: float

    def inside(self) -> np.ndarray:
        """Return the gland without the part of the urethra that leaves it, boolean."""
        return (self.zones > 0) & (self.depth > 0)


def smooth_field(rng: np.random.Generator, shape: tuple[int, ...], step: float, sigma: float) -> np.ndarray:
    """Return a random field of correlation length ``sigma`` mm, mean 0, standard deviation 1, float32."""
    coarse = max(1.0, sigma / step / 2)  # samples of the grid per sample of the field
    few = tuple(int(np.ceil(n / coarse)) + 3 for n in shape)
    field = ndimage.gaussian_filter(rng.standard_normal(few, dtype=np.float32), sigma / step / coarse)
    field = (field - field.mean()) / field.std()
    places = np.meshgrid(*[np.arange(n) / coarse + 1 for n in shape], indexing="ij")
    return ndimage.map_coordinates(field, places, order=1, output=np.float32)


def build(rng: np.random.Generator, options: dict[str, Any]) -> Gland:
    """Return a patient drawn from ``rng``; same draws, same patient."""
    step = float(options["fine"])
    shape = tuple(int(np.ceil(length / step)) for length in options["field"])
    lines = [((np.arange(n) - (n - 1) / 2) * step).astype(np.float32) for n in shape]
    points = np.stack(np.meshgrid(*lines, indexing="ij"))
    own = options["gland"]
    if own["place"]:
        points -= rng.uniform(-own["place"], own["place"], 3).reshape(3, 1, 1, 1).astype(np.float32)
    half = np.array([rng.uniform(*own[key]) for key in ("width", "depth", "height")])
    taper, hollow, inner = (float(rng.uniform(*own[key])) for key in ("taper", "hollow", "inner"))
    rough = own["rough"] * smooth_field(rng, shape, step, 6.0)
    depth = _depth(points, half, taper, hollow) + rough.astype(np.float32)
    radius, below = (float(rng.uniform(*options["urethra"][key])) for key in ("radius", "below"))
    tissue = _around(rng, points, depth, half)
    zones = np.zeros(shape, np.uint8)
    zones[depth > 0] = PERIPHERAL
    middle = np.array([0.0, 0.18, 0.1]) * half
    core = Ellipsoid(middle, inner * half * np.array([1.0, 1.05, 1.0])).depth(points) + 0.5 * rough
    zones[(core > 0) & (depth > 1.5)] = TRANSITION
    front = (points[1] > 0.62 * half[1]) & (np.abs(points[0]) < 0.4 * half[0])
    zones[front & (depth > 0)] = STROMA
    end = -half[2] - below
    sphincter = Tube(np.array([[0, 0.2 * half[1], end], [0, 0.25 * half[1], end - MEMBRANOUS]]),
                     np.array([radius, radius]))  # fmt: skip
    tissue[(sphincter.depth(points) > 0) & (depth <= 0)] = NUMBER["sphincter"]
    tube = Tube(
        np.array([[0, 0, -0.15 * half[2]], [0, 0.15 * half[1], -0.9 * half[2]], [0, 0.2 * half[1], end]]),
        np.array([radius * 0.8, radius, radius]),
    )
    zones[(tube.depth(points) > 0) & (points[2] > end)] = URETHRA
    for zone, name in ((1, "peripheral"), (2, "transition"), (3, "stroma"), (4, "urethra")):
        tissue[zones == zone] = NUMBER[name]
    return Gland(points, tissue, zones, depth, half, step)


def _depth(points: np.ndarray, half: np.ndarray, taper: float, hollow: float) -> np.ndarray:
    """Return about how deep points lie below the gland's surface, mm: narrow at the apex, hollow behind."""
    x, y, z = points
    narrow = 1 - np.float32(taper) * np.clip(-z / half[2], 0, 1.3) ** 2
    u = np.stack([x / (half[0] * narrow), y / (half[1] * narrow), z / half[2]])
    radius = np.sqrt((u * u).sum(axis=0))
    radius += np.float32(hollow) * np.exp(-((x / (0.4 * half[0])) ** 2)) * np.clip(-u[1], 0, 1)
    return ((1 - radius) * half.min()).astype(np.float32)


def _around(rng: np.random.Generator, points: np.ndarray, depth: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Return what lies around the gland, later parts over earlier ones; the gland itself comes on top."""
    x, y, z = points
    wide, deep, high = half
    tissue = np.full(depth.shape, NUMBER["fat"], np.uint8)

    def egg(name: str, centre: tuple[float, ...], radii: tuple[float, ...], wall: float = 0.0) -> None:
        solid = Ellipsoid(np.array(centre), np.array(radii)).depth(points)
        if wall:
            tissue[solid > -wall] = NUMBER["wall"]
        tissue[solid > 0] = NUMBER[name]

    side = wide + rng.uniform(7, 12)
    tissue[np.abs(x) > side + 0.1 * z] = NUMBER["muscle"]  # obturator internus
    tissue[(depth < -4) & (depth > -8) & (z < 0.2 * high) & (np.abs(x) > 0.5 * wide)] = NUMBER["muscle"]
    floor = -high - rng.uniform(2, 5)
    tissue[z < floor + 0.1 * np.abs(x)] = NUMBER["muscle"]
    egg("bone", (0, deep + 20, -4), (13, 9, 17))
    egg("veins", (0, deep + 3, -0.4 * high), (0.6 * wide, 4, 0.5 * high))
    for sign in (-1, 1):
        egg("veins", (sign * 0.75 * wide, -0.75 * deep, rng.uniform(-4, 4)), (4, 4, 0.7 * high))
        egg("vesicles", (sign * 13, -0.7 * deep, high + rng.uniform(0, 4)), (13, 5, 6))
    full = rng.uniform(0.6, 1.1)
    egg("bladder", (0, 5, high + 14 * full), (24 * full, 20 * full, 14 * full), wall=3.0)
    rectum = rng.uniform(6, 11)
    behind = -deep - rectum - rng.uniform(3, 5) + 0.12 * np.abs(z)
    off = np.hypot(x - rng.uniform(-3, 3), y - behind)
    tissue[off < rectum + 2.5] = NUMBER["wall"]
    tissue[off < rectum] = NUMBER["stool"]
    return tissue
