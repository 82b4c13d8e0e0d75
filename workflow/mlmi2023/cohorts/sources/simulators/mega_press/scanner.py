"""What scanners and people add to transients, site by site."""

from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.sources.simulators.mega_press.brain import Axis, gaussian, turning
from mlmi2023.physics.spectra import REFERENCE, between, ppm_axis, times, to_spectra

LIPID, NAA = 1.3, (1.85, 2.15)
#: ppm about which broad baselines lie
BROAD = (1.0, 4.5)


class Site(NamedTuple):
    """What the scans of a site share; see the simulator's options."""

    linewidth: float
    noise: float
    drift: float
    jitter: float
    phase: float
    eddy: float
    decay: float


def site_of(seed: int, number: int, options: dict[str, Any]) -> Site:
    """Return a site, the same for whichever scan asks."""
    rng = np.random.default_rng([seed, number, 30])
    phase, eddy = options["phase"]["transient"], options["eddy"]
    own = (options[key] for key in ("linewidth", "noise", "drift", "jitter"))
    ranges = (*own, phase, eddy["angle"], eddy["decay"])
    return Site(*(float(rng.uniform(*pair)) for pair in ranges))


def naa_height(off: np.ndarray, axis: Axis) -> float:
    """Return the height of NAA in the real spectrum of an OFF FID."""
    seen = between(ppm_axis(*axis), *NAA)
    return float(to_spectra(off).real[seen].max())


def acquired(
    rng: np.random.Generator, clean: np.ndarray, naa: float, site: Site, options: dict[str, Any], axis: Axis
) -> np.ndarray:
    """Return the transients of a scan, (P, 2, N) complex64: OFF and ON, N of each in turn.

    Args:
        rng: the scan's random numbers.
        clean: OFF and ON without noise, (2, P).
        naa: how NAA's FID naa.
        site: where it is made.
        options: of the simulator.
        axis: points, width in Hz, frequency in MHz.
    """
    points, width, frequency = axis
    pairs = int(options["pairs"])
    when, total = times(points, width), 2 * pairs
    # OFF, ON, OFF, ON, ...
    condition = np.arange(total) % 2
    signal = clean + _baseline(rng, when, naa, options["baseline"], frequency)
    fids = signal[condition]
    fids += _water(rng, when, naa, options["water"], total, frequency)
    fids += _lipids(rng, when, naa, options["lipids"], total, frequency)
    walk = np.cumsum(rng.normal(0, site.jitter / 10, total))
    shift = rng.normal(0, options["offset"]) + site.drift * np.linspace(0, 1, total) + walk
    shift += rng.normal(0, site.jitter, total)
    phase = np.deg2rad(rng.normal(0, options["phase"]["scan"]) + rng.normal(0, site.phase, total))
    gain = np.ones(total)
    moved = rng.uniform(size=total) < options["motion"]["share"]
    least, most = options["motion"]["loss"]
    gain[moved] -= rng.uniform(least, most, int(moved.sum()))
    phase[moved] += np.deg2rad(rng.normal(0, options["motion"]["phase"], int(moved.sum())))
    eddy = np.deg2rad(site.eddy) * np.exp(-when / site.decay)
    fids *= gain[:, None] * np.exp(1j * (2 * np.pi * shift[:, None] * when + phase[:, None] + eddy))
    # noise of the spectrum is that of the FID by the square root of its points
    level = site.noise * naa_height(clean[0], axis) * np.sqrt(points)
    fids += level * (rng.standard_normal(fids.shape) + 1j * rng.standard_normal(fids.shape))
    return fids.reshape(pairs, 2, points).transpose(2, 1, 0).astype(np.complex64)


def _baseline(
    rng: np.random.Generator, when: np.ndarray, naa: float, own: dict[str, Any], frequency: float
) -> np.ndarray:
    """Return broad signal under OFF and ON, not quite the same in both."""
    found = np.zeros((2, len(when)), complex)
    for _ in range(3):
        amplitude = naa * rng.uniform(*own["amplitude"]) * rng.choice((-1, 1))
        fid = turning(when, rng.uniform(*BROAD), frequency) * gaussian(when, rng.uniform(*own["width"]))
        found += np.outer(amplitude * np.array([1.0, 1.0 + own["change"] * rng.normal()]), fid)
    return found


def _water(
    rng: np.random.Generator, when: np.ndarray, naa: float, own: dict[str, Any], total: int, frequency: float
) -> np.ndarray:
    """Return what is left of water, as a line with a tail, (total, P)."""
    place, width = REFERENCE + rng.normal(0, 0.02), rng.uniform(*own["width"])
    line = turning(when, place, frequency) * np.exp(-np.pi * width * when + 1j * rng.uniform(-np.pi, np.pi))
    amplitude = naa * rng.uniform(*own["amplitude"])
    return np.outer(amplitude * (1 + own["change"] * rng.standard_normal(total)), line)


def _lipids(
    rng: np.random.Generator, when: np.ndarray, naa: float, own: dict[str, Any], total: int, frequency: float
) -> np.ndarray:
    """Return lipids from outside of the voxel in some transients of some scans, (total, P)."""
    there = float(rng.uniform() < own["scans"])
    hit = (rng.uniform(size=total) < own["share"]) * there
    line = turning(when, LIPID, frequency) * gaussian(when, rng.uniform(*own["width"]))
    least, most = own["amplitude"]
    amplitude = naa * rng.uniform(least, most, total) * np.exp(1j * rng.uniform(-np.pi, np.pi, total))
    return np.outer(hit * amplitude, line)
