"""The GABA fit, after Gannet (Sect. 2.4): three Gaussians on a straight baseline, and their misfit."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

#: ppm that are fitted, those in which choline's subtraction may leave something, and those of GABA's residual
RANGE, CHOLINE, GABA = (2.79, 4.10), (3.16, 3.285), (2.79, 3.55)
#: centre of GABA and its deviation, both centres of Glx and their deviation, ppm: start, lowest, highest
START = np.array([3.01, 0.060, 3.71, 3.78, 0.030])
LOW = np.array([2.96, 0.035, 3.66, 3.745, 0.012])
HIGH = np.array([3.07, 0.100, 3.74, 3.84, 0.080])
#: share of the largest value of the range under which a height is none
LEAST = 1e-3


class Fit(NamedTuple):
    """What was fitted.

    Attributes:
        height: of GABA's Gaussian above the baseline.
        area: under it, height times ppm.
        error: deviation of the residual about GABA, percent of the height; NaN where there is no GABA.
        ppm: (M,) points of the fit.
        model: (M,) its curve.
    """

    height: float
    area: float
    error: float
    ppm: np.ndarray
    model: np.ndarray


def _columns(shape: np.ndarray, ppm: np.ndarray) -> np.ndarray:
    """Return three Gaussians of height 1, a constant and a slope, (M, 5)."""
    centres, widths = shape[[0, 2, 3]], shape[[1, 4, 4]]
    peaks = np.exp(-((ppm[:, None] - centres) ** 2) / (2 * widths**2))
    return np.column_stack([peaks, np.ones(len(ppm)), ppm - np.mean(RANGE)])


def fitted(spectrum: np.ndarray, ppm: np.ndarray) -> Fit:
    """Return the fit of a difference spectrum.

    Heights and baseline are linear and solved for within each step of the search for centres and widths.

    Args:
        spectrum: (P,) real.
        ppm: (P,) its axis.
    """
    seen = (ppm >= RANGE[0]) & (ppm <= RANGE[1])
    ppm, values = ppm[seen], np.asarray(spectrum, float)[seen]
    size = float(np.abs(values).max())
    if not size > 0:
        return Fit(0.0, 0.0, float("nan"), ppm, np.zeros_like(ppm))
    values = values / size
    used = (ppm < CHOLINE[0]) | (ppm > CHOLINE[1])

    def solved(shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns = _columns(shape, ppm)
        heights = np.linalg.lstsq(columns[used], values[used], rcond=None)[0]
        return columns @ heights, heights

    found = least_squares(
        lambda shape: (solved(shape)[0] - values)[used],
        START,
        bounds=(LOW, HIGH),
        x_scale=HIGH - LOW,
        max_nfev=60,
    )
    model, heights = solved(found.x)
    height, width = float(heights[0]), float(found.x[1])
    about = used & (ppm >= GABA[0]) & (ppm <= GABA[1])
    there = height > LEAST
    error = 100 * float(np.std((values - model)[about])) / height if there else float("nan")
    return Fit(size * height, size * height * width * float(np.sqrt(2 * np.pi)), error, ppm, size * model)
