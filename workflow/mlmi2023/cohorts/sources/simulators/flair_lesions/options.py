"""The simulator's parameters, their defaults and their check; ``config/cohorts/wm_lesions.yaml`` says why.

Lengths are millimetres, volumes millilitres; intensities are fractions of that of white matter on T1.
"""

from typing import Any

from mlmi2023.cohorts.sources.simulators.brain.options import read_options as brain_options
from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError

DEFAULTS: dict[str, Any] = {
    "brain": {},
    "lesions": {
        "count": [5, 40],
        "load": [0.3, 30.0],
        "spread": 0.9,
        "reach": 9.0,
        "elsewhere": 0.2,
        "stretch": 1.7,
        "edge": 1.0,
        "brightness": [0.75, 1.0],
        "between": 0.12,
        "halo": {"size": 3.0, "strength": 0.12},
        "caps": {"size": 1.5, "strength": [0.05, 0.3]},
    },
    "sites": {},
}
SITE = {"splits": [], "gamma": 1.0, "noise": 0.03, "thickness": 1.0, "lesion": 1.0}


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults; ``brain`` becomes the brain simulator's, complete.

    Raises:
        InputError: an unknown option, or a split that no site names.
    """
    options = kit.read_options(config, DEFAULTS)
    options["brain"] = brain_options({"options": options["brain"], "modalities": ["FLAIR"]})
    if not options["sites"]:
        raise InputError("options.sites: no site; give at least one, with the splits that it serves")
    for name, site in options["sites"].items():
        kit.check_options(site, SITE, f"options.sites.{name}")
        for split in site.get("splits", []):
            kit.check_options(split, "train", f"options.sites.{name}.splits")
        options["sites"][name] = {**SITE, **site}
    served = {split for site in options["sites"].values() for split in site["splits"]}
    for split in config.get("subjects") or {}:
        if split not in served:
            raise InputError(f"options.sites: no site serves the split '{split}'; name it under its 'splits'")
    low, high = options["lesions"]["load"]
    if not 0 < low <= high:
        raise InputError(f"options.lesions.load: {[low, high]} is not an interval above 0 ml")
    return options
