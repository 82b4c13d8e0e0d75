"""The simulator's parameters, their defaults and their check; ``config/cohorts/octa_sites.yaml`` says why.

Pairs are ranges, drawn from uniformly. Lengths are in halves of an image's width.
"""

from collections.abc import Mapping
from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError

#: of a site; each names what it does otherwise
DOMAIN: dict[str, Any] = {
    "radius": [0.22, 0.34],
    "irregular": [0.05, 0.12],
    "shift": 0.08,
    "mesh": [0.085, 0.1],
    "dropout": [0.05, 0.15],
    "gain": [0.75, 0.9],
    "floor": [0.1, 0.16],
    "gamma": [0.95, 1.05],
    "blur": [0.006, 0.01],
    "noise": [0.05, 0.08],
    "speckle": [0.15, 0.25],
    "stripes": [0.0, 0.03],
    "shading": [0.0, 0.15],
}

DEFAULTS: dict[str, Any] = {
    "size": 128,
    "vessels": {"count": [6.0, 10.0], "width": [0.018, 0.035]},
    "capillary": [0.008, 0.012],
    # by name; see DOMAIN
    "domains": {},
}


def read_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults, each site's on those of a site.

    Raises:
        InputError: an unknown option, a range that runs backwards, or sites that the cohort's ``subjects`` do
            not name.
    """
    options = kit.read_options(config, DEFAULTS)
    if not 24 <= int(options["size"]) <= 1024:
        raise InputError(f"options.size: {options['size']} is not between 24 and 1024 pixels")
    domains = {}
    for name, own in options["domains"].items():
        kit.check_options(own, DOMAIN, f"options.domains.{name}")
        domains[name] = {**DOMAIN, **own}
        _rising(domains[name], f"options.domains.{name}")
        if domains[name]["mesh"][0] < 0.02:
            raise InputError(f"options.domains.{name}.mesh: cells below 0.02 are too many to draw")
        if domains[name]["radius"][1] > 0.7:
            raise InputError(f"options.domains.{name}.radius: a zone above 0.7 leaves the image")
    given = [name for name, count in (config.get("subjects") or {}).items() if count]
    if lost := [name for name in given if name not in domains]:
        raise InputError(f"subjects.{lost[0]}: options.domains has no domain of that name; add it")
    _rising(options["vessels"], "options.vessels")
    _rising({"capillary": options["capillary"]}, "options")
    return {**options, "domains": domains}


def _rising(options: Mapping[str, Any], where: str) -> None:
    for key, value in options.items():
        if isinstance(value, list) and not value[0] <= value[1]:
            raise InputError(f"{where}.{key}: {value} is not a pair of a lower and an upper value")
