"""The simulator's parameters, their defaults and their check; ``config/cohorts/oct_*.yaml`` say why.

Pairs are ranges, drawn from uniformly (areas: by their logarithm; of counts, both ends may come). Lengths are
shares of the image's width, areas of the image, levels and losses in dB below white.
"""

from collections.abc import Mapping
from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError

#: layers from above to below, with the level of their scattering
LEVELS = {
    "vitreous": -42.0,
    "nerve_fibres": -10.0,
    "ganglion_cells": -17.0,
    "inner_nuclei": -24.0,
    "plexiform": -17.0,
    "outer_nuclei": -27.0,
    "ellipsoid": -10.0,
    "pigment": -3.0,
    "choroid": -15.0,
    "sclera": -22.0,
}
#: where lesions and distractors may lie: touching the pigment epithelium from below; well below it; inside
#: the retina; in front of it
PLACES = ("under", "deep", "inside", "front")

DEFAULTS: dict[str, Any] = {
    "size": 128,
    "scans": 8,
    "retina": {
        "depth": [0.5, 0.6],
        "thickness": [0.24, 0.32],
        "curve": [-0.08, 0.14],
        "tilt": [-0.12, 0.12],
        "wave": [0.002, 0.008],
        "pit": [0.3, 0.6],
        "choroid": [0.12, 0.24],
    },
    "levels": LEVELS,
    "gain": [-2.0, 2.0],
    "fading": [20.0, 50.0],
    "shadows": {"count": [0, 4], "width": [0.01, 0.03], "loss": [6.0, 14.0]},
    "lesions": {
        "place": "under",
        "share": 1.0,
        "count": [1, 1],
        "area": [0.005, 0.05],
        "aspect": [1.5, 3.5],
        "rough": [0.08, 0.2],
        "level": [-10.0, -6.0],
        "edge": 0.12,
        "patchy": 1.5,
    },
    "distractors": {"places": ["deep", "inside", "front"], "count": [1, 3], "area": [0.003, 0.015]},
    "scanner": {"looks": [3, 6], "axial": 0.003, "lateral": 0.006, "range": 45.0, "noise": -44.0},
}
#: ranges that may run below 0
SIGNED = ("curve", "tilt", "gain", "level")
#: most of a kind in one image
MOST = 20


def read_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults.

    Raises:
        InputError: an unknown option, a range that runs backwards, a share outside 0 to 1, a place that is
            none, or no image size.
    """
    options = kit.read_options(config, DEFAULTS)
    if not 24 <= options["size"] <= 4096 or options["size"] % 1:
        raise InputError(f"options.size: {options['size']} is not a size of 24 to 4096 pixels")
    if not 1 <= options["scans"] <= 500 or options["scans"] % 1:
        raise InputError(f"options.scans: {options['scans']} is not a number of 1 to 500 B-scans a patient")
    _check(options, "options")
    lesions, others = options["lesions"], options["distractors"]
    for key, place in [("lesions.place", lesions["place"])] + [
        ("distractors.places", place) for place in others["places"]
    ]:
        if place not in PLACES:
            raise InputError(f"options.{key}: '{place}' is none of {', '.join(PLACES)}")
    if lesions["place"] in others["places"]:
        raise InputError(
            f"options.distractors.places: lesions lie '{lesions['place']}', so no distractor may"
        )
    if lesions["count"][0] < 1:
        raise InputError("options.lesions.count: starts below 1; 'share' says how many scans have none")
    for where, own in (("lesions", lesions), ("distractors", others)):
        if own["count"][1] > MOST:
            raise InputError(f"options.{where}.count: at most {MOST} can lie in one image")
        if not 0 < own["area"][0] <= own["area"][1] <= 0.1:
            raise InputError(f"options.{where}.area: give shares of the image above 0, up to 0.1")
    if lesions["aspect"][0] < 1:
        raise InputError("options.lesions.aspect: starts below 1; it is the ratio of width to height")
    if lesions["edge"] <= 0 or options["shadows"]["width"][0] <= 0:
        raise InputError("options.lesions.edge and options.shadows.width: give lengths above 0")
    if options["scanner"]["looks"][0] < 1 or options["scanner"]["range"] <= 0:
        raise InputError("options.scanner: looks start at 1, range is above 0")
    return options


def _check(options: Mapping[str, Any], where: str) -> None:
    for key, value in options.items():
        if isinstance(value, dict):
            _check(value, f"{where}.{key}")
        elif key == "places":
            continue
        elif isinstance(value, list) and not (len(value) == 2 and value[0] <= value[1]):
            raise InputError(f"{where}.{key}: {value} is not a pair of a lower and an upper value")
        elif isinstance(value, list) and key not in SIGNED and value[0] < 0:
            raise InputError(f"{where}.{key}: {value} starts below 0")
        elif isinstance(value, list) and key in ("count", "looks") and any(end % 1 for end in value):
            raise InputError(f"{where}.{key}: {value} are no whole numbers")
        elif key == "share" and not 0 <= value <= 1:
            raise InputError(f"{where}.{key}: {value} is not between 0 and 1")
