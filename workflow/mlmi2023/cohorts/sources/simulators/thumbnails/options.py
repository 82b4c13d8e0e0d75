"""The simulator's parameters, their defaults and their check; ``config/cohorts`` say why.

Pairs are ranges, drawn from uniformly. Lengths are shares of the image's width, levels run from 0 to 1.

=========== ==========================================================================================
``scene``   ``cells`` (RGB, eight classes) or ``lungs`` (grey, two classes)
``size``    rows and columns
``noise``   spread of each pixel's noise
``blur``    spread of the camera's blur
``cells``   ``radius`` of a cell of usual size, ``shift`` of its centre from the middle, ``rough``: waves of
            outlines; ``neighbours``: red blood cells about it; ``light``: of the ground, ``tint``: how far
            each of its channels departs from it, ``stain``: how much nuclei absorb, ``turn`` of the hue as
            a share of the circle, ``granule``: depth of granules
``lungs``   ``width``, ``height`` of a lung, ``shift`` of the whole chest, ``ribs``: how many, and
            ``rib``: their level; ``opacity``: level of an opacity, ``radius`` of it, ``count``;
            ``haze``: level of an even veil over both lungs in every class; ``mean``: of the image and
            ``contrast``: of its levels about it, whatever the class
=========== ==========================================================================================
"""

from collections.abc import Mapping
from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest

SCENES = ("cells", "lungs")

DEFAULTS: dict[str, Any] = {
    "scene": "cells",
    "size": 28,
    "noise": [0.01, 0.03],
    "blur": [0.01, 0.025],
    "cells": {
        "radius": [0.24, 0.3],
        "shift": 0.06,
        "rough": [0.02, 0.06],
        "neighbours": [1, 4],
        "light": [0.7, 0.95],
        "tint": 0.08,
        "stain": [0.35, 0.7],
        "turn": 0.06,
        "granule": [0.15, 0.35],
    },
    "lungs": {
        "width": [0.13, 0.18],
        "height": [0.3, 0.38],
        "shift": 0.05,
        "ribs": [5, 7],
        "rib": [0.04, 0.12],
        "opacity": [0.2, 0.4],
        "radius": [0.06, 0.12],
        "count": [1, 3],
        "haze": [0.0, 0.15],
        "mean": [0.4, 0.6],
        "contrast": [0.7, 1.2],
    },
}
#: counts, whose bounds are whole numbers
COUNTS = ("neighbours", "ribs", "count")


def read_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults.

    Raises:
        InputError: an unknown option or scene, a range that runs backwards, or a size that is none.
    """
    options = kit.read_options(config, DEFAULTS)
    if options["scene"] not in SCENES:
        raise InputError(f"options.scene: '{options['scene']}'{suggest(options['scene'], list(SCENES))}")
    if not 16 <= options["size"] <= 512 or options["size"] % 1:
        raise InputError(f"options.size: {options['size']} is not a size of 16 to 512 pixels")
    parts = {"options": options, **{f"options.{scene}": options[scene] for scene in SCENES}}
    for where, own in parts.items():
        for key, value in own.items():
            if isinstance(value, list) and not value[0] <= value[1]:
                raise InputError(f"{where}.{key}: {value} is not a pair of a lower and an upper value")
            if key in COUNTS and any(end % 1 for end in value):
                raise InputError(f"{where}.{key}: {value} are no whole numbers")
    if options["lungs"]["count"][0] < 1:
        raise InputError("options.lungs.count: starts below 1; images of the other class have no opacity")
    return options
