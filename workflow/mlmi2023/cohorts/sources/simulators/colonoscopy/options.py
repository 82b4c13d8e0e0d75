"""The parameters of frames, their defaults and their check; ``config/cohorts/colonoscopy_*.yaml`` say why.

Pairs are ranges, drawn from uniformly; of counts, both ends may come. Lengths are shares of a frame's width.
"""

from collections.abc import Mapping
from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest

#: kinds of overlay, by their value in the map
KINDS = ("text", "miniature", "icon", "border")
SHAPES = ("circle", "octagon", "square")
ICONS = ("arrow", "disc", "bars", "cross", "ring", "wedge")
#: when an overlay is shown: in every frame, in those with a polyp, in those without
WHEN = ("always", "polyp", "clear")
#: on which half it stands: where it is put, the polyp's, the other one
SIDES = ("fixed", "same", "other")

#: of an overlay; ``at`` is its upper left corner
OVERLAY: dict[str, Any] = {
    "kind": "text",
    "at": [0.02, 0.02],
    "size": [0.2, 0.2],
    "colour": [1.0, 1.0, 1.0],
    "lines": 3,
    "shape": "arrow",
    "when": "always",
    "side": "fixed",
}

#: of a domain; each names what it does otherwise
DOMAIN: dict[str, Any] = {
    "frames": [2, 4],
    "view": {"shape": "circle", "centre": [0.5, 0.5], "radius": 0.49, "cut": 0.8},
    "overlays": [],
    "agree": 0.95,
    "cast": [1.0, 1.0, 1.0],
    "contrast": [0.95, 1.05],
    "gamma": [0.95, 1.05],
    "saturation": [0.95, 1.05],
    "vignette": [0.0, 0.1],
    "slope": [0.0, 0.1],
    "haze": [0.0, 0.04],
    "blur": [0.0, 0.004],
    "noise": [0.005, 0.015],
    "quality": [85.0, 95.0],
}

DEFAULTS: dict[str, Any] = {
    "size": 128,
    "tone": [0.0, 1.0],
    "mucosa": {"folds": [3, 6], "ridge": [0.03, 0.06], "texture": [0.02, 0.05], "vessels": [0.0, 0.12]},
    "polyp": {
        "share": 0.75,
        "radius": [0.08, 0.18],
        "elongation": [1.0, 1.5],
        "irregularity": [0.03, 0.12],
        "height": [0.5, 0.9],
        "redness": [0.05, 0.3],
        "pits": [0.02, 0.06],
    },
    "lumps": {"count": [0, 2], "radius": [0.06, 0.15], "redness": [0.0, 0.2]},
    "stool": {"count": [0, 3], "radius": [0.01, 0.05]},
    "highlights": {"gloss": [30.0, 80.0], "wet": [0.3, 0.8]},
    # by name; see DOMAIN
    "domains": {},
}


def read_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults, each domain's on those of a domain.

    Raises:
        InputError: an unknown option, a range that runs backwards, an overlay that is none, or domains that
            the cohort's ``subjects`` do not name.
    """
    options = kit.read_options(config, DEFAULTS)
    if not 24 <= int(options["size"]) <= 4096:
        raise InputError(f"options.size: {options['size']} is not between 24 and 4096 pixels")
    _check({key: value for key, value in options.items() if key != "domains"}, "options")
    for key in ("polyp", "lumps", "stool"):
        if options[key]["radius"][0] <= 0:
            raise InputError(f"options.{key}.radius: must be above 0")
    if options["polyp"]["elongation"][0] < 1:
        raise InputError("options.polyp.elongation: starts below 1; the axes' ratio is at least 1")
    domains = {name: _domain(own, f"options.domains.{name}") for name, own in options["domains"].items()}
    given = [name for name, count in (config.get("subjects") or {}).items() if count]
    if lost := [name for name in given if name not in domains]:
        raise InputError(f"subjects.{lost[0]}: options.domains has no domain of that name; add it")
    return {**options, "domains": domains}


def _domain(own: Any, where: str) -> dict[str, Any]:
    kit.check_options(own, DOMAIN, where)
    whole = {**DOMAIN, **own, "view": {**DOMAIN["view"], **own.get("view", {})}}
    _check({key: v for key, v in whole.items() if key not in ("view", "overlays", "cast")}, where)
    if len(whole["cast"]) != 3:
        raise InputError(f"{where}.cast: give factors of red, green and blue")
    if whole["frames"][0] < 1:
        raise InputError(f"{where}.frames: every patient has 1 or more")
    view = whole["view"]
    _one_of(view["shape"], SHAPES, f"{where}.view.shape")
    if not 0.1 <= view["radius"] <= 1:
        raise InputError(f"{where}.view.radius: {view['radius']} is not between 0.1 and 1")
    if not 0.5 <= view["cut"] <= 1:
        raise InputError(f"{where}.view.cut: {view['cut']} is not between 0.5 and 1")
    overlays = [_overlay(overlay, f"{where}.overlays[{n}]") for n, overlay in enumerate(whole["overlays"])]
    return {**whole, "overlays": overlays}


def _overlay(own: Any, where: str) -> dict[str, Any]:
    kit.check_options(own, OVERLAY, where)
    whole = {**OVERLAY, **own}
    for key, known in (("kind", KINDS), ("shape", ICONS), ("when", WHEN), ("side", SIDES)):
        _one_of(whole[key], known, f"{where}.{key}")
    if len(whole["colour"]) != 3 or max(whole["colour"]) > 1:
        raise InputError(f"{where}.colour: give red, green and blue between 0 and 1")
    if min(whole["size"]) <= 0 or any(a + s > 1 for a, s in zip(whole["at"], whole["size"])):
        raise InputError(f"{where}.size: the overlay leaves the frame, which ends at 1; lower 'at' or 'size'")
    if whole["kind"] == "text" and whole["lines"] < 1:
        raise InputError(f"{where}.lines: a text has 1 or more")
    return whole


def _one_of(value: str, known: tuple[str, ...], where: str) -> None:
    if value not in known:
        raise InputError(f"{where}: unknown word '{value}'{suggest(value, list(known))}")


def _check(options: Mapping[str, Any], where: str) -> None:
    for key, value in options.items():
        if isinstance(value, dict):
            _check(value, f"{where}.{key}")
        elif isinstance(value, list) and not (len(value) == 2 and value[0] <= value[1]):
            raise InputError(f"{where}.{key}: {value} is not a pair of a lower and an upper value")
        elif key in ("share", "agree") and not 0 <= value <= 1:
            raise InputError(f"{where}.{key}: {value} is not between 0 and 1")
