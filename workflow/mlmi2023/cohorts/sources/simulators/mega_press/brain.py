"""Noise-free OFF and ON of one brain, and idealised pairs as networks are pretrained on."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np

from mlmi2023.physics.mega_press import Sequence, basis, inverted
from mlmi2023.physics.metabolites import METABOLITES
from mlmi2023.physics.spectra import REFERENCE, times

#: points, width in Hz, and frequency in MHz
Axis = tuple[int, float, float]
#: ppm, width in Hz and amplitude in mM of protons; those at 3.0 ppm are coupled to 1.7 ppm and come with the
#: edited GABA
MACROMOLECULES = ((0.93, 30.0, 6.0), (1.40, 35.0, 5.0), (2.05, 40.0, 7.0), (3.00, 22.0, 4.5))
EDITED_WITH_GABA = 3.00


class Brain(NamedTuple):
    """What a spectrum is made of.

    Attributes:
        concentrations: mM by metabolite.
        macromolecules: their amplitude, 1 for the usual one.
        linewidth: Hz, at half of the height.
        gauss: share of the width that is Gaussian.
    """

    concentrations: Mapping[str, float]
    macromolecules: float
    linewidth: float
    gauss: float


def usual(rng: np.random.Generator, spread: float) -> dict[str, float]:
    """Return concentrations about the usual ones, log-normal with a relative spread."""
    return {
        name: own.concentration * float(np.exp(spread * rng.standard_normal()))
        for name, own in METABOLITES.items()
    }


@cache
def _fids(axis: Axis) -> dict[str, np.ndarray]:
    """Return undamped OFF and ON of each metabolite at 1 mM, (2, P) complex."""
    points, width, frequency = axis
    when = times(points, width)
    return {
        name: np.stack([own[on].fid(when) for on in (False, True)]) for name, own in basis(frequency).items()
    }


def gaussian(when: np.ndarray, width: float) -> np.ndarray:
    """Return the decay of a Gaussian line of some width in Hz."""
    return np.exp(-((np.pi * width * when) ** 2) / (4 * np.log(2)))


def turning(when: np.ndarray, ppm: float, frequency: float) -> np.ndarray:
    """Return the undamped FID of a line."""
    return np.exp(2j * np.pi * (ppm - REFERENCE) * frequency * when)


def clean(brain: Brain, axis: Axis) -> np.ndarray:
    """Return OFF and ON without noise, (2, P) complex."""
    points, width, frequency = axis
    when = times(points, width)
    found = sum(amount * _fids(axis)[name] for name, amount in brain.concentrations.items())
    found = found + brain.macromolecules * _macromolecules(when, frequency)
    lorentz = np.exp(-np.pi * brain.linewidth * (1 - brain.gauss) * when)
    return found * lorentz * gaussian(when, brain.linewidth * brain.gauss)


def _macromolecules(when: np.ndarray, frequency: float) -> np.ndarray:
    found = np.zeros((2, len(when)), complex)
    for ppm, width, amplitude in MACROMOLECULES:
        fid = amplitude * turning(when, ppm, frequency) * gaussian(when, width)
        # what a selective pulse turns itself is lost to its gradients, twice
        left = (1 - float(inverted(np.array([ppm]), Sequence(), frequency)[0])) ** 2
        found += np.outer((0.0, 1.0) if ppm == EDITED_WITH_GABA else (1.0, left), fid)
    return found


def ideal_pairs(
    count: int, axis: Axis, spread: float, linewidth: tuple[float, float], seed: int
) -> np.ndarray:
    """Return idealised noise-free pairs of OFF and ON, (count, 2, P) complex64.

    Args:
        count: number of pairs.
        axis: points, width in Hz, frequency in MHz.
        spread: relative, of concentrations about the usual ones, drawn uniformly.
        linewidth: range in Hz.
        seed: of the draw.
    """
    rng = np.random.default_rng([seed, 8])
    pairs = np.empty((count, 2, axis[0]), np.complex64)
    for number in range(count):
        amounts = {
            name: own.concentration * float(rng.uniform(1 - spread, 1 + spread))
            for name, own in METABOLITES.items()
        }
        broad = float(rng.uniform(1 - spread, 1 + spread))
        pairs[number] = clean(Brain(amounts, broad, float(rng.uniform(*linewidth)), 0.5), axis)
    return pairs
