"""The simulator's parameters, their defaults, their check; ``config/cohorts/fibre_bundles.yaml`` says why.

Pairs are ranges, drawn from uniformly; of counts, both ends may come. Lengths are shares of the image's
width, angles degrees, brightness lies between 0 and 1.
"""

from collections.abc import Mapping
from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError

DEFAULTS: dict[str, Any] = {
    "size": 128,
    # of bundles, cells and the edges of vessels alike
    "level": [0.5, 0.9],
    "bundles": {
        "count": [1, 4],
        "width": [0.03, 0.1],
        "bend": [0.0, 0.5],
        "wave": [0.0, 0.04],
        "spread": 15.0,
        "crossing": 0.25,
        "ends": 0.4,
        "pitch": [0.012, 0.02],
        "gap": [0.1, 0.7],
    },
    "cells": {"count": [10, 40], "radius": [0.012, 0.03], "elongation": [1.0, 1.6]},
    "vessels": {"count": [1, 4], "radius": [0.05, 0.12], "wall": [0.01, 0.022], "arc": [150.0, 360.0]},
    "tissue": {"level": [0.22, 0.36], "texture": [0.02, 0.05], "patches": [0.01, 0.04]},
    "light": {"slope": [0.2, 0.7], "corners": [0.0, 0.3]},
    "speckle": {"looks": [8.0, 20.0], "grain": 0.004},
}


def read_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults.

    Raises:
        InputError: an unknown option, a range that runs backwards, a share outside 0 to 1, or no image size.
    """
    options = kit.read_options(config, DEFAULTS)
    if not 24 <= int(options["size"]) <= 4096:
        raise InputError(f"options.size: {options['size']} is not between 24 and 4096 pixels")
    _check(options, "options")
    for key in ("crossing", "ends"):
        if not 0 <= options["bundles"][key] <= 1:
            raise InputError(f"options.bundles.{key}: {options['bundles'][key]} is not between 0 and 1")
    if options["bundles"]["count"][0] < 1:
        raise InputError("options.bundles.count: starts below 1; an image without bundles has no Dice")
    if options["speckle"]["looks"][0] <= 0:
        raise InputError("options.speckle.looks: must be above 0; more looks are less speckle")
    return options


def _check(options: Mapping[str, Any], where: str) -> None:
    for key, value in options.items():
        if isinstance(value, dict):
            _check(value, f"{where}.{key}")
        elif isinstance(value, list) and not (len(value) == 2 and value[0] <= value[1]):
            raise InputError(f"{where}.{key}: {value} is not a pair of a lower and an upper value")
