"""What findings of the lungs and pleura look like: each function returns the picture with one drawn in."""

import numpy as np

from mlmi2023.cohorts.sources.simulators.chest_xrays.anatomy import Thorax
from mlmi2023.cohorts.sources.simulators.chest_xrays.body import BELOW, Lungs, hilum, lung
from mlmi2023.cohorts.sources.simulators.chest_xrays.scene import Finding
from mlmi2023.cohorts.sources.simulators.chest_xrays.shapes import Grid, blob, disc, edge, line, texture
from mlmi2023.cohorts.sources.simulators.chest_xrays.vocabulary import GRADES, SIDES

#: how much brighter a finding is, by grade
STRENGTH = {"consolidation": (0.08, 0.14, 0.24), "edema": (0.05, 0.09, 0.14)}
#: height of fluid and width of the gap of air by grade, shares of the picture
FLUID, GAP = (0.05, 0.12, 0.2), (0.02, 0.035, 0.06)


def sides_of(finding: Finding) -> tuple[str, ...]:
    """Return the sides that a finding is on."""
    return SIDES if finding.side == "both" else (finding.side,)


def spot(thorax: Thorax, finding: Finding, side: str, rng: np.random.Generator) -> tuple[float, float]:
    """Draw a place in the middle of a zone of a lung, and beside the heart."""
    _, top, _, bottom = thorax.box(f"{side} {finding.zone} lung")
    inner, outer = 0.05 + 0.3 * (thorax.width - 0.05), 0.05 + 0.75 * (thorax.width - 0.05)
    if finding.zone == "lower":
        inner = max(inner, thorax.heart + 0.04 * thorax.way(side) + 0.02)
    return (
        thorax.middle + thorax.way(side) * float(rng.uniform(inner, max(inner + 0.01, outer))),
        float(rng.uniform(0.7 * top + 0.3 * bottom, 0.35 * top + 0.65 * bottom)),
    )


def consolidation(
    image: np.ndarray, where: Grid, thorax: Thorax, finding: Finding, lungs: Lungs, rng: np.random.Generator
) -> np.ndarray:
    """A cloud of uneven brightness."""
    x, y = spot(thorax, finding, finding.side, rng)
    cloud = blob(where, x, y, rng.uniform(0.045, 0.065), rng.uniform(0.04, 0.06))
    uneven = 1 + 0.3 * texture(rng, len(image), 0.02)
    return (
        image + STRENGTH["consolidation"][GRADES.index(finding.grade)] * cloud * uneven * lungs[finding.side]
    )


def atelectasis(
    image: np.ndarray, where: Grid, thorax: Thorax, finding: Finding, lungs: Lungs, rng: np.random.Generator
) -> np.ndarray:
    """Thin bands that run across the base."""
    for side in sides_of(finding):
        x, y = spot(thorax, finding, side, rng)
        for _ in range(int(rng.integers(1, 3))):
            rise = rng.uniform(-0.02, 0.02)
            band = line(where, [(x - 0.07, y - rise), (x + 0.07, y + rise)], 0.014)
            image, y = image + 0.16 * band * lungs[side], y + 0.035
    return image


def edema(
    image: np.ndarray, where: Grid, thorax: Thorax, finding: Finding, lungs: Lungs, rng: np.random.Generator
) -> np.ndarray:
    """Haze about both hila, with streaks."""
    for side in SIDES:
        x, y, _ = hilum(thorax, side)
        haze = blob(where, x + thorax.way(side) * 0.04, y + 0.06, 0.11, 0.14)
        streaks = 1 + 0.5 * texture(rng, len(image), 0.008)
        image = image + STRENGTH["edema"][GRADES.index(finding.grade)] * haze * streaks * lungs[side]
    return image


def nodule(
    image: np.ndarray, where: Grid, thorax: Thorax, finding: Finding, lungs: Lungs, rng: np.random.Generator
) -> np.ndarray:
    """A faint round shadow."""
    x, y = spot(thorax, finding, finding.side, rng)
    return image + 0.15 * disc(where, x, y, rng.uniform(0.02, 0.028)) * lungs[finding.side]


def granuloma(
    image: np.ndarray, where: Grid, thorax: Thorax, finding: Finding, lungs: Lungs, rng: np.random.Generator
) -> np.ndarray:
    """A small bright point."""
    x, y = spot(thorax, finding, finding.side, rng)
    return image + 0.5 * disc(where, x, y, rng.uniform(0.009, 0.013)) * lungs[finding.side]


def effusion(
    image: np.ndarray, where: Grid, thorax: Thorax, finding: Finding, lungs: Lungs, rng: np.random.Generator
) -> np.ndarray:
    """Fluid that fills a lung from below and climbs at its wall."""
    for side in sides_of(finding):
        out = thorax.way(side) * (where.x - thorax.middle) / thorax.width
        level = (
            thorax.base(side)
            + 0.05
            - FLUID[GRADES.index(finding.grade)] * (0.5 + 0.8 * np.clip(out, 0, 1) ** 3)
        )
        fluid = edge(where.y - level, where.pixel) * lungs[side]
        image = image * (1 - fluid) + (BELOW - 0.02) * fluid
    return image


def pneumothorax(
    image: np.ndarray, where: Grid, thorax: Thorax, finding: Finding, lungs: Lungs, rng: np.random.Generator
) -> np.ndarray:
    """Dark air between the wall and the fine line of the lung, over the upper chest."""
    gap = GAP[GRADES.index(finding.grade)]
    smaller = thorax._replace(width=thorax.width - gap, top=thorax.top + gap)
    inner = lung(where, smaller, finding.side)
    above = edge(thorax.top + 0.3 - where.y, 0.05)
    air = np.clip(lungs[finding.side] - inner, 0, 1) * above
    rim = np.clip(
        lung(where, smaller._replace(width=smaller.width + 0.008, top=smaller.top - 0.008), finding.side)
        - inner,
        0,
        1,
    )
    return image - 0.12 * air + 0.2 * rim * above * lungs[finding.side]


def hilar(
    image: np.ndarray, where: Grid, thorax: Thorax, finding: Finding, lungs: Lungs, rng: np.random.Generator
) -> np.ndarray:
    """A dense, lumpy hilum."""
    x, y, half = hilum(thorax, finding.side)
    return image + 0.2 * blob(where, x, y, 0.55 * half, 0.65 * half) * lungs[finding.side]
