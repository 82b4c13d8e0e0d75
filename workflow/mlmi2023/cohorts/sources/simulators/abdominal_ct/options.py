"""The simulator's parameters, their defaults and their check; ``config/cohorts/abdominal_ct.yaml`` says why.

Lengths are millimetres, angles degrees, intensities Hounsfield units. Arrays are in RAS order.
"""

from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError

DEFAULTS: dict[str, Any] = {
    "pixel": 2.0,
    "fine": {"in_plane": 2, "z": 1.0},
    "fov": [344.0, 264.0],
    "length": [190.0, 230.0],
    "thickness": [2.5, 3.0, 5.0],
    "phases": {"portal": 0.8, "arterial": 0.2},
    "body": {"size": 0.06, "fat": [8.0, 28.0]},
    "place": 4.0,
    "volume": 0.12,
    "turn": 8.0,
    "bend": [{"sigma": 45.0, "amplitude": 7.0}, {"sigma": 18.0, "amplitude": 2.5}],
    "surface": {"sigma": 6.0, "amplitude": 0.8},
    "decoys": {"tubes": [5, 9], "length": [18.0, 45.0], "loops": [5, 8]},
    "lesions": {"liver": [0, 5], "radius": [3.0, 12.0]},
    "hu": {"organ_sd": 10.0, "phase_sd": 0.15, "texture": 7.0, "length": 3.0, "contents": [0.0, 60.0]},
    "psf": [0.35, 0.5],
    "noise": {"sd": [14.0, 26.0], "at": 3.0, "length": 0.6},
}


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults.

    Raises:
        InputError: an unknown option, or a value that makes no scan.
    """
    options = kit.read_options(config, DEFAULTS)
    if not 0.4 <= options["pixel"] <= 6:
        raise InputError(f"options.pixel: {options['pixel']} is not between 0.4 and 6 mm")
    if not 0.2 <= options["fine"]["z"] <= min(options["thickness"]):
        raise InputError(
            f"options.fine.z: {options['fine']['z']} is not between 0.2 mm and the thinnest of 'thickness'"
        )
    if sum(options["phases"].values()) <= 0:
        raise InputError("options.phases: shares add up to nothing; give portal or arterial a share")
    if not 60 <= options["length"][0] <= options["length"][1]:
        raise InputError(f"options.length: {options['length']} is not an interval from 60 mm on")
    return options
