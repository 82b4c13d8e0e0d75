"""The conventional reconstruction, after Gannet: registration, rejection, averaging, subtraction (Sect. 2.1).

Gannet is MATLAB; this is written from what its articles say. ON and OFF transients are registered apart,
pairs with odd ones are left out, the mean OFF is put at its place by its known lines and ON with it, and then
ON onto OFF by choline, where nothing is edited. A tenth of a hertz between both leaves as much of creatine as
there is of GABA.
"""

from typing import NamedTuple

import numpy as np

from mlmi2023.classical.spectral_registration import brought, registered, turned
from mlmi2023.physics.spectra import REFERENCE, ppm_axis, tapered, times, to_spectra

Axis = tuple[int, float, float]
#: robust deviations from the median misfit beyond which a transient is odd
ODD = 6.0
#: ppm by which ON is brought onto OFF, and OFF onto lines of known place: from, to, and how slowly they begin
COMMON, KNOWN = (3.05, 3.4, 0.15), (1.6, 3.6, 0.3)
#: ppm and mM of protons of NAA, creatine and choline, in OFF or in what is not edited
PLACES = ((2.008, 33.0), (3.028, 25.5), (3.210, 14.4))
#: Hz
WIDTH = 8.0


class Reconstruction(NamedTuple):
    """A scan's mean spectra.

    Attributes:
        off: (P,) complex.
        on: (P,) complex; zeros where nothing is edited.
        kept: share of pairs that were averaged.
    """

    off: np.ndarray
    on: np.ndarray
    kept: float

    @property
    def difference(self) -> np.ndarray:
        """ON - OFF, the real part, (P,)."""
        return (self.on - self.off).real


def broadened(fids: np.ndarray, width: float, hertz: float) -> np.ndarray:
    """Return FIDs (..., P) whose lines are so much wider."""
    return fids * np.exp(-np.pi * hertz * times(fids.shape[-1], width))


def alike(fids: np.ndarray) -> np.ndarray:
    """Return which registered transients (N, P) are like the others, (N,) bool."""
    middle = np.median(fids.real, 0) + 1j * np.median(fids.imag, 0)
    misfit = (np.abs(fids - middle) ** 2).sum(1)
    spread = 1.4826 * np.median(np.abs(misfit - np.median(misfit)))
    return misfit <= np.median(misfit) + ODD * spread


def placed(mean: np.ndarray, axis: Axis) -> np.ndarray:
    """Return the shift in Hz and the phase, (2,), that put the known lines of a mean FID at their place."""
    points, width, frequency = axis
    when = times(points, width)
    lines = sum(size * np.exp(2j * np.pi * (ppm - REFERENCE) * frequency * when) for ppm, size in PLACES)
    return brought(mean, lines * np.exp(-np.pi * WIDTH * when), tapered(ppm_axis(*axis), *KNOWN), width)


def moved(mean: np.ndarray, step: np.ndarray, width: float) -> np.ndarray:
    """Return a FID with a shift and a phase added, (P,)."""
    return turned(mean[None], step[:1], step[1:], width)[0]


def reconstructed(on: np.ndarray, off: np.ndarray, axis: Axis, broadening: float) -> Reconstruction:
    """Return mean spectra of a scan.

    Args:
        on: (N, P) complex FIDs; none where nothing is edited.
        off: (N, P) complex FIDs, in pairs with ``on``.
        axis: points, width in Hz and frequency in MHz.
        broadening: Hz that lines are widened by, before they are shown or fitted.
    """
    width = axis[1]
    parts = [registered(fids, width) for fids in ((off, on) if len(on) else (off,))]
    good = np.logical_and.reduce([alike(part) for part in parts])
    means = [part[good].mean(0) for part in parts]
    # in its place first, so that windows of the spectrum cut all scans alike
    step = placed(means[0], axis)
    means = [moved(mean, step, width) for mean in means]
    if len(means) == 2:
        step = brought(means[1], means[0], tapered(ppm_axis(*axis), *COMMON), width)
        means[1] = moved(means[1], step, width)
    made = [to_spectra(broadened(mean, width, broadening)) for mean in means]
    return Reconstruction(made[0], made[1] if len(made) == 2 else np.zeros_like(made[0]), float(good.mean()))
