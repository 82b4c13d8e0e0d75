"""Explicit (Eq. 1) and implicit (Eq. 3) regularisation."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.losses.smoothness import diffusion
from mlmi2023.papers.implicit_reg.operators import OPERATORS, energy
from mlmi2023.papers.implicit_reg.solvers import ImplicitSolver, solver_from
from mlmi2023.tasks.registration.objective import Regularizer

WEIGHTS = ("alpha", "sigma", "gamma")


class ExplicitRegularizer:
    """alpha R(u), differentiated through its spatial derivatives (Eq. 1).

    ``energy: gradient`` is the penalty of the baselines' released scripts, the mean over axes of the mean
    squared forward difference. ``diffusion``, ``elastic`` and ``curvature`` are the energies that the
    implicit methods minimise.
    """

    def __init__(self, alpha: float, energy: str = "gradient", mu: float = 1.0, lam: float = 0.0) -> None:
        """Keep the weight and the energy; ``mu`` and ``lam`` are those of ``elastic``."""
        if energy not in ("gradient", *OPERATORS):
            raise InputError(f"config key energy is {energy!r}; choose gradient, {', '.join(OPERATORS)}")
        self.alpha, self.name, self.mu, self.lam = float(alpha), energy, mu, lam

    def __call__(self, u: Tensor) -> Tensor:
        """Return a float32 scalar from a field (B, D, *grid) in voxels."""
        if self.name == "gradient":
            return self.alpha * diffusion(u)
        return self.alpha * energy(u, self.name, mu=self.mu, lam=self.lam)


class ImplicitRegularizer:
    """sigma / 2 |u - u_bar|^2, with u_bar the solver's answer, taken as a constant (Eq. 3).

    The squared norm is a mean over batch, components and voxels.
    """

    def __init__(self, sigma: float, solver: ImplicitSolver) -> None:
        """Keep the weight and the solver."""
        self.sigma, self.solve = float(sigma), solver

    def __call__(self, u: Tensor) -> Tensor:
        """Return a float32 scalar from a field (B, D, *grid) in voxels."""
        with torch.no_grad():
            target = self.solve(u)
        with torch.autocast(u.device.type, enabled=False):
            return self.sigma / 2 * (u.to(target.dtype) - target).square().mean()


def build_regularizer(options: Mapping[str, Any]) -> Regularizer:
    """Return the regulariser that config describes.

    Args:
        options: ``kind: explicit`` with ``alpha``, ``energy``; or ``kind: implicit`` with ``sigma`` and the
            arguments of :class:`~mlmi2023.papers.implicit_reg.solvers.ImplicitSolver`.

    Raises:
        InputError: an unknown kind or key, or a missing weight.
    """
    own = dict(options)
    kind = own.pop("kind", None)
    if kind == "implicit":
        if "sigma" not in own or "gamma" not in own:
            raise InputError("config key regularisers: kind implicit needs sigma and gamma")
        return ImplicitRegularizer(own.pop("sigma"), solver_from(own))
    if kind == "explicit":
        try:
            return ExplicitRegularizer(**own)
        except TypeError as error:
            raise InputError(f"config key regularisers: {error}") from error
    raise InputError(f"config key regularisers: kind is {kind!r}; choose explicit or implicit")
