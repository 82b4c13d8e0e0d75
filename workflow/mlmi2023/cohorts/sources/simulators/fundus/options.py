"""The simulator's parameters, their defaults and their check; ``config/cohorts/fundus_*.yaml`` say why.

Pairs are ranges, drawn from uniformly; of counts, both ends may come. Lengths are in radii of a 45 degree
field, but blur, which is a share of the image's width.
"""

from collections.abc import Mapping
from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError

GRADES = ("no DR", "mild", "moderate", "severe", "proliferative")
#: kinds of lesion, by their value in the map
LESIONS = ("microaneurysm", "haemorrhage", "exudate", "cotton_wool", "new_vessel")

#: of a domain; each names what it does otherwise
DOMAIN: dict[str, Any] = {
    "grades": [0.4, 0.15, 0.2, 0.15, 0.1],
    "images": [1, 2],
    "cup": [0.3, 0.6],
    "field": [0.94, 0.98],
    "flat": 1.0,
    "zoom": [0.95, 1.05],
    "cast": [1.0, 1.0, 1.0],
    "contrast": [0.95, 1.05],
    "gamma": [0.95, 1.05],
    "saturation": [0.95, 1.05],
    "vignette": [0.1, 0.25],
    "slope": [0.0, 0.15],
    "haze": [0.0, 0.05],
    "blur": [0.0, 0.004],
    "noise": [0.005, 0.015],
    "quality": [85.0, 95.0],
}

DEFAULTS: dict[str, Any] = {
    "size": 128,
    "view": {"centre": "fovea", "width": 2.0, "shift": 0.06},
    "disc": {"radius": [0.12, 0.15], "height": [1.0, 1.15], "tilt": 0.3},
    "tone": [0.0, 1.0],
    "texture": [0.02, 0.05],
    "vessels": {"width": [0.03, 0.042], "branches": [4, 7], "depth": 2},
    # by grade: lowest and highest count of each kind
    "lesions": {
        "microaneurysm": {"counts": [[0, 0], [3, 8], [6, 14], [10, 24], [6, 16]], "radius": [0.022, 0.034]},
        "haemorrhage": {"counts": [[0, 0], [0, 0], [2, 6], [12, 24], [4, 16]], "radius": [0.035, 0.075]},
        "exudate": {"counts": [[0, 0], [0, 0], [2, 12], [4, 18], [2, 14]], "radius": [0.022, 0.05]},
        "cotton_wool": {"counts": [[0, 0], [0, 0], [0, 1], [2, 6], [1, 4]], "radius": [0.06, 0.11]},
        "new_vessel": {"counts": [[0, 0], [0, 0], [0, 0], [0, 0], [1, 3]], "radius": [0.14, 0.24]},
    },
    "contrast": [0.75, 1.0],
    # by name; see DOMAIN
    "domains": {},
}


def read_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults, each domain's on those of a domain.

    Raises:
        InputError: an unknown option, a range that runs backwards, or domains that the cohort's ``subjects``
            do not name.
    """
    options = kit.read_options(config, DEFAULTS)
    if not 24 <= int(options["size"]) <= 4096:
        raise InputError(f"options.size: {options['size']} is not between 24 and 4096 pixels")
    if options["view"]["centre"] not in ("fovea", "disc"):
        raise InputError(f"options.view.centre: '{options['view']['centre']}' is none of fovea, disc")
    if options["view"]["width"] <= 0:
        raise InputError("options.view.width: must be above 0")
    domains = {}
    for name, own in options["domains"].items():
        kit.check_options(own, DOMAIN, f"options.domains.{name}")
        domains[name] = {**DOMAIN, **own}
        _check(domains[name], f"options.domains.{name}", but=("grades", "cast"))
        if len(domains[name]["grades"]) != len(GRADES) or sum(domains[name]["grades"]) <= 0:
            raise InputError(f"options.domains.{name}.grades: give {len(GRADES)} shares, not all 0")
        if len(domains[name]["cast"]) != 3:
            raise InputError(f"options.domains.{name}.cast: give factors of red, green and blue")
        if domains[name]["images"][0] < 1:
            raise InputError(f"options.domains.{name}.images: every patient has 1 or more")
    given = [name for name, count in (config.get("subjects") or {}).items() if count]
    if lost := [name for name in given if name not in domains]:
        raise InputError(f"subjects.{lost[0]}: options.domains has no domain of that name; add it")
    for name, own in options["lesions"].items():
        if len(own["counts"]) != len(GRADES):
            raise InputError(f"options.lesions.{name}.counts: give {len(GRADES)} pairs, one a grade")
    _check({k: v for k, v in options.items() if k not in ("domains", "lesions")}, "options")
    return {**options, "domains": domains}


def _check(options: Mapping[str, Any], where: str, but: tuple[str, ...] = ()) -> None:
    for key, value in options.items():
        if isinstance(value, dict):
            _check(value, f"{where}.{key}")
        elif isinstance(value, list) and key not in but and not (len(value) == 2 and value[0] <= value[1]):
            raise InputError(f"{where}.{key}: {value} is not a pair of a lower and an upper value")
