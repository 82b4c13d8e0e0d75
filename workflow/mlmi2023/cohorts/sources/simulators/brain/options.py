"""The simulator's parameters, their defaults and their check.

Lengths are millimetres, angles degrees; intensities are fractions of that of white matter. Defaults come from
adult anatomy and common scanners, not from what any method does with the images.
"""

from collections.abc import Mapping
from typing import Any

from mlmi2023.cohorts.sources.simulators.brain.layer_options import check_layers
from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest

MODALITIES = ("T1w", "T2w", "FLAIR")

DEFAULTS: dict[str, Any] = {
    "spacing": [1.0, 1.0, 1.0],  # mm; one number stands for all three
    "fov": [200, 252, 224],  # mm: a head with room around it, cut in the neck
    "orientations": ["RAS"],  # storage orders; each subject draws one
    "oblique": 3.0,  # standard deviation of the slab's angle to the world's axes
    "age": [20, 85],  # years, drawn evenly
    "pose": {
        "rotation": 6.0,  # standard deviation per axis
        "translation": 8.0,  # standard deviation per axis
        "size": 0.94,  # mean size of heads to that of the template, which is known to be larger than most
        "scale": 0.03,  # standard deviation of the log of the head's size
        "stretch": 0.02,  # the same per axis, on top
    },
    "warp": {
        "scales": [  # velocity fields: correlation length and root mean square length of the vectors
            {"sigma": 40, "amplitude": 8.0},
            {"sigma": 20, "amplitude": 5.5},
            {"sigma": 8, "amplitude": 1.5},
        ],
        "spread": [0.6, 1.4],  # each subject multiplies all amplitudes by a number drawn from here
    },
    "contrast": {
        "tissue_sd": 0.02,  # a subject's tissue means around those of the modality
        "structure_sd": 0.02,  # a structure's mean around its tissue's
        "texture": 1.0,  # share of the template's own detail
    },
    "bias": {"peak": [0.2, 0.4], "order": 3},  # peak to peak inside the brain; cosines per axis
    "noise": [0.015, 0.03],  # standard deviation of each channel before the magnitude is taken
    "landmarks": 300,
    "layers": [],  # [{name: ageing, ...}, {name: site, ...}]
}


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults.

    Raises:
        InputError: an unknown option or modality, or a value that makes no image.
    """
    given = config.get("options") or {}
    if isinstance(given, Mapping) and isinstance(given.get("spacing"), int | float):
        given = {**given, "spacing": [given["spacing"]] * 3}
    options = kit.read_options({"options": given}, DEFAULTS)
    check_layers(options["layers"])
    options["spacing"] = [float(s) for s in options["spacing"]]
    if len(options["spacing"]) != 3 or not all(0.4 <= s <= 8 for s in options["spacing"]):
        raise InputError(
            f"options.spacing: {options['spacing']} is not one or three numbers between 0.4 and 8 mm"
        )
    for modality in config.get("modalities", []):
        if modality not in MODALITIES:
            raise InputError(
                f"modalities: the brain simulator knows no '{modality}'{suggest(modality, [*MODALITIES])}"
            )
    if not 0 <= options["noise"][0] <= options["noise"][1] < 0.5:
        raise InputError(f"options.noise: {options['noise']} is not an interval within 0 and 0.5")
    if min(options["fov"]) < 40:
        raise InputError(
            f"options.fov: {options['fov']} mm is smaller than a head; use about [200, 252, 224]"
        )
    return options
