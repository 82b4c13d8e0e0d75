"""Thickness and spacing of slices as exact linear operators along one axis, with their adjoints.

An axis holds ``n`` samples at the centres of pixels of one size. A slice of a scan is the mean over a box:
its thickness; the distance between centres is its spacing; what exceeds the spacing is overlap. All positions
are mm from the lower edge of the first pixel, so that grids of any two sizes lie on each other by where they
are, not by the ends of their arrays.

``integrate``   samples -> slices of any thickness and spacing: exact mean of the linear interpolant over each
``interpolate`` slices -> samples, linear between slice centres
``convolve``    samples -> means of so many pixels, so many pixels apart: what a strided convolution can do
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from mlmi2023.core.errors import InputError

#: slack, in mm, for numbers such as 0.1 + 0.2
SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class SliceOperator:
    """A linear map along one axis.

    Attributes:
        matrix: (rows out, rows in) float64.
    """

    matrix: np.ndarray

    @cached_property
    def _banded(self) -> tuple[torch.Tensor, torch.Tensor]:
        return _band(self.matrix)

    @cached_property
    def _banded_adjoint(self) -> tuple[torch.Tensor, torch.Tensor]:
        return _band(self.matrix.T)

    def __call__(self, x: torch.Tensor, axis: int = -2) -> torch.Tensor:
        """Apply the operator along ``axis`` of a tensor of any shape, on its device and in its type."""
        return _apply(self._banded, x, axis, self.matrix.shape[1])

    def adjoint(self, y: torch.Tensor, axis: int = -2) -> torch.Tensor:
        """Apply the transpose along ``axis``: ``<A x, y> = <x, A' y>``."""
        return _apply(self._banded_adjoint, y, axis, self.matrix.shape[0])

    def __matmul__(self, before: "SliceOperator") -> "SliceOperator":
        """Return the operator that applies ``before`` and then this one."""
        return SliceOperator(self.matrix @ before.matrix)


def _band(matrix: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Return columns that are not zero and their weights, (rows, widest) each; short rows are padded."""
    used = matrix != 0
    width = max(int(used.sum(axis=1).max(initial=0)), 1)
    columns = np.argsort(~used, axis=1, kind="stable")[:, :width]
    weights = np.take_along_axis(matrix, columns, axis=1)
    return torch.from_numpy(columns.copy()), torch.from_numpy(weights)


def _apply(band: tuple[torch.Tensor, torch.Tensor], x: torch.Tensor, axis: int, rows: int) -> torch.Tensor:
    if x.shape[axis] != rows:
        raise ValueError(f"the operator takes {rows} rows, axis {axis} of {tuple(x.shape)} has others")
    columns, weights = band[0].to(x.device), band[1].to(x)
    last = x.movedim(axis, -1)
    # sums of products, not a matrix product: a GPU would round its factors to ten bits (TF32)
    total = last[..., columns[:, 0]] * weights[:, 0]
    for k in range(1, columns.shape[1]):
        total = total + last[..., columns[:, k]] * weights[:, k]
    return total.movedim(-1, axis)


def slice_centres(length: float, thickness: float, spacing: float) -> np.ndarray:
    """Return the centres of all slices that fit into ``length``, in its middle, (K,) mm.

    Args:
        length: of the axis, mm.
        thickness: of a slice, mm.
        spacing: between centres, mm; smaller than the thickness where slices overlap.

    Raises:
        InputError: no slice fits, or a size is not positive.
    """
    if thickness <= 0 or spacing <= 0:
        raise InputError(f"slices of {thickness:g} mm every {spacing:g} mm: give positive sizes")
    if thickness > length + SLACK:
        raise InputError(f"slices of {thickness:g} mm do not fit into {length:g} mm; use thinner ones")
    count = int((length - thickness + SLACK) // spacing) + 1
    first = (length - (count - 1) * spacing) / 2
    return first + spacing * np.arange(count)


def integrate(
    count: int, pixel: float, centres: np.ndarray, thickness: float, points: int | None = None
) -> SliceOperator:
    """Return the operator from ``count`` samples to slices.

    The samples are joined by straight lines (beyond the outer ones their values hold on); a slice is the mean
    of that function over its thickness. With ``points``, it is the mean of so many points spread evenly over
    the thickness instead.

    Args:
        count: samples.
        pixel: their size, mm.
        centres: of the slices, (K,) mm.
        thickness: of a slice, mm; 0 reads the function at the centres.
        points: None for the exact integral.
    """
    middle = np.asarray(centres, float)[:, None] / pixel - 0.5  # in samples
    half = thickness / pixel / 2
    pad = int(np.ceil(max(half - middle.min(), middle.max() + half - (count - 1), 0))) + 1
    places = np.arange(-pad, count + pad)[None]
    if points is None and half > 0:
        weights = (_hat_integral(middle + half - places) - _hat_integral(middle - half - places)) / (2 * half)
    else:
        number = points or 1
        shifts = ((np.arange(number) + 0.5) / number - 0.5) * 2 * half
        weights = np.mean([np.clip(1 - np.abs(middle + s - places), 0, None) for s in shifts], axis=0)
    matrix = weights[:, pad:-pad].copy()
    matrix[:, 0] += weights[:, :pad].sum(axis=1)
    matrix[:, -1] += weights[:, -pad:].sum(axis=1)
    matrix[np.abs(matrix) < 1e-14] = 0
    return SliceOperator(matrix)


def _hat_integral(u: np.ndarray) -> np.ndarray:
    """Return the integral from minus infinity to ``u`` of the hat function max(0, 1 - |t|)."""
    u = np.clip(u, -1, 1)
    return np.where(u < 0, (u + 1) ** 2 / 2, 1 - (1 - u) ** 2 / 2)


def interpolate(centres: np.ndarray, count: int, pixel: float) -> SliceOperator:
    """Return the operator from slices at ``centres``, (K,) mm in rising order, to ``count`` samples.

    Linear between centres; beyond the outer ones their values hold on.
    """
    centres = np.asarray(centres, float)
    wanted = (np.arange(count) + 0.5) * pixel
    matrix = np.stack([np.interp(wanted, centres, unit) for unit in np.eye(len(centres))], axis=1)
    return SliceOperator(matrix)


def convolve(count: int, width: int, stride: int) -> tuple[SliceOperator, np.ndarray]:
    """Return the operator of a strided box filter ``width`` pixels wide, and its rows' centres in pixels.

    Only whole filters count; the rows lie in the middle of the axis, as those of :func:`slice_centres` do.

    Raises:
        InputError: the filter is wider than the axis.
    """
    if width > count:
        raise InputError(f"a filter of {width} pixels does not fit into {count}; use a narrower one")
    rows = (count - width) // stride + 1
    first = (count - width - (rows - 1) * stride) // 2
    matrix = np.zeros((rows, count))
    for row in range(rows):
        start = first + row * stride
        matrix[row, start : start + width] = 1 / width
    return SliceOperator(matrix), first + stride * np.arange(rows) + width / 2
