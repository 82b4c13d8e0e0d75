"""What a scanner hears of a beating heart: scatterers of each tissue, walls, and what hides them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.sources.simulators.moving_hearts.heart import (
    ATRIUM,
    CAVITY,
    MUSCLE,
    RIGHT,
    TISSUE,
    Heart,
)
from mlmi2023.cohorts.sources.simulators.ultrasound.machine import Machine
from mlmi2023.cohorts.sources.simulators.ultrasound.tissue import labels_in, patches, ribs, walls
from mlmi2023.physics.speckle import Scatterers, scatter

#: side of the image on which labels and strengths are drawn before they are heard, pixels
DRAWN = 128
#: how far beyond the sector there is tissue that may move in, mm
BEYOND = 12.0


class Scene(NamedTuple):
    """A heart in front of a scanner.

    Attributes:
        heart: shape and motion.
        machine: the scanner.
        tissue: scatterers at their places at ED.
        strength: of each.
        haze: scatterers that stay where they are.
        haze_strength: of each.
        loss: shadows, (S, B) dB per mm.
        borders: amplitude of the endocardium's and the epicardium's walls, their thickness and exponent.
    """

    heart: Heart
    machine: Machine
    tissue: Scatterers
    strength: np.ndarray
    haze: Scatterers
    haze_strength: np.ndarray
    loss: np.ndarray
    borders: tuple[float, float, float, float]

    def frame(
        self, rng: np.random.Generator, squeezed: float, shape: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return image and labels of a moment, (H, W) uint8 each: cavity 1, myocardium 2, all else 0."""
        sector = self.machine.sector
        here = self.heart.what(*self.heart.origin(*sector.pixels((DRAWN, DRAWN)), squeezed))
        inner, outer, thickness, exponent = self.borders
        mirror = walls(sector, here == CAVITY, inner, thickness, exponent)
        mirror += walls(sector, (here == CAVITY) | (here == MUSCLE), outer, thickness, exponent)
        tissue = self.tissue.moved(*self.heart.motion(self.tissue.x, self.tissue.z, squeezed))
        both = Scatterers(*(np.concatenate(pair) for pair in zip(tissue, self.haze)))
        strength = np.concatenate([self.strength, self.haze_strength])
        image = self.machine.picture(rng, both, strength, shape, mirror, self.loss)
        labels = labels_in(sector, here, shape)
        return image, np.where(sector.field(shape) & (labels <= MUSCLE), labels, 0).astype(np.uint8)

    def way(self, now: float, then: float, shape: tuple[int, int]) -> np.ndarray:
        """Return how far what a pixel shows moves between two moments, (2, H, W) mm along rows, columns."""
        dx, dz = self.heart.way(*self.machine.sector.pixels(shape), now, then)
        return np.stack([dz, dx])


def draw_scene(rng: np.random.Generator, heart: Heart, machine: Machine, options: Mapping[str, Any]) -> Scene:
    """Draw tissue, walls, dropout, haze and shadows of a sequence."""
    sector, levels = machine.sector, options["levels"]
    tissue = scatter(rng, sector, machine.margin + BEYOND)
    what = heart.what(tissue.x, tissue.z)
    muscle, other, blood = (rng.uniform(*levels[key]) for key in ("muscle", "tissue", "blood"))
    table = np.zeros(5)
    table[[TISSUE, CAVITY, MUSCLE, RIGHT, ATRIUM]] = other, blood, muscle, blood, blood
    uneven = patches(rng, sector, (DRAWN, DRAWN), levels["patches"]["length"])
    level = table[what] + levels["patches"]["spread"] * sector.read(uneven, tissue.x, tissue.z)
    level = level + dropped(rng, heart, tissue, options["dropout"])
    keys = options["haze"]
    haze = scatter(rng, sector, machine.margin)
    near, shallow = rng.uniform(*keys["level"]), rng.uniform(*keys["depth"])
    depth, _ = sector.polar(haze.x, haze.z)
    shadows = options["shadows"]
    loss = np.zeros((sector.samples, sector.beams))
    for _ in range(int(rng.integers(shadows["count"][0], shadows["count"][1] + 1))):
        loss += ribs(rng, sector, 1, rng.uniform(*shadows["width"]), rng.uniform(*shadows["loss"]))
    keys = options["walls"]
    inner, outer = (float(rng.uniform(*keys[name])) for name in ("endocardium", "epicardium"))
    return Scene(
        heart,
        machine,
        tissue,
        10 ** (level / 20),
        haze,
        10 ** (near / 20) * np.exp(-np.maximum(depth, 0) / shallow),
        loss,
        (inner, outer, keys["thickness"], keys["exponent"]),
    )


def dropped(rng: np.random.Generator, heart: Heart, cloud: Scatterers, keys: Mapping[str, Any]) -> np.ndarray:
    """Return the level, dB, by which segments of the wall are weaker, (N,); they move with it."""
    u, v = heart.local(cloud.x, cloud.z)
    radius, angle = heart.radius(u, v)
    found = np.zeros(len(angle))
    for _ in range(int(rng.integers(keys["count"][0], keys["count"][1] + 1))):
        # not at the base, where there is no wall
        middle = rng.uniform(np.pi / 4, 2 * np.pi - np.pi / 4)
        width, level = np.deg2rad(rng.uniform(*keys["width"])), rng.uniform(*keys["level"])
        apart = np.angle(np.exp(1j * (angle - middle)))
        found += level * np.exp(-0.5 * (apart / (width / 2)) ** 2) * (radius > 0.9) * (radius < 1.8)
    return found
