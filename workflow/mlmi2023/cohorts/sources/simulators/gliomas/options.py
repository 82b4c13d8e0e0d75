"""The simulator's parameters, their defaults and their check; ``config/cohorts/gliomas.yaml`` says why.

Lengths are millimetres; intensities are fractions of that of white matter on T1.
"""

from typing import Any

from mlmi2023.cohorts.sources.simulators.brain.options import read_options as brain_options
from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError

#: contrasts in the order of BraTS, by the sequence of the brain simulator that each is made from
CONTRASTS = {"FLAIR": "FLAIR", "T1": "T1w", "T1c": "T1w", "T2": "T2w"}

DEFAULTS: dict[str, Any] = {
    "brain": {},
    "tumour": {
        "radius": [14.0, 24.0],
        "uneven": 0.2,
        "push": [0.2, 0.4],
        "enhancing": 0.85,
        "rim": [0.25, 0.6],
        "oedema": [6.0, 18.0],
        "mottle": {"size": 4.0, "strength": [0.02, 0.3]},
    },
    "shades": {
        "FLAIR": {"necrosis": 0.55, "solid": 0.85, "rim": 0.85, "oedema": 1.0, "mottle": 1.0},
        "T1": {"necrosis": 0.5, "solid": 0.68, "rim": 0.7, "oedema": 0.84, "mottle": 0.2},
        "T1c": {"necrosis": 0.5, "solid": 0.7, "rim": 1.45, "oedema": 0.84, "mottle": 0.2},
        "T2": {"necrosis": 0.92, "solid": 0.8, "rim": 0.72, "oedema": 0.84, "mottle": 0.5},
    },
    "spread": 0.04,
    "noise": {"FLAIR": 0.04, "T1": 0.03, "T1c": 0.03, "T2": 0.04},
    "methylation": {"share": 0.5, "rim": 0.954, "texture": 0.954},
}


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults; ``brain`` becomes the brain simulator's, complete.

    Raises:
        InputError: an unknown option, an interval that does not rise, or a share that is none.
    """
    options = kit.read_options(config, DEFAULTS)
    sequences = sorted(set(CONTRASTS.values()))
    options["brain"] = brain_options({"options": options["brain"], "modalities": sequences})
    own = options["tumour"]
    intervals = {key: own[key] for key in ("radius", "push", "rim", "oedema")}
    for key, (low, high) in {**intervals, "mottle.strength": own["mottle"]["strength"]}.items():
        if not 0 < low <= high:
            raise InputError(f"options.tumour.{key}: {[low, high]} is not an interval above 0")
    if own["push"][1] > 0.6:
        raise InputError(
            f"options.tumour.push: {own['push']} goes beyond 0.6, where space would fold; lower it"
        )
    if own["rim"][1] >= 1:
        raise InputError(f"options.tumour.rim: {own['rim']} reaches the tumour's radius; stay below 1")
    for key, share in (
        ("tumour.enhancing", own["enhancing"]),
        ("methylation.share", options["methylation"]["share"]),
    ):
        if not 0 <= share <= 1:
            raise InputError(f"options.{key}: {share} is no share; give a number from 0 to 1")
    return options
