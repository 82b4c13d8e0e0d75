"""What bones, vessels' walls and devices look like: each function returns the picture with one drawn in."""

import numpy as np

from mlmi2023.cohorts.sources.simulators.chest_xrays.anatomy import Thorax
from mlmi2023.cohorts.sources.simulators.chest_xrays.body import Lungs, blob_edge, clavicle
from mlmi2023.cohorts.sources.simulators.chest_xrays.scene import Finding
from mlmi2023.cohorts.sources.simulators.chest_xrays.shapes import Grid, edge, line
from mlmi2023.cohorts.sources.simulators.chest_xrays.vocabulary import MISPLACED


def fracture(
    image: np.ndarray, where: Grid, thorax: Thorax, finding: Finding, lungs: Lungs, rng: np.random.Generator
) -> np.ndarray:
    """A dark gap in the clavicle, and a piece that is out of line."""
    (ax, ay), (bx, by) = clavicle(thorax, finding.side)
    part = rng.uniform(0.45, 0.6)
    x, y = ax + part * (bx - ax), ay + part * (by - ay)
    gap = line(where, [(x, y - 0.014), (x, y + 0.014)], 0.016)
    return image - 0.16 * gap + 0.14 * line(where, [(x, y + 0.025), (bx, by + 0.025)], 0.014)


def tube(
    image: np.ndarray, where: Grid, thorax: Thorax, finding: Finding, lungs: Lungs, rng: np.random.Generator
) -> np.ndarray:
    """Two fine lines down the trachea, to above the carina or into a bronchus."""
    end = thorax.carina + (0.01 if finding.grade == MISPLACED else -0.09)
    for off in (-0.008, 0.008):
        image = image + 0.25 * line(where, [(thorax.middle + off, 0.0), (thorax.middle + off, end)], 0.006)
    return image


def central_line(
    image: np.ndarray, where: Grid, thorax: Thorax, finding: Finding, lungs: Lungs, rng: np.random.Generator
) -> np.ndarray:
    """A line from below the clavicle to the great vein, or up into the neck."""
    way, middle, top = thorax.way(finding.side), thorax.middle, thorax.top
    start = [(middle + way * thorax.width, top + 0.1), (middle + way * 0.12, top + 0.05)]
    end = [(middle - 0.04, thorax.carina), (middle - 0.04, thorax.carina + 0.05)]
    if finding.grade == MISPLACED:
        end = [(middle + way * 0.06, top - 0.03), (middle + way * 0.05, top - 0.12)]
    return image + 0.28 * line(where, [*start, *end], 0.009)


def pacemaker(
    image: np.ndarray, where: Grid, thorax: Thorax, finding: Finding, lungs: Lungs, rng: np.random.Generator
) -> np.ndarray:
    """A box below the clavicle and its lead to the heart."""
    way, middle = thorax.way(finding.side), thorax.middle
    x, y = middle + way * (thorax.width - 0.1), thorax.top + 0.13
    box = blob_edge(where, x, y, 0.045, 0.035)
    lead = [(x, y), (middle, thorax.carina), (middle + 0.06, min(thorax.bases) - 0.03)]
    return np.maximum(image, 0.95 * box) + 0.25 * line(where, lead, 0.008)


def wires(
    image: np.ndarray, where: Grid, thorax: Thorax, finding: Finding, lungs: Lungs, rng: np.random.Generator
) -> np.ndarray:
    """A row of small bright loops down the breast bone."""
    for y in np.linspace(thorax.carina - 0.08, min(thorax.bases) - 0.06, 5):
        away = np.hypot(where.x - thorax.middle, 1.4 * (where.y - y))
        image = image + 0.25 * edge(0.005 - np.abs(away - 0.014), where.pixel)
    return image


def calcified_arch(
    image: np.ndarray, where: Grid, thorax: Thorax, finding: Finding, lungs: Lungs, rng: np.random.Generator
) -> np.ndarray:
    """A bright rim of the aortic arch."""
    x, y = thorax.arch
    away = np.hypot(where.x - x, where.y - y)
    rim = edge(0.006 - np.abs(away - 0.032), where.pixel) * (where.x > x) * (where.y < y + 0.015)
    return image + 0.25 * rim
