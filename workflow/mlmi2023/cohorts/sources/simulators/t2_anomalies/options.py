"""The simulator's parameters, their defaults and their check; ``config/cohorts/t2_*.yaml`` say why.

Lengths are millimetres; intensities are fractions of that of white matter on T1, where fluid on T2 has 1.
"""

from typing import Any

from mlmi2023.cohorts.sources.simulators.brain.options import read_options as brain_options
from mlmi2023.cohorts.sources.simulators.flair_lesions.options import DEFAULTS as FLAIR
from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest

#: of a cohort: what its patients have
DISEASES = ("none", "tumour", "lesions")

DEFAULTS: dict[str, Any] = {
    "brain": {},
    "disease": "none",
    "scanner": {"gamma": 1.0, "noise": 0.02, "thickness": 2.0},
    "tumour": {
        "radius": [10.0, 20.0],  # of the enhancing part, after it has grown
        "uneven": 0.25,  # standard deviation of the border, of the radius
        "push": [0.2, 0.4],  # by how much the tumour has pushed the brain aside, of the radius
        "brightness": [0.7, 0.95],  # brighter than grey matter (0.62), darker than fluid (1)
        "core": {"share": 0.45, "chance": 0.7, "brightness": [0.3, 0.55]},
        "oedema": {"width": [3.0, 9.0], "brightness": [0.62, 0.8]},
    },
    "lesions": {**FLAIR["lesions"], "brightness": [0.68, 0.9]},
}


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults; ``brain`` becomes the brain simulator's, complete.

    Raises:
        InputError: an unknown option or disease, or an interval that does not rise.
    """
    options = kit.read_options(config, DEFAULTS)
    if options["disease"] not in DISEASES:
        hint = suggest(options["disease"], [*DISEASES])
        raise InputError(f"options.disease is {options['disease']!r}{hint}")
    modalities = config.get("modalities") or ["T2w"]
    if list(modalities) != ["T2w"]:
        raise InputError(f"modalities: {modalities}, the simulator t2_anomalies makes T2w alone")
    options["brain"] = brain_options({"options": options["brain"], "modalities": ["T2w"]})
    own = options["tumour"]
    for key, (low, high) in {
        "tumour.radius": own["radius"],
        "tumour.push": own["push"],
        "tumour.oedema.width": own["oedema"]["width"],
        "lesions.load": options["lesions"]["load"],
    }.items():
        if not 0 < low <= high:
            raise InputError(f"options.{key}: {[low, high]} is not an interval above 0")
    if own["push"][1] > 0.6:
        raise InputError(
            f"options.tumour.push: {own['push']} goes beyond 0.6, where space would fold; lower it"
        )
    return options
