"""The solids of one patient: thirteen organs where anatomy has them, and what lies around them unlabelled.

Coordinates are RAS mm about a point in front of the first lumbar vertebra. Places, sizes and angles vary
around those of an adult.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmi2023.cohorts.sources.simulators.abdominal_ct.organs import NUMBER
from mlmi2023.cohorts.sources.simulators.abdominal_ct.shapes import (
    Ellipsoid,
    Solid,
    Tube,
    Union,
    smooth_chain,
)

#: vertical tubes that have short likenesses
TUBES = ("aorta", "inferior vena cava", "oesophagus")


@dataclass(frozen=True)
class Part:
    """A solid and what it is made of; later parts of a list cover earlier ones.

    Attributes:
        name: tissue, a key of :data:`mlmi2023.cohorts.sources.simulators.abdominal_ct.organs.HU`.
        solid: its place.
        label: BTCV's number; 0 where BTCV has none.
        wall: thickness of the wall of a hollow part, mm; 0 for a solid one.
        contents: Hounsfield units inside the wall.
    """

    name: str
    solid: Solid
    label: int = 0
    wall: float = 0.0
    contents: float = 0.0


class _Patient:
    """Draws of one patient around the adult mean."""

    def __init__(self, rng: np.random.Generator, options: dict[str, Any]) -> None:
        self.rng, self.options = rng, options
        self.size = float(np.exp(options["body"]["size"] * np.clip(rng.standard_normal(), -2, 2)))

    def at(self, *mean: float) -> np.ndarray:
        """Return a place near ``mean``."""
        return (
            self.size * np.array(mean) + np.clip(self.rng.standard_normal(3), -2, 2) * self.options["place"]
        )

    def factor(self) -> float:
        """Return a factor on lengths whose cube has the spread of organ volumes."""
        return float(np.exp(self.options["volume"] / 3 * np.clip(self.rng.standard_normal(), -2, 2)))

    def egg(
        self, centre: tuple[float, ...], radii: tuple[float, ...], angles: tuple[float, ...]
    ) -> Ellipsoid:
        """Return an ellipsoid."""
        lengths = self.size * self.factor() * np.array(radii) * np.exp(0.05 * self.rng.standard_normal(3))
        turn = np.array(angles) + np.clip(self.rng.standard_normal(3), -2, 2) * self.options["turn"]
        return Ellipsoid(self.at(*centre), lengths, turn)

    def tube(self, points: list[tuple[float, ...]], radii: list[float], pieces: int = 10) -> Tube:
        """Return a curved tube through points near those given."""
        shared = np.clip(self.rng.standard_normal(3), -2, 2) * self.options["place"]
        own = (
            np.array(points) * self.size
            + shared
            + self.rng.normal(0, 0.4 * self.options["place"], (len(points), 3))
        )
        curve = smooth_chain(own, pieces)
        steps = np.linspace(0, 1, len(radii))
        radius = np.interp(np.linspace(0, 1, pieces + 1), steps, radii) * self.size * self.factor()
        return Tube(curve, radius)


def draw_anatomy(rng: np.random.Generator, options: dict[str, Any]) -> list[Part]:
    """Return the parts of one patient, those that cover others last."""
    patient = _Patient(rng, options)
    surroundings = [*_loops(patient), *_decoys(patient)]
    organs = _organs(patient)
    return [*surroundings, *organs]


def _organs(p: _Patient) -> list[Part]:
    full = float(p.rng.uniform(0.75, 1.15))  # of the stomach
    contents = float(p.rng.uniform(*p.options["hu"]["contents"]))
    gas = -950.0 if p.rng.random() < 0.3 else 45.0
    shapes: list[tuple[str, Solid, float, float]] = [
        ("liver", Union((p.egg((78, 5, 40), (66, 72, 68), (0, 10, -10)),
                         p.egg((12, 42, 55), (62, 34, 36), (0, 8, -15)),
                         p.egg((85, 0, -25), (40, 45, 45), (0, 0, 0))), 14.0), 0.0, 0.0),
        ("spleen", p.egg((-103, -38, 45), (26, 44, 47), (10, 0, 20)), 0.0, 0.0),
        ("right kidney", p.egg((60, -48, -30), (25, 27, 52), (8, -8, 30)), 0.0, 0.0),
        ("left kidney", p.egg((-60, -46, -14), (25, 27, 52), (8, 8, -30)), 0.0, 0.0),
        ("stomach", p.tube([(-28, -2, 62), (-72, 2, 74), (-78, 28, 42), (-50, 52, 12), (-5, 55, -8),
                            (22, 38, -2)],
                           [16 * full, 33 * full, 31 * full, 25 * full, 17, 11], 12), 4.0, contents),
        ("pancreas", p.tube([(34, 12, -20), (28, 18, 0), (0, 22, 10), (-30, 8, 18), (-74, -18, 34)],
                            [12, 14, 9.5, 9.5, 8]), 0.0, 0.0),
        ("gallbladder", p.tube([(48, 50, -22), (50, 36, -4), (42, 22, 10)], [12.5, 10, 5], 5), 0.0, 0.0),
        ("right adrenal gland", _adrenal(p, (32, -40, 32), 1), 0.0, 0.0),
        ("left adrenal gland", _adrenal(p, (-32, -36, 26), -1), 0.0, 0.0),
        ("portal and splenic vein", p.tube([(-88, -32, 40), (-48, -8, 24), (-8, 8, 14), (16, 6, 22),
                                            (40, 12, 42)],
                                           [4.5, 5, 6, 7.5, 6.5]), 0.0, 0.0),
        ("inferior vena cava", p.tube([(20, -32, -150), (22, -30, -40), (24, -26, 30), (20, -14, 130)],
                                      [11, 11.5, 13, 12], 14), 0.0, 0.0),
        ("aorta", p.tube([(-4, -36, -150), (-8, -36, -40), (-10, -34, 30), (-14, -36, 150)],
                         [8.5, 9.5, 11, 12], 14), 0.0, 0.0),
        ("oesophagus", p.tube([(-6, -20, 150), (-9, -18, 96), (-18, -10, 76), (-28, -3, 64)],
                              [9, 9, 9, 9]), 3.5, gas),
    ]  # fmt: skip
    return [Part(name, solid, NUMBER[name], wall, inner) for name, solid, wall, inner in shapes]


def _adrenal(p: _Patient, centre: tuple[float, float, float], side: int) -> Union:
    """Return two thin limbs that meet in front, as an inverted V."""
    top = p.at(*centre)
    thick = 2.6 * p.factor()
    limbs = []
    for lean in (-0.45, 0.45):
        way = np.array([side * 0.25 + lean, -0.8, -0.35])
        middle = top + 9 * p.size * way
        angles = np.array([0.0, 0.0, -np.rad2deg(np.arctan2(way[0], way[1]))])
        limbs.append(Ellipsoid(middle, np.array([thick, 12 * p.size, 15 * p.size]), angles))
    return Union(tuple(limbs), 2.0)


def _decoys(p: _Patient) -> list[Part]:
    """Return short vertical tubes that look like the long ones in a slice, and veins that BTCV leaves out."""
    own = p.options["decoys"]
    found = []
    for _ in range(int(p.rng.integers(own["tubes"][0], own["tubes"][1] + 1))):
        centre = p.size * np.array([p.rng.uniform(-58, 62), p.rng.uniform(-44, 18), p.rng.uniform(-85, 95)])
        half = p.rng.uniform(*own["length"]) / 2
        lean = np.array([p.rng.normal(0, 0.2), p.rng.normal(0, 0.2), 1.0])
        like = str(p.rng.choice(TUBES))
        radius = p.rng.uniform(7, 12) * p.size
        ends = np.stack([centre - half * lean, centre + half * lean])
        wall = 3.5 if like == "oesophagus" else 0.0
        found.append(Part(like, Tube(ends, np.array([radius, radius])), 0, wall, 45.0))
    mesenteric = p.tube([(8, 14, -110), (8, 14, -50), (10, 8, 8)], [5, 6, 7.5], 6)
    azygos = p.tube([(8, -44, -10), (6, -46, 60), (6, -44, 150)], [3.5, 4, 4.5], 6)
    return [
        *found,
        Part("portal and splenic vein", mesenteric),
        Part("inferior vena cava", azygos),
    ]


def _loops(p: _Patient) -> list[Part]:
    """Return bowel: curved tubes in the lower and front abdomen, some filled with contrast or gas."""
    own = p.options["decoys"]["loops"]
    found = []
    for _ in range(int(p.rng.integers(own[0], own[1] + 1))):
        start = p.size * np.array([p.rng.uniform(-95, 95), p.rng.uniform(5, 65), p.rng.uniform(-110, 0)])
        walk = [start]
        way = p.rng.standard_normal(3)
        for _ in range(4):
            way = 0.5 * way + p.rng.standard_normal(3)
            walk.append(walk[-1] + 26 * p.size * way / np.linalg.norm(way))
        radius = p.rng.uniform(9, 15) * p.size
        inside = float(p.rng.choice([-850.0, 30.0, 60.0, 170.0]))
        found.append(Part("bowel", Tube(smooth_chain(np.array(walk), 8), np.full(9, radius)), 0, 3.0, inside))
    return found
