"""Thick slices of a volume, and where its rows lie between them (Sects. 2.1 and 3.1).

A row is a slice of the full volume. At a factor r a thick slice lies in the place of every r-th row, so that
rows are at offsets k = j / r between two thick slices, j = 0 being the place of the first itself. Simulation,
training and assembly all take their places from here.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.physics.lowpass import lowpass
from mlmi2023.physics.slice_profile import SliceOperator, integrate


@dataclass(frozen=True, eq=False)
class Thick:
    """How rows become thick slices.

    Attributes:
        factor: r, rows per thick slice.
        rows: N, of the volume.
        first: row in whose place the first thick slice lies.
        operator: rows (N) to thick slices (M).
    """

    factor: int
    rows: int
    first: int
    operator: SliceOperator

    @property
    def count(self) -> int:
        """M, thick slices."""
        return len(self.operator.matrix)

    @property
    def covered(self) -> slice:
        """Rows that lie between two thick slices; beyond the outer ones there is no pair."""
        return slice(self.first, self.first + self.factor * (self.count - 1))

    def places(self) -> Tensor:
        """Return where covered rows lie, in thick slices from the first: i + k, (R,) float32."""
        return torch.arange(self.factor * (self.count - 1)).float() / self.factor

    def pairs(self) -> tuple[Tensor, Tensor]:
        """Return i (R,) int64 and k (R,) float32 of the covered rows."""
        number = torch.arange(self.factor * (self.count - 1))
        return number // self.factor, (number % self.factor).float() / self.factor

    def between(self) -> Tensor:
        """Return which covered rows lie in no thick slice's place, k > 0: the filled ones, (R,) bool."""
        return self.pairs()[1] > 0

    def support(self, first: int, last: int) -> tuple[slice, Tensor]:
        """Return the rows that thick slices ``first`` to ``last`` are made of, and their weights.

        Returns:
            rows, and weights (last - first + 1, rows) float32.
        """
        part = self.operator.matrix[first : last + 1]
        used = np.flatnonzero(part.any(axis=0))
        where = slice(int(used[0]), int(used[-1]) + 1)
        return where, torch.from_numpy(part[:, where]).float()


@cache
def thick_slices(rows: int, factor: int, kind: str, width: float) -> Thick:
    """Return the thick slices of a volume of so many rows, as many as fit, in its middle.

    Args:
        rows: N.
        factor: r.
        kind: ``box``: a slice is the mean over its thickness, of the rows joined by straight lines;
            ``fir``: rows are low-passed and every r-th is kept.
        width: of the box in spacings of thick slices (1: side by side, 0: a row as it is), or the
            filter's taps.

    Raises:
        InputError: fewer than two slices fit.
    """
    margin = int(np.ceil((width * factor - 1) / 2 - 1e-9)) if kind == "box" else 0
    margin = max(margin, 0)
    count = (rows - 1 - 2 * margin) // factor + 1
    if rows <= 2 * margin or count < 2:
        raise InputError(
            f"config key task.factors has {factor}, but {rows} rows hold no two slices so thick; use a "
            "smaller factor or larger volumes"
        )
    first = (rows - 1 - factor * (count - 1)) // 2
    places = first + factor * np.arange(count)
    if kind == "box":
        operator = integrate(rows, 1.0, places + 0.5, width * factor)
    else:
        operator = lowpass(rows, places, factor, int(width))
    return Thick(factor, rows, first, operator)
