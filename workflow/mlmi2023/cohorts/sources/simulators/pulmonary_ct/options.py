"""The simulator's parameters, their defaults and their check; ``config/cohorts/pulmonary_ct.yaml`` says why.

Lengths are millimetres, intensities Hounsfield units. Arrays are (slice, row, column): feet to head, front to
back, right to left.
"""

from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError

TYPES = ("central", "segmental", "subsegmental")

DEFAULTS: dict[str, Any] = {
    "shape": [24, 70, 70],
    "spacing": [3.5, 2.2, 2.2],
    "prevalence": 0.395,
    "types": {"central": 257, "segmental": 387, "subsegmental": 52},
    "repeats": 0.024,
    "missing": {"ct": 0.01, "ehr": 0.02},
    "severity": {"negative": 0.0, "subsegmental": 0.2, "segmental": 0.8, "central": 1.4, "sd": 0.7},
    "arteries": {
        "radius": {"trunk": 13.0, "main": 10.0, "lobar": 6.0, "segmental": 3.0, "subsegmental": 1.5},
        "length": {"lobar": 28.0, "segmental": 28.0, "subsegmental": 22.0},
        "branches": {"segmental": 4, "subsegmental": 3},
        "spread": 0.55,
        "dilation": 0.06,
    },
    "clots": {
        "central": {"central": [1, 2], "segmental": [0, 3], "subsegmental": [0, 2]},
        "segmental": {"segmental": [1, 3], "subsegmental": [0, 3]},
        "subsegmental": {"subsegmental": [1, 2]},
        "share": [0.55, 1.0],
        "extent": [0.35, 0.9],
        "hu": [30.0, 70.0],
        "occlusive": 0.8,
        "downstream": 0.6,
        "per_severity": 0.5,
    },
    "heart": {"strain": 0.12},
    "contrast": {
        "artery": [310.0, 80.0],
        "vein": [230.0, 80.0],
        "aorta": [200.0, 80.0],
        "cava": [500.0, 150.0],
    },
    "mixing": {"sd": 25.0, "length": 12.0},
    "nodes": {"count": [0, 3], "radius": [3.0, 8.0]},
    "psf": 0.5,
    "noise": {"sd": [20.0, 45.0], "length": 0.6},
    "streaks": 25.0,
    "records": {
        "medications": 40,
        "diagnoses": 24,
        "labs": 14,
        "risk": 1.05,
        "signal": 1.6,
        "noise_rate": [0.01, 0.25],
        "ordered": [0.35, 0.95],
    },
}


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults.

    Raises:
        InputError: an unknown option, or a value that makes no exam.
    """
    options = kit.read_options(config, DEFAULTS)
    if len(options["shape"]) != 3 or min(options["shape"]) < 8:
        raise InputError(f"options.shape: {options['shape']} is not three numbers of at least 8 voxels")
    if len(options["spacing"]) != 3 or not all(0.3 <= s <= 10 for s in options["spacing"]):
        raise InputError(f"options.spacing: {options['spacing']} is not three numbers between 0.3 and 10 mm")
    if not 0 < options["prevalence"] < 1:
        raise InputError(f"options.prevalence: {options['prevalence']} is not between 0 and 1")
    if set(options["types"]) != set(TYPES) or sum(options["types"].values()) <= 0:
        raise InputError(f"options.types: give counts for {', '.join(TYPES)}")
    if sum(options["missing"].values()) >= 0.5:
        raise InputError("options.missing: half of the exams lack a modality; lower the shares")
    return options
