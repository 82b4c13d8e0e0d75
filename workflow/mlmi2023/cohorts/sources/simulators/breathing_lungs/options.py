"""The simulator's parameters, their defaults and their check; the cohort's config says why.

Lengths are millimetres, intensities Hounsfield units. ``[low, high]`` is drawn evenly per patient.
"""

from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge

INHALE, EXHALE = 0, 50

DEFAULTS: dict[str, Any] = {
    "fov": [312.0, 232.0, 272.0],
    "spacing": [3.0, 3.0, 3.0],
    "fine": 2,
    "phases": [0, 20, 35, 50, 75],
    "size": 0.05,
    "motion": {
        "diaphragm": [10.0, 24.0],
        "chest": [0.02, 0.05],
        "uneven": [-0.3, 0.3],
        "inner": {"inhale": 4.0, "loop": 2.0, "length": 70.0},
        "rest": 1.5,
    },
    "special": {},
    "landmarks": 300,
    "lung": [-790.0, -700.0],
    "texture": {"sd": 25.0, "length": 4.0},
    "vessels": {
        "radius": [3.5, 4.5],
        "thinnest": 0.7,
        "taper": 0.82,
        "length": 6.5,
        "spread": 0.6,
        "roots": 14,
        "lean": 0.0,
    },
    "fissures": {"thickness": 1.5, "hu": -550.0},
    "psf": 0.45,
    "noise": {"sd": [20.0, 35.0], "length": 0.6},
}


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults; ``special`` holds complete sets by patient.

    Raises:
        InputError: an unknown option, or a value that makes no patient.
    """
    options = kit.read_options(config, DEFAULTS)
    for key, low, high in (("fov", 120, 500), ("spacing", 0.5, 12)):
        value = options[key]
        if len(value) != 3 or not all(low <= v <= high for v in value):
            raise InputError(f"options.{key}: {value} is not three lengths of {low} to {high} mm")
    phases = options["phases"]
    if not {INHALE, EXHALE} <= set(phases) or any(not 0 <= p < 100 for p in phases):
        raise InputError(f"options.phases: {phases} are not percents of a breath with {INHALE} and {EXHALE}")
    if len(set(phases)) < len(phases):
        raise InputError(f"options.phases: {phases} names a phase twice; give each once")
    if options["landmarks"] < 1:
        raise InputError(f"options.landmarks: {options['landmarks']} is not at least 1")
    if max(map(abs, options["motion"]["uneven"])) >= 0.9:
        raise InputError(f"options.motion.uneven: {options['motion']['uneven']} folds; keep it within 0.9")
    special = options.pop("special")
    options["special"] = {}
    for patient, change in special.items():
        kit.check_options(change, {"motion": DEFAULTS["motion"]}, f"options.special.{patient}")
        options["special"][str(patient)] = merge(options["motion"], change.get("motion", {}))
    return options


def phase_name(percent: int) -> str:
    """Return the name of a phase as DIR-Lab has it: ``T00`` at full inhale, ``T50`` at full exhale."""
    return f"T{percent:02d}"
