"""The parameters, their defaults and their check; ``config/cohorts/nuclei_organs.yaml`` says why.

Pairs are ranges, drawn from uniformly; of counts, both ends may come. Lengths are micrometres, densities
cells in 1000 square micrometres, absorptions optical densities, factors and shares without unit.
"""

from collections.abc import Mapping
from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest

#: types of cell, by their values 1, 2, ... in label maps
CELLS = ("neoplastic", "inflammatory", "connective", "dead", "epithelial")
#: kinds of tissue, in the order of their names
TISSUES = (
    "adipose",
    "background",
    "debris",
    "lymphocytes",
    "mucus",
    "muscle",
    "normal",
    "stroma",
    "tumour",
)
#: what a sample is: a tile of an organ, in which tissues meet, or a patch of one tissue
KINDS = ("tiles", "patches")


def _cell(
    radius: list[float],
    elongation: list[float],
    irregularity: list[float],
    absorbs: list[float],
    chromatin: list[float],
    rim: list[float],
    nucleoli: list[int],
) -> dict[str, Any]:
    """Return the look of a type of cell: size, shape, hematoxylin, coarseness, rim, nucleoli."""
    return {
        "radius": radius,
        "elongation": elongation,
        "irregularity": irregularity,
        "absorbs": absorbs,
        "chromatin": chromatin,
        "rim": rim,
        "nucleoli": nucleoli,
    }


def _organ(
    hematoxylin: float, eosin: float, tint: float, size: float, density: float, tissues: dict[str, float]
) -> dict[str, Any]:
    """Return an organ's style: factors of both stains, hue, size and number of nuclei, tissues."""
    every = {name: float(tissues.get(name, 0)) for name in TISSUES}
    return {
        "hematoxylin": hematoxylin,
        "eosin": eosin,
        "tint": tint,
        "size": size,
        "density": density,
        "tissues": every,
    }


DEFAULTS: dict[str, Any] = {
    "kind": "tiles",
    "size": 128,
    "pixel": 0.5,
    "cells": {
        "neoplastic": _cell([3.4, 5.8], [1.0, 1.6], [0.03, 0.1], [0.5, 0.9], [0.2, 0.4], [0.1, 0.3], [0, 2]),
        "inflammatory": _cell(
            [2.5, 3.1], [1.0, 1.15], [0.01, 0.04], [0.9, 1.2], [0.2, 0.3], [0.0, 0.1], [0, 0]
        ),
        "connective": _cell(
            [2.3, 3.2], [2.2, 3.8], [0.01, 0.05], [0.6, 0.95], [0.05, 0.15], [0.0, 0.1], [0, 0]
        ),
        "dead": _cell([1.5, 2.6], [1.0, 1.4], [0.05, 0.14], [1.2, 1.6], [0.0, 0.05], [0.0, 0.0], [0, 0]),
        "epithelial": _cell(
            [3.4, 4.4], [1.1, 1.5], [0.01, 0.04], [0.5, 0.75], [0.1, 0.2], [0.1, 0.2], [0, 1]
        ),
    },
    # how much tumours look like normal epithelium: 0 as above, 1 not to be told apart
    "likeness": 0.0,
    # the least distance of two nuclei, of the sum of their radii: below 1 they touch and overlap
    "crowding": 0.85,
    # of mimics: blurred stain, brown pigment, red cells
    "mimics": {"density": [0.0, 1.2], "radius": [1.5, 4.0], "absorbs": [0.4, 1.0]},
    # what keeps a threshold from finding nuclei, by default nothing: the share of large nuclei that are pale
    # inside their rim, and factors of what these absorb; what blue ground absorbs; and the deviation of the
    # section's thickness, of it
    "hard": {"vesicular": 0.0, "veil": [0.3, 0.6], "basophilia": [0.0, 0.0], "thickness": 0.0},
    "organs": {
        "breast": _organ(1.0, 1.0, 0.0, 1.0, 1.0, {"tumour": 3, "stroma": 3, "adipose": 1}),
        "liver": _organ(0.9, 1.25, -0.08, 1.05, 0.8, {"tumour": 4, "normal": 1, "lymphocytes": 1}),
        "kidney": _organ(1.1, 0.9, 0.06, 0.9, 1.0, {"normal": 3, "tumour": 2, "stroma": 1}),
        "prostate": _organ(0.85, 0.8, 0.1, 0.95, 1.1, {"normal": 3, "muscle": 2, "tumour": 1}),
        "bladder": _organ(1.15, 1.1, -0.04, 1.1, 1.1, {"tumour": 3, "muscle": 1, "lymphocytes": 1}),
        "colon": _organ(1.2, 1.0, 0.08, 1.0, 1.2, {"normal": 3, "tumour": 1, "lymphocytes": 1, "mucus": 1}),
        "stomach": _organ(
            0.75, 1.2, -0.1, 1.0, 1.1, {"tumour": 2, "lymphocytes": 2, "stroma": 1, "debris": 1}
        ),
    },
    # patches of a patient; how often another tissue reaches into a patch, and how far at most
    "patches": [10, 14],
    "mixed": {"share": 0.3, "reach": 0.3},
    # types of cell that a segmenter mistakes, of all cells of a patch
    "errors": [0.05, 0.1],
    # drawn once for a patient: factors of both stains, and a hue from blue (below 0) to red
    "stain": {"hematoxylin": [0.9, 1.1], "eosin": [0.85, 1.15], "tint": [-0.05, 0.05]},
    "scanner": {
        "white": [0.97, 0.96, 0.97],
        "gamma": [0.95, 1.05],
        "saturation": [0.95, 1.05],
        "blur": [0.2, 0.4],
        "noise": [0.008, 0.016],
        "quality": [80.0, 95.0],
    },
    # brightness of pan-cytokeratin in the cytoplasm of tumours and of normal epithelium, and anywhere else
    "panck": {
        "tumour": [0.65, 1.0],
        "normal": [0.2, 0.4],
        "elsewhere": [0.02, 0.06],
        "texture": 0.25,
        "blur": [0.3, 0.6],
        "noise": 0.03,
    },
}


