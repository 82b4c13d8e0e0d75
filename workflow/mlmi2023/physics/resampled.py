"""FIDs of other scanners brought to one axis in ppm."""

import numpy as np


def resampled(fids: np.ndarray, width: float, frequency: float, axis: tuple[int, float, float]) -> np.ndarray:
    """Return FIDs as if another spectrometer had sampled them; they begin as high as before.

    The FID is cut or filled with zeros to as long as the new one lasts, in units of its own spectrometer's
    ppm, and its spectrum is cut or filled to the new width. Lines keep their width in ppm, not in Hz.

    Args:
        fids: (..., P) complex.
        width: their spectral width, Hz.
        frequency: their spectrometer's, MHz.
        axis: points, width and frequency of the new ones.
    """
    points, new_width, new_frequency = axis
    # the new axis, in Hz of the old spectrometer, is so wide; a new FID lasts points / wide seconds there
    wide = new_width / new_frequency * frequency
    if fids.shape[-1] == points and abs(wide / width - 1) < 1e-9:
        return fids
    last = round(points / wide * width)
    filled = np.zeros((*fids.shape[:-1], last), complex)
    kept = min(last, fids.shape[-1])
    filled[..., :kept] = fids[..., :kept]
    spectrum = np.fft.fftshift(np.fft.ifft(filled, axis=-1), axes=-1)
    cut = np.zeros((*fids.shape[:-1], points), complex)
    both = min(last, points)
    start, new_start = last // 2 - both // 2, points // 2 - both // 2
    cut[..., new_start : new_start + both] = spectrum[..., start : start + both]
    return np.fft.fft(np.fft.ifftshift(cut, axes=-1), axis=-1)
