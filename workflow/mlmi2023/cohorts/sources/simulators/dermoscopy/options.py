"""The simulator's parameters, their defaults and their check; ``config/cohorts/dermoscopy_*.yaml`` say why.

Pairs are ranges, drawn from uniformly. Lengths are shares of the image's width, angles degrees, colours and
contrasts of light between 0 and 1.
"""

from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError

DEFAULTS: dict[str, Any] = {
    "size": 128,
    "tone": [0.0, 0.6],
    "lesion": {
        "radius": [0.14, 0.36],
        "elongation": [1.0, 1.8],
        "offset": 0.12,
        "irregularity": [0.02, 0.12],
        "softness": [0.01, 0.05],
        "contrast": [0.15, 0.6],
        "colours": [1, 3],
        "texture": [0.02, 0.08],
        "redness": [0.0, 0.5],
    },
    "fade": {"share": 0.5, "arc": [60.0, 150.0], "depth": [0.7, 1.0]},
    "spots": {"count": [0, 5], "radius": [0.015, 0.06], "contrast": [0.3, 1.0]},
    "hair": {"share": 0.5, "count": [4, 24], "width": [0.004, 0.012], "light": 0.1},
    "ruler": {"share": 0.2},
    "bubbles": {"share": 0.2, "count": [1, 8], "radius": [0.01, 0.05]},
    "corners": {"share": 0.3, "radius": [0.52, 0.66]},
    "light": {"gradient": [0.0, 0.15], "texture": [0.01, 0.03], "vessels": 0.3},
    "blur": [0.0, 0.006],
    "noise": [0.005, 0.02],
}


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults.

    Raises:
        InputError: an unknown option, a range that runs backwards, a share outside 0 to 1, or no image size.
    """
    options = kit.read_options(config, DEFAULTS)
    if not 24 <= int(options["size"]) <= 4096:
        raise InputError(f"options.size: {options['size']} is not between 24 and 4096 pixels")
    _check(options, "options")
    if options["lesion"]["radius"][0] <= 0 or options["lesion"]["radius"][1] > 0.6:
        raise InputError("options.lesion.radius: give shares of the width between 0 and 0.6")
    if options["lesion"]["elongation"][0] < 1:
        raise InputError("options.lesion.elongation: starts below 1; the axes' ratio is at least 1")
    return options


def _check(options: dict[str, Any], where: str) -> None:
    for key, value in options.items():
        if isinstance(value, dict):
            _check(value, f"{where}.{key}")
        elif isinstance(value, list) and not (len(value) == 2 and value[0] <= value[1]):
            raise InputError(f"{where}.{key}: {value} is not a pair of a lower and an upper value")
        elif key == "share" and not 0 <= value <= 1:
            raise InputError(f"{where}.{key}: {value} is not between 0 and 1")