def read_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults.

    Raises:
        InputError: an unknown option, a range that runs backwards, or a value beyond what can be drawn.
    """
    options = kit.read_options(config, DEFAULTS)
    _one_of(options["kind"], KINDS, "options.kind")
    if not 16 <= options["size"] <= 2048:
        raise InputError(f"options.size: {options['size']} is not between 16 and 2048 pixels")
    if not 0.05 <= options["pixel"] <= 4:
        raise InputError(f"options.pixel: {options['pixel']} is not between 0.05 and 4 micrometres")
    white = options["scanner"]["white"]
    if len(white) != 3 or not all(0.2 <= value <= 1 for value in white):
        raise InputError("options.scanner.white: give red, green and blue between 0.2 and 1")
    _check({**options, "scanner": {k: v for k, v in options["scanner"].items() if k != "white"}}, "options")
    for name, cell in options["cells"].items():
        if cell["radius"][0] < 0.5 or cell["radius"][1] > 20:
            raise InputError(f"options.cells.{name}.radius: nuclei have 0.5 to 20 micrometres")
        if cell["elongation"][0] < 1 or cell["elongation"][1] > 8:
            raise InputError(f"options.cells.{name}.elongation: the axes' ratio is 1 to 8")
        if cell["irregularity"][1] > 0.3:
            raise InputError(f"options.cells.{name}.irregularity: above 0.3 a nucleus falls apart")
    for name, organ in options["organs"].items():
        if not any(organ["tissues"].values()):
            raise InputError(f"options.organs.{name}.tissues: give one of them a weight above 0")
        if not 0.3 <= organ["size"] <= 3 or not 0 < organ["density"] <= 5:
            raise InputError(f"options.organs.{name}: size is 0.3 to 3 and density up to 5, as factors")
    if options["kind"] == "patches" and options["patches"][0] < 1:
        raise InputError("options.patches: every patient has 1 or more")
    if not 0.3 <= options["crowding"] <= 3:
        raise InputError(f"options.crowding: {options['crowding']} is not between 0.3 and 3")
    if options["mimics"]["radius"][0] < 0.3:
        raise InputError("options.mimics.radius: starts below 0.3 micrometres")
    if options["scanner"]["quality"][0] < 1 or options["scanner"]["quality"][1] > 100:
        raise InputError("options.scanner.quality: JPEG has 1 to 100")
    return options


def _one_of(value: str, known: tuple[str, ...], where: str) -> None:
    if value not in known:
        raise InputError(f"{where}: unknown word '{value}'{suggest(value, list(known))}")


def _check(options: Mapping[str, Any], where: str) -> None:
    for key, value in options.items():
        if isinstance(value, dict):
            _check(value, f"{where}.{key}")
        elif isinstance(value, list) and not (len(value) == 2 and value[0] <= value[1]):
            raise InputError(f"{where}.{key}: {value} is not a pair of a lower and an upper value")
        elif key in ("share", "likeness", "reach", "vesicular", "thickness") and not 0 <= value <= 1:
            raise InputError(f"{where}.{key}: {value} is not between 0 and 1")
        elif key in ("density", "radius", "absorbs", "texture", "noise") and _largest(value) > 50:
            raise InputError(f"{where}.{key}: {value} is above 50; see the defaults")


def _largest(value: Any) -> float:
    return float(max(value)) if isinstance(value, list) else float(value)
