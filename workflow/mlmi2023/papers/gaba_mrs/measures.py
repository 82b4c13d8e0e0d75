"""Measures of a reconstructed difference spectrum, in the paper's exact windows (Sect. 2.4)."""

import numpy as np

from mlmi2023.physics.spectra import between

#: ppm of the MSE, of GABA's peak and of noise
WINDOW, PEAK, NOISE = (2.5, 4.0), (2.8, 3.2), (10.0, 12.0)


def span(reference: np.ndarray, ppm: np.ndarray) -> float:
    """Return how far a spectrum (P,) reaches from its lowest to its highest value in the window."""
    seen = reference[between(ppm, *WINDOW)]
    return float(seen.max() - seen.min())


def mse(spectrum: np.ndarray, reference: np.ndarray, ppm: np.ndarray, scale: float) -> float:
    """Return the mean squared error in the window, of spectra divided by ``scale``."""
    seen = between(ppm, *WINDOW)
    return float(np.mean(((spectrum - reference)[seen] / scale) ** 2))


def snr(spectrum: np.ndarray, ppm: np.ndarray) -> float:
    """Return the height of GABA's peak over two deviations of the noise; NaN where there is none."""
    noise = float(np.std(spectrum[between(ppm, *NOISE)]))
    return float(spectrum[between(ppm, *PEAK)].max()) / (2 * noise) if noise > 0 else float("nan")
