"""F_down and F_up of Fig. 2 as operators along one axis, for every way of simulating through-plane images."""

from collections.abc import Mapping
from typing import Any

from mlmi2023.cohorts.forms.ct_stacks.reader import Stack
from mlmi2023.core.errors import InputError
from mlmi2023.physics.slice_profile import SliceOperator, convolve, integrate, interpolate, slice_centres

KINDS = ("interpolate", "convolve")


def degradation(
    options: Mapping[str, Any], rows: int, pixel: float, thickness: float, overlap: float
) -> SliceOperator:
    """Return F_up after F_down on images of so many rows: what makes an axial image look through-plane.

    Args:
        options: the method's ``degrade``. ``kind: interpolate`` (SR4ZCT) averages the linear interpolant over
            each slice, exactly or at ``points``; ``kind: convolve`` (SMORE) applies a box filter of ``width``
            pixels (null: the nearest to the thickness) with a ``stride``.
        rows: of the image.
        pixel: mm.
        thickness: r_z that is assumed, mm.
        overlap: o_z that is assumed, mm.

    Raises:
        InputError: an unknown kind, or slices that do not fit into the image.
    """
    kind = options.get("kind")
    if kind == "interpolate":
        centres = slice_centres(rows * pixel, thickness, thickness - overlap)
        down = integrate(rows, pixel, centres, thickness, options.get("points"))
    elif kind == "convolve":
        width = int(options.get("width") or max(round(thickness / pixel), 1))
        down, places = convolve(rows, width, int(options["stride"]))
        centres = places * pixel
    else:
        raise InputError(f"config key degrade.kind is {kind!r}; choose {', '.join(KINDS)}")
    return interpolate(centres, rows, pixel) @ down


def upscaling(stack: Stack) -> SliceOperator:
    """Return F_up of a scan: from its slices, where they truly lie, to rows of pixel size."""
    return interpolate(stack.centres(), stack.rows, stack.pixel)
