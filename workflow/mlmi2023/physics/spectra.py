"""Between the time domain of MR spectroscopy and spectra on an axis in ppm.

A free induction decay (FID) turns with positive frequency where a line lies above the reference. Spectra are
its inverse Fourier transform, and their axis falls from high ppm to low ppm, as spectra are drawn.
"""

import numpy as np

#: ppm of water, the centre of the axis
REFERENCE = 4.68


def ppm_axis(points: int, width: float, frequency: float, reference: float = REFERENCE) -> np.ndarray:
    """Return the falling axis of a spectrum, (points,) ppm.

    Args:
        points: of the FID.
        width: spectral width, Hz.
        frequency: of the spectrometer, MHz.
        reference: ppm of the centre.
    """
    hertz = (np.arange(points) - points // 2) * width / points
    return reference - hertz / frequency


def to_spectra(fids: np.ndarray) -> np.ndarray:
    """Return spectra (..., P) of FIDs (..., P)."""
    return np.fft.fftshift(np.fft.ifft(fids, axis=-1), axes=-1)


def to_fids(spectra: np.ndarray) -> np.ndarray:
    """Return FIDs (..., P) of spectra (..., P)."""
    return np.fft.fft(np.fft.ifftshift(spectra, axes=-1), axis=-1)


def times(points: int, width: float) -> np.ndarray:
    """Return when the points of a FID were sampled, (points,) s."""
    return np.arange(points) / width


def between(ppm: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return which points of an axis lie between two ppm, both included, (P,) bool."""
    return (ppm >= low) & (ppm <= high)


def tapered(ppm: np.ndarray, low: float, high: float, edge: float) -> np.ndarray:
    """Return weights of an axis, (P,): 1 between two ppm, falling as a cosine to 0 at both."""
    inside = np.clip(np.minimum(ppm - low, high - ppm) / edge, 0, 1)
    return 0.5 - 0.5 * np.cos(np.pi * inside)
