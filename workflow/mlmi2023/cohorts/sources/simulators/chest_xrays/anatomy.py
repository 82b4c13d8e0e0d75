"""A thorax from the front: its outlines, and the box of every region; lengths are shares of the picture."""

from typing import NamedTuple

import numpy as np

from mlmi2023.cohorts.sources.simulators.chest_xrays.scene import Scene
from mlmi2023.cohorts.sources.simulators.chest_xrays.vocabulary import GRADES, REGIONS, SIDES, ZONES

#: left, top, right and bottom
Box = tuple[float, float, float, float]

#: half the heart's width by grade of cardiomegaly, none first; half the mediastinum's, normal and wide
HEART, MEDIASTINUM = (0.15, 0.18, 0.205, 0.23), (0.055, 0.095)
#: half the side of a hilum's box, normal and enlarged
HILUM = (0.045, 0.065)
#: how far a picture may be off its place, and the share of them that are; a region may leave it
SHIFT, SHIFTED = 0.22, 0.25
#: of a region's area, what must be in the picture for it to be seen
SEEN = 0.4


class Thorax(NamedTuple):
    """A patient's shapes.

    Attributes:
        middle: of the body, across.
        width: of either half of the chest, from the middle to the ribs.
        top: apex of the lungs.
        bases: height of the domes of the right and left hemidiaphragm.
        flat: how flat the domes are, 0 to 1.
        heart: half its width.
        column: half the mediastinum's width.
        hila: half the side of the right and left hilum's box.
    """

    middle: float
    width: float
    top: float
    bases: tuple[float, float]
    flat: float
    heart: float
    column: float
    hila: tuple[float, float]

    def way(self, side: str) -> int:
        """Return the direction across of a side: the patient's right is at the left."""
        return -1 if side == "right" else 1

    def base(self, side: str) -> float:
        """Return the height of a dome."""
        return self.bases[SIDES.index(side)]

    def span(self, side: str, inner: float, outer: float) -> tuple[float, float]:
        """Return left and right of what lies between two distances from the middle."""
        ends = [self.middle + self.way(side) * distance for distance in (inner, outer)]
        return min(ends), max(ends)

    def box(self, region: str) -> Box:
        """Return a region's box, which may lie partly outside the picture."""
        side, _, part = region.partition(" ")
        if side in SIDES:
            return self._sided(side, part)
        top = min(self.bases)
        if region == "cardiac silhouette":
            return (self.middle - self.heart + 0.04, top - 0.2, self.middle + self.heart + 0.04, top + 0.04)
        if region == "mediastinum":
            return (self.middle - self.column, self.top, self.middle + self.column, top - 0.2)
        if region == "trachea":
            return (self.middle - 0.03, self.top - 0.08, self.middle + 0.03, self.carina)
        x, y = self.arch
        return (x - 0.045, y - 0.045, x + 0.045, y + 0.045)

    def _sided(self, side: str, part: str) -> Box:
        base, wide = self.base(side), self.width
        if part == "hilum":
            half = self.hila[SIDES.index(side)]
            left, right = self.span(side, 0.105 - half, 0.105 + half)
            middle = self.top + 0.45 * (base - self.top)
            return (left, middle - half, right, middle + half)
        if part == "costophrenic angle":
            left, right = self.span(side, wide - 0.11, wide + 0.01)
            return (left, base - 0.08, right, base + 0.08)
        if part == "hemidiaphragm":
            left, right = self.span(side, 0.05, wide)
            return (left, base - 0.03, right, base + 0.07)
        if part == "clavicle":
            left, right = self.span(side, 0.04, wide)
            return (left, self.top - 0.04, right, self.top + 0.1)
        number = ZONES.index(part.split()[0])
        left, right = self.span(side, 0.05, wide)
        step = (base - self.top) / 3
        return (left, self.top + number * step, right, self.top + (number + 1) * step)

    @property
    def carina(self) -> float:
        """Height of the carina."""
        return self.top + 0.4 * (min(self.bases) - self.top)

    @property
    def arch(self) -> tuple[float, float]:
        """Middle of the aortic arch."""
        return self.middle + self.column + 0.01, self.top + 0.28 * (min(self.bases) - self.top)


def draw_thorax(rng: np.random.Generator, scene: Scene) -> Thorax:
    """Draw a patient whose shapes agree with the scene's findings."""
    flat = scene.find("hyperinflation") is not None
    bases = [float(rng.uniform(0.69, 0.73)) + 0.05 * flat + lower for lower in (0.0, 0.02)]
    if (raised := scene.find("elevated hemidiaphragm")) is not None:
        bases[SIDES.index(raised.side)] -= 0.1
    heart = scene.find("cardiomegaly")
    grade = 1 + GRADES.index(heart.grade) if heart is not None else 0
    hilum = scene.find("hilar enlargement")
    return Thorax(
        float(rng.uniform(0.48, 0.52)),
        float(rng.uniform(0.35, 0.39)),
        float(rng.uniform(0.14, 0.18)),
        (bases[0], bases[1]),
        float(flat),
        HEART[grade] + float(rng.uniform(-0.008, 0.008)),
        MEDIASTINUM[scene.find("wide mediastinum") is not None] + float(rng.uniform(-0.006, 0.006)),
        tuple(HILUM[hilum is not None and hilum.side == side] for side in SIDES),  # type: ignore[arg-type]
    )


def boxes_of(thorax: Thorax, shift: tuple[float, float], size: int) -> dict[str, Box]:
    """Return boxes in pixels of the regions that are in the picture, clipped to it."""
    found = {}
    for region in REGIONS:
        left, top, right, bottom = thorax.box(region)
        whole = (left + shift[0], top + shift[1], right + shift[0], bottom + shift[1])
        clipped = tuple(min(max(value, 0.0), 1.0) for value in whole)
        if area(clipped) >= SEEN * area(whole):
            found[region] = tuple(value * size for value in clipped)
    return found  # type: ignore[return-value]


def area(box: Box | tuple[float, ...]) -> float:
    """Return a box's area."""
    return (box[2] - box[0]) * (box[3] - box[1])


def draw_shift(rng: np.random.Generator, thorax: Thorax, scene: Scene) -> tuple[float, float]:
    """Draw how far a picture is off its place; nothing that a finding is in leaves it."""
    if rng.random() >= SHIFTED:
        return (0.0, 0.0)
    shift = (float(rng.uniform(-SHIFT, SHIFT)), float(rng.uniform(-SHIFT, SHIFT)))
    seen = boxes_of(thorax, shift, 1)
    needed = {region for finding in scene.findings for region in finding.regions}
    return shift if needed <= seen.keys() else (0.0, 0.0)
