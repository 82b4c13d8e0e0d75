"""Low-frequency k-space of images: cut it out, fill it up with zeros, put measured values in its place.

All functions work on the last axes of a tensor, with any axes before them as batch; real tensors stay real.
Intensities keep their scale: the mean of an image is that of its low-resolution version. Sample 0 stays where
it is, so sample j of an image cut by the factor r lies at r j of the full one.

**Nyquist.** An even number m of frequencies holds -m/2 to m/2 - 1. The frequency m/2 is on the full grid
twice (as plus and minus) and on the small one once. There it is the mean of both, which is what the real part
of the image after a plain cut has; filling up gives both the same value. With these two rules
``crop(fill(y)) = y`` for all y, and :func:`replace` is the projection onto all images with ``crop(x) = y``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def crop(image: Tensor, size: Sequence[int]) -> Tensor:
    """Return the image that has the central k-space of ``image`` alone: (..., n) -> (..., m).

    Args:
        image: real or complex, (..., n_1, ..., n_d).
        size: (m_1, ..., m_d), none larger than n.
    """
    dims = _dims(image, size, shrink=True)
    spectrum = torch.fft.fftn(image, dim=dims, norm="forward")
    for dim, small in zip(dims, size):
        spectrum = _cut(spectrum, dim, small)
    return _back(spectrum, image, dims)


def fill(image: Tensor, size: Sequence[int]) -> Tensor:
    """Return ``image`` on a finer grid, frequencies beyond its own being zero (sinc interpolation).

    It is the right inverse of :func:`crop` of least norm.

    Args:
        image: real or complex, (..., m_1, ..., m_d).
        size: (n_1, ..., n_d), none smaller than m.
    """
    return _filled(image, size, 1.0)


def crop_adjoint(image: Tensor, size: Sequence[int]) -> Tensor:
    """Return the adjoint of :func:`crop`: <crop(x), y> = <x, crop_adjoint(y)> for all x of ``size``."""
    scale = 1.0
    for small, large in zip(image.shape[image.ndim - len(size) :], size):
        scale *= small / large
    return scale * _filled(image, size, 0.5)


def replace(image: Tensor, low: Tensor, axes: int = 2) -> Tensor:
    """Return ``image`` with the k-space of ``low`` in the centre of its own.

    Args:
        image: (..., n_1, ..., n_d).
        low: (..., m_1, ..., m_d), the same batch.
        axes: d, the number of spatial axes.
    """
    return image + fill(low - crop(image, low.shape[-axes:]), image.shape[-axes:])


def _dims(image: Tensor, size: Sequence[int], shrink: bool) -> tuple[int, ...]:
    dims = tuple(range(image.ndim - len(size), image.ndim))
    own = tuple(image.shape[d] for d in dims)
    if any((m > n) if shrink else (m < n) for m, n in zip(size, own)):
        raise ValueError(f"cannot {'crop' if shrink else 'fill'} {own} to {tuple(size)}")
    return dims


def _back(spectrum: Tensor, like: Tensor, dims: tuple[int, ...]) -> Tensor:
    image = torch.fft.ifftn(spectrum, dim=dims, norm="forward")
    return image if like.is_complex() else image.real


def _cut(spectrum: Tensor, dim: int, small: int) -> Tensor:
    """Keep ``small`` central frequencies of an axis; that of Nyquist is the mean of both."""
    large = spectrum.shape[dim]
    if small == large:
        return spectrum
    positive, negative = (small + 1) // 2, (small - 1) // 2
    parts = [spectrum.narrow(dim, 0, positive)]
    if small % 2 == 0:
        plus, minus = (spectrum.narrow(dim, place, 1) for place in (small // 2, large - small // 2))
        parts.append((plus + minus) / 2)
    parts.append(spectrum.narrow(dim, large - negative, negative))
    return torch.cat(parts, dim)


def _filled(image: Tensor, size: Sequence[int], weight: float) -> Tensor:
    dims = _dims(image, size, shrink=False)
    spectrum = torch.fft.fftn(image, dim=dims, norm="forward")
    for dim, large in zip(dims, size):
        spectrum = _padded(spectrum, dim, large, weight)
    return _back(spectrum, image, dims)


def _padded(spectrum: Tensor, dim: int, large: int, weight: float) -> Tensor:
    """Put the frequencies of an axis among zeros; that of Nyquist goes to both places, times ``weight``."""
    small = spectrum.shape[dim]
    if small == large:
        return spectrum
    positive, negative = (small + 1) // 2, (small - 1) // 2
    nyquist = [weight * spectrum.narrow(dim, small // 2, 1)] * (small % 2 == 0)
    shape = list(spectrum.shape)
    shape[dim] = large - positive - negative - 2 * len(nyquist)
    ends = spectrum.narrow(dim, 0, positive), spectrum.narrow(dim, small - negative, negative)
    return torch.cat([ends[0], *nyquist, spectrum.new_zeros(shape), *nyquist, ends[1]], dim)
