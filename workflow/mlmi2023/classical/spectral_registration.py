"""Spectral registration: frequency and phase that bring transients onto a reference, by least squares.

Near J, Edden R, Evans CJ et al., Frequency and phase drift correction of magnetic resonance spectroscopy data
by spectral registration in the time domain, MRM 73, 44-50 (2015). For a transient s, a reference r, a shift f
and a phase p,

    sum |r - s exp(i (2 pi f t + p))|^2  is least where  |C(f)|  is largest,
    C(f) = sum s conj(r) exp(i 2 pi f t),

and p = -arg C(f). So f is the highest point of a Fourier transform, and nothing has to be iterated.
"""

import numpy as np

from mlmi2023.physics.spectra import times, to_fids, to_spectra

#: points of the Fourier transform for each of the FID, before a parabola is laid through the highest three
FINER = 8
#: of a FID that are compared; what follows is noise
SECONDS = 0.25
#: share of the FID that is compared where a window was laid on its spectrum
EARLY = 0.7


def offsets(
    fids: np.ndarray, reference: np.ndarray, width: float, most: float = 25.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return shift in Hz and phase in radians to be added to each transient, (N,) each.

    Args:
        fids: (N, P) complex.
        reference: (P,) complex.
        width: spectral width, Hz.
        most: largest shift, Hz.
    """
    product = np.asarray(fids) * np.conj(reference)
    count = FINER * product.shape[1]
    whole = np.fft.ifft(product, count, axis=1) * count
    reach = max(2, int(np.ceil(most * count / width)))
    bins = np.arange(-reach, reach + 1)
    near = whole[:, bins]
    size = np.abs(near)
    top = np.clip(size[:, 1:-1].argmax(1) + 1, 1, len(bins) - 2)
    rows = np.arange(len(size))
    left, middle, right = (size[rows, top + step] for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    part = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1), 0.0)
    shifts = (bins[top] + np.clip(part, -1, 1)) * width / count
    when = times(product.shape[1], width)
    found = (product * np.exp(2j * np.pi * shifts[:, None] * when)).sum(1)
    return shifts, -np.angle(found)


def turned(fids: np.ndarray, shifts: np.ndarray, phases: np.ndarray, width: float) -> np.ndarray:
    """Return transients (N, P) with a shift in Hz and a phase in radians added to each."""
    when = times(fids.shape[-1], width)
    return fids * np.exp(1j * (2 * np.pi * np.asarray(shifts)[:, None] * when + np.asarray(phases)[:, None]))


def registered(fids: np.ndarray, width: float, seconds: float = SECONDS, rounds: int = 2) -> np.ndarray:
    """Return transients (N, P) brought onto each other: first onto their median, then onto the mean of all.

    Args:
        fids: (N, P) complex.
        width: spectral width, Hz.
        seconds: of the FID that are compared; what follows is noise.
        rounds: how often.
    """
    last = max(2, min(fids.shape[1], round(seconds * width)))
    found = np.asarray(fids, complex)
    for number in range(rounds):
        start = found[:, :last]
        # single transients with lipids or motion do not pull a median
        reference = np.median(start.real, 0) + 1j * np.median(start.imag, 0) if not number else start.mean(0)
        found = turned(found, *offsets(start, reference, width), width)
    return found


def within(fids: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return FIDs of a part of their spectrum alone, so that registration looks at nothing else.

    Args:
        fids: (..., P) complex.
        weights: (P,) of the spectrum's points. They must fall off slowly: a sharp edge rings in time at its
            own place, longer than lines do, and holds everything where it is.
    """
    return to_fids(to_spectra(fids) * weights)


def brought(
    fid: np.ndarray, reference: np.ndarray, weights: np.ndarray, width: float, rounds: int = 4
) -> np.ndarray:
    """Return shift in Hz and phase in radians, (2,), that bring a FID onto another by a part of both.

    Weights stay where they are and hold the first step back, so that there are several.

    Args:
        fid: (P,) complex.
        reference: (P,) complex.
        weights: (P,) of the spectrum's points, see :func:`within`.
        width: spectral width, Hz.
        rounds: steps.
    """
    # what a window rings before the first point comes round to the end
    last, whole = max(2, min(int(EARLY * len(fid)), round(SECONDS * width))), np.zeros(2)
    wanted = within(reference, weights)[:last]
    for _ in range(rounds):
        moved = turned(fid[None], whole[:1], whole[1:], width)
        step = offsets(within(moved, weights)[:, :last], wanted, width)
        whole += np.concatenate(step)
    return whole
