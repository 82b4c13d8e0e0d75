"""The implicit step (Eqs. 4 to 6): u_bar = (I - gamma A)^-1 u, the minimum of |u - x|^2 / 2 + gamma R(x).

All solves are exact, point by point in frequency: by cosine transforms where the field goes on mirrored
beyond its edges, by Fourier transforms where it goes on periodically.

* **diffusion**, ``scheme: aos`` (the paper's, after Weickert et al. 1998): the mean over axes l of
  (I - d gamma A_l)^-1 u. Every factor is diagonal under the cosine transform, so the mean is one filter,
  equal to the paper's tridiagonal sweeps. ``scheme: exact`` solves (I - gamma A) itself, which AOS
  approximates.
* **curvature**: 1 / (1 + gamma lambda^2), lambda the eigenvalue of minus the laplacian.
* **elastic**: at every frequency a D x D system, diagonal plus rank one, inverted in closed form
  (Sherman-Morrison). Mixed derivatives turn cosines into sines, so mirroring is done by hand: the field is
  continued by as many voxels as its influence reaches.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.papers.implicit_reg.operators import OPERATORS, Boundary
from mlmi2023.papers.implicit_reg.transforms import dct, idct

SCHEMES = ("aos", "exact")
BOUNDARIES = ("mirror", "periodic")
# decay lengths after which what lies beyond counts less than float32 can tell: exp(-17) = 4e-8
REACH = 17


class ImplicitSolver:
    """Solves for the regularised copy of a field; differentiable, batched, in 2D and 3D, on its device.

    Runs in float32 whatever the autocast state (in float64 for a float64 field): half precision has no FFT of
    any size on a GPU, and no digits to spare.
    """

    def __init__(
        self,
        operator: str,
        gamma: float,
        scheme: str = "aos",
        boundary: Boundary = "mirror",
        mu: float = 1.0,
        lam: float = 0.0,
    ) -> None:
        """Describe the problem.

        Args:
            operator: ``diffusion``, ``curvature`` or ``elastic``.
            gamma: weight of R, voxel^2 (voxel^4 for curvature); 0 leaves a field as it is.
            scheme: of diffusion, ``aos`` or ``exact``.
            boundary: ``mirror`` or ``periodic`` (the plain DFT of Eq. 6).
            mu: Lame constants of ``elastic``, without unit.
            lam: see ``mu``.

        Raises:
            InputError: an unknown word, or weights for which there is no unique minimum.
        """
        for key, value, known in (
            ("operator", operator, OPERATORS),
            ("scheme", scheme, SCHEMES),
            ("boundary", boundary, BOUNDARIES),
        ):
            if value not in known:
                raise InputError(f"config key {key} is {value!r}; choose {', '.join(known)}")
        if gamma < 0 or mu < 0 or mu + lam < 0:
            raise InputError(
                f"config keys gamma {gamma}, mu {mu}, lam {lam}: gamma, mu and mu + lam must not be negative"
            )
        self.operator, self.gamma, self.scheme, self.boundary = operator, float(gamma), scheme, boundary
        self.mu, self.lam = float(mu), float(lam)

    def __call__(self, u: Tensor) -> Tensor:
        """Return u_bar, (B, D, *grid) float32 (float64 for float64), from ``u`` of that shape in voxels."""
        if u.ndim - 2 != u.shape[1]:
            raise ValueError(f"needed is a field (B, D, *grid) with D axes, not {tuple(u.shape)}")
        with torch.autocast(u.device.type, enabled=False):
            field = u if u.dtype == torch.float64 else u.float()
            if self.operator == "elastic":
                return self._elastic(field)
            if self.boundary == "periodic":
                axes = list(range(2, field.ndim))
                spectrum = torch.fft.rfftn(field, dim=axes)
                factor = self._factor(periodic_eigenvalues(field.shape[2:], field))
                return torch.fft.irfftn(spectrum * factor, s=field.shape[2:], dim=axes)
            spectrum = field
            for axis in range(2, field.ndim):
                spectrum = dct(spectrum, axis)
            spectrum = spectrum * self._factor(mirror_eigenvalues(field.shape[2:], field))
            for axis in range(2, field.ndim):
                spectrum = idct(spectrum, axis)
            return spectrum

    def _factor(self, eigenvalues: list[Tensor]) -> Tensor:
        """Return the filter of a scalar operator from the eigenvalues of minus the second difference."""
        d = len(eigenvalues)
        if self.operator == "diffusion" and self.scheme == "aos":
            return (
                sum((1 / (1 + d * self.gamma * e) for e in eigenvalues), torch.zeros_like(eigenvalues[0])) / d
            )
        total = sum(eigenvalues, torch.zeros_like(eigenvalues[0]))
        return 1 / (1 + self.gamma * (total if self.operator == "diffusion" else total.square()))

    def _elastic(self, field: Tensor) -> Tensor:
        grid = field.shape[2:]
        inner = []
        if self.boundary == "mirror":
            reach = math.ceil(REACH * math.sqrt(self.gamma * (2 * self.mu + self.lam)))
            for axis, n in enumerate(grid, start=2):
                index, start = mirror_index(n, reach)
                field = field.index_select(axis, index.to(field.device))
                inner.append((axis, start, n))
        field = self._elastic_periodic(field)
        for axis, start, n in inner:
            field = field.narrow(axis, start, n)
        return field

    def _elastic_periodic(self, field: Tensor) -> Tensor:
        shape = field.shape[2:]
        axes = list(range(2, field.ndim))
        eigenvalues = periodic_eigenvalues(shape, field)
        slopes = periodic_slopes(shape, field)
        own, mixed = self.gamma * self.mu, self.gamma * (self.mu + self.lam)
        laplace = 1 + own * sum(eigenvalues, torch.zeros_like(eigenvalues[0]))
        spectrum = torch.fft.rfftn(field, dim=axes)
        # the system is diag(c) + mixed s s^T, with s_i the symbol of the central difference along i over i
        diagonal = [laplace + mixed * (e - s.square()) for e, s in zip(eigenvalues, slopes)]
        parts = [spectrum[:, i] / diagonal[i] for i in range(len(axes))]
        along = sum((s * p for s, p in zip(slopes, parts)), torch.zeros_like(parts[0]))
        norm = 1 + mixed * sum((s.square() / c for s, c in zip(slopes, diagonal)), torch.zeros_like(laplace))
        share = mixed * along / norm
        solved = torch.stack([p - s / c * share for p, s, c in zip(parts, slopes, diagonal)], dim=1)
        return torch.fft.irfftn(solved, s=shape, dim=axes)


def mirror_eigenvalues(shape: torch.Size, like: Tensor) -> list[Tensor]:
    """Return by axis the eigenvalues of minus the second difference with mirrored ends, to broadcast."""
    return [
        _along(2 - 2 * torch.cos(_steps(n, n, like) * (math.pi / n)), a, len(shape))
        for a, n in enumerate(shape)
    ]


def periodic_eigenvalues(shape: torch.Size, like: Tensor) -> list[Tensor]:
    """Return the same for periodic ends, in the order of ``rfftn``."""
    return [_along(2 - 2 * torch.cos(w), a, len(shape)) for a, w in enumerate(_frequencies(shape, like))]


def periodic_slopes(shape: torch.Size, like: Tensor) -> list[Tensor]:
    """Return, for each axis, the eigenvalues of the central difference divided by i."""
    return [_along(torch.sin(w), a, len(shape)) for a, w in enumerate(_frequencies(shape, like))]


def mirror_index(n: int, reach: int) -> tuple[Tensor, int]:
    """Return the voxels of an axis continued by mirroring, and where the axis itself starts among them.

    It is continued by ``reach`` voxels on both sides, or by all its mirror image where that is less.
    """
    if 2 * reach >= n:
        line = torch.arange(n)
        return torch.cat((line, line.flip(0))), 0
    place = torch.arange(-reach, n + reach).remainder(2 * n)
    return torch.minimum(place, 2 * n - 1 - place), reach


def _steps(n: int, count: int, like: Tensor) -> Tensor:
    return torch.arange(count, dtype=like.dtype, device=like.device)


def _frequencies(shape: torch.Size, like: Tensor) -> list[Tensor]:
    last = len(shape) - 1
    counts = [n // 2 + 1 if axis == last else n for axis, n in enumerate(shape)]
    return [_steps(n, count, like) * (2 * math.pi / n) for n, count in zip(shape, counts)]


def _along(line: Tensor, axis: int, dims: int) -> Tensor:
    return line.view([-1 if a == axis else 1 for a in range(dims)])


def solver_from(options: Mapping[str, Any]) -> ImplicitSolver:
    """Return the solver of a regulariser's options: the arguments of :class:`ImplicitSolver`."""
    try:
        return ImplicitSolver(**options)
    except TypeError as error:
        raise InputError(f"config key regularisers: {error}; see ImplicitSolver for what it takes") from error
