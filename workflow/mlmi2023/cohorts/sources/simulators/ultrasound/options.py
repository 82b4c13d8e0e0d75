"""A scanner's parameters: the sector that it sees, and its vendor's style.

Pairs are ranges, drawn from uniformly for every patient or image. Lengths are mm, angles degrees.

================= ==============================================================================
``depth``         from the probe to the deepest sample
``width``         opening angle
``radius``        of the probe's surface; 0: a phased array, whose beams start in one point
``samples``       of a beam
``beams``         number of beams
``vendor``        whose style, a name of :data:`VENDORS`
``style``         keys of :data:`STYLE` in the place of the vendor's
================= ==============================================================================
"""

from collections.abc import Mapping
from typing import Any

from mlmi2023.cohorts.sources.simulators.kit.options import check_options
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest

#: ``axial`` and ``lateral``: standard deviations of the point spread function at the focus; ``focus`` and
#: ``reach``: where it is, and how far from there beams are wider by the square root of two, shares of the
#: depth; ``range``: dynamic range of the display, dB; ``gain``: dB; ``attenuation``: dB per mm there and
#: back; ``compensation``: dB per mm that time gain compensation gives back, to noise too;
#: ``noise``: level of electronic noise, dB; ``smooth``: standard deviation of the filter against speckle, mm;
#: ``gamma``: exponent of the grey map
STYLE: dict[str, Any] = {
    "axial": [0.5, 0.6],
    "lateral": [1.0, 1.3],
    "focus": [0.4, 0.6],
    "reach": [0.5, 0.7],
    "range": [58.0, 64.0],
    "gain": [-14.0, -8.0],
    "attenuation": [0.06, 0.1],
    "compensation": [0.06, 0.08],
    "noise": [-52.0, -46.0],
    "smooth": [0.0, 0.2],
    "gamma": [0.95, 1.05],
}

#: styles of makers: a sharp one with a wide range, one that smooths and darkens, one with hard contrast
VENDORS: dict[str, dict[str, Any]] = {
    "sharp": {},
    "soft": {
        "axial": [0.7, 0.9],
        "lateral": [1.6, 2.0],
        "range": [66.0, 74.0],
        "gain": [-20.0, -14.0],
        "smooth": [0.5, 0.8],
        "gamma": [1.1, 1.3],
        "noise": [-46.0, -40.0],
    },
    "hard": {
        "lateral": [1.2, 1.6],
        "range": [44.0, 50.0],
        "gain": [-8.0, -3.0],
        "attenuation": [0.1, 0.14],
        "compensation": [0.04, 0.06],
        "gamma": [0.8, 0.9],
    },
}


def scanner(depth: list[float], width: list[float], radius: list[float], vendor: str = "sharp") -> dict:
    """Return the defaults of a simulator's key ``scanner``."""
    return {
        "depth": depth,
        "width": width,
        "radius": radius,
        "samples": 256,
        "beams": 128,
        "vendor": vendor,
        "style": {},
    }


def read_scanner(own: Mapping[str, Any], where: str = "options.scanner") -> dict[str, Any]:
    """Return a checked key ``scanner`` with its style complete.

    Raises:
        InputError: an unknown vendor or key of style, a range that runs backwards, or an impossible size.
    """
    if own["vendor"] not in VENDORS:
        raise InputError(
            f"{where}.vendor: unknown name '{own['vendor']}'{suggest(own['vendor'], [*VENDORS])}"
        )
    check_options(own["style"], STYLE, f"{where}.style")
    whole = {**STYLE, **VENDORS[own["vendor"]], **own["style"]}
    pairs = [(f"{where}.{key}", own[key]) for key in ("depth", "width", "radius")]
    for place, pair in [*pairs, *((f"{where}.style.{key}", pair) for key, pair in whole.items())]:
        if len(pair) != 2 or pair[0] > pair[1]:
            raise InputError(f"{place}: {pair} is not a pair of a lower and an upper value")
    if own["depth"][0] <= 0 or not 0 < own["width"][0] <= own["width"][1] <= 300:
        raise InputError(f"{where}: give a depth above 0 mm and a width between 0 and 300 degrees")
    for key in ("samples", "beams"):
        if not 8 <= own[key] <= 4096:
            raise InputError(f"{where}.{key}: {own[key]} is not between 8 and 4096")
    for key in ("axial", "lateral", "reach", "range", "gamma"):
        if whole[key][0] <= 0:
            raise InputError(f"{where}.style.{key}: must be above 0")
    return {**own, "style": whole}
