"""Quality of scans, edited or not: their mean spectrum, and what it shows of noise, lines and water."""

import numpy as np
from scipy.signal import detrend

from mlmi2023.classical.spectral_registration import registered
from mlmi2023.papers.gaba_mrs.gannet import Axis, alike, broadened, moved, placed
from mlmi2023.papers.gaba_mrs.measures import NOISE
from mlmi2023.physics.spectra import between, to_spectra

#: ppm of peaks and of water
NAA, CREATINE, WATER = (1.85, 2.15), (2.9, 3.12), (4.4, 5.0)


def mean_spectrum(fids: np.ndarray, axis: Axis, register: bool, broadening: float) -> np.ndarray:
    """Return the mean spectrum of transients (N, P), (P,) complex, its peaks at their place.

    Args:
        fids: what a scan has; one that was averaged by the scanner has N = 1.
        axis: points, width in Hz and frequency in MHz.
        register: whether transients are brought onto each other and odd ones left out.
        broadening: Hz.
    """
    width = axis[1]
    found = np.asarray(fids, complex)
    if register and len(found) > 2:
        found = registered(found, width)
        found = found[alike(found)]
    mean = found.mean(0)
    return to_spectra(broadened(moved(mean, placed(mean, axis), width), width, broadening))


def peak(spectrum: np.ndarray, ppm: np.ndarray, where: tuple[float, float]) -> tuple[float, float, float]:
    """Return a peak: height above the lower edge, place in ppm, and width in ppm at half the height.

    Args:
        spectrum: (P,) real.
        ppm: (P,) falling axis.
        where: ppm between which it lies.
    """
    seen = np.flatnonzero(between(ppm, *where))
    values = spectrum[seen]
    base = float(min(values[0], values[-1]))
    top = int(values.argmax())
    height = float(values[top]) - base
    half = base + height / 2
    ends = []
    for step in (-1, 1):
        place = top
        while 0 < place < len(values) - 1 and values[place] > half:
            place += step
        before = place - step
        rise = values[before] - values[place]
        share = (values[before] - half) / rise if rise > 0 else 0.0
        ends.append(ppm[seen[before]] + share * (ppm[seen[place]] - ppm[seen[before]]))
    return height, float(ppm[seen[top]]), float(abs(ends[0] - ends[1]))


def quality(spectrum: np.ndarray, ppm: np.ndarray, frequency: float) -> dict[str, float]:
    """Return measures of a mean spectrum (P,) complex.

    ``naa_snr`` NAA's height over two deviations of the noise about a straight line, ``cr_width`` and
    ``naa_width`` in Hz, ``naa_ppm`` and ``cr_ppm``, ``water`` its height over NAA's.
    """
    real = spectrum.real
    naa, creatine = peak(real, ppm, NAA), peak(real, ppm, CREATINE)
    # the tail of residual water is no noise
    noise = float(np.std(detrend(real[between(ppm, *NOISE)])))
    return {
        "naa_snr": naa[0] / (2 * noise) if noise > 0 else float("nan"),
        "naa_width": naa[2] * frequency,
        "cr_width": creatine[2] * frequency,
        "naa_ppm": naa[1],
        "cr_ppm": creatine[1],
        "water": float(np.abs(spectrum[between(ppm, *WATER)]).max()) / naa[0] if naa[0] > 0 else float("nan"),
    }
