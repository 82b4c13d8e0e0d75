"""The simulator's parameters, their defaults and their check; ``config/cohorts/head_ct.yaml`` says why.

Pairs are ranges, drawn from uniformly. Lengths are millimetres, intensities Hounsfield units.
"""

from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError

#: label of each class, as BHSD numbers them
BLEEDS = {
    1: "epidural",
    2: "intraparenchymal",
    3: "intraventricular",
    4: "subarachnoid",
    5: "subdural",
}
SPLITS = ("train", "val", "test", "no_bleed", "test_no_bleed", "unlabelled")
SCANNERS = ("a", "b")

DEFAULTS: dict[str, Any] = {
    "shape": [96.0, 112.0],
    "slices": [24.0, 32.0],
    "pixel": 2.0,
    "thickness": 5.0,
    "fine": {"in_plane": 2, "z": 4},
    "bleeding": {
        "train": 1.0, "val": 1.0, "test": 1.0, "no_bleed": 0.0, "test_no_bleed": 0.0, "unlabelled": 0.5,
    },
    "scanner": {
        "train": "a", "val": "a", "test": "a", "no_bleed": "a", "test_no_bleed": "a", "unlabelled": "b",
    },
    "head": {
        "size": 0.05,
        "warp": {"sigma": 35.0, "amplitude": 3.0},
        "skull": [6.0, 9.0],
        "csf": [1.5, 4.0],
        "sulci": 10.0,
        "ventricles": [0.8, 1.35],
    },
    "hu": {
        "white": 27.0, "grey": 36.0, "csf": 6.0, "sinus": [50.0, 60.0], "blood": [55.0, 80.0],
        "texture": 2.0,
    },
    "chance": {
        "epidural": 0.10, "intraparenchymal": 0.55, "intraventricular": 0.30, "subarachnoid": 0.45,
        "subdural": 0.45,
    },
    "bleeds": {
        "epidural": {"radius": [22.0, 38.0], "height": [9.0, 18.0]},
        "subdural": {"radius": [55.0, 85.0], "height": [5.0, 10.0]},
        "subarachnoid": {"radius": [25.0, 50.0]},
        "intraparenchymal": {"radius": [8.0, 20.0], "oedema": 4.0},
        "intraventricular": {"filled": [0.3, 0.95]},
    },
    "mimics": {
        "bleed": 0.15,
        "no_bleed": 0.8,
        "choroid": [70.0, 140.0],
        "falx": [70.0, 130.0],
        "sinus": [64.0, 78.0],
        "bone": [250.0, 600.0],
    },
    "clip": 3000.0,
    "cupping": [2.0, 6.0],
    "psf": [0.5, 0.8],
    "noise": {"sd": [3.0, 6.0], "length": 0.6},
    "shift": {"gain": 0.94, "offset": 4.0, "noise": 1.4, "blur": 1.3, "cupping": 1.5},
}  # fmt: skip


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults.

    Raises:
        InputError: an unknown option or split, a range that runs backwards, or a value that makes no scan.
    """
    options = kit.read_options(config, DEFAULTS)
    for split in config.get("subjects") or {}:
        kit.check_keys([split], SPLITS, "subjects")
    _check(options, "options")
    for key in ("bleeding", "chance"):
        for name, share in options[key].items():
            if share > 1:
                raise InputError(f"options.{key}.{name}: {share} is not between 0 and 1")
    if not any(options["chance"].values()):
        raise InputError("options.chance: no bleed has a chance; give one of them a share")
    for split, name in options["scanner"].items():
        if name not in SCANNERS:
            raise InputError(f"options.scanner.{split}: '{name}' is no scanner; choose a or b")
    if min(options["shape"]) < 8 or options["slices"][0] < 4:
        raise InputError("options.shape, options.slices: give 8 x 8 pixels and 4 slices, or more")
    if not 0.4 <= options["pixel"] <= 12 or not 0.4 <= options["thickness"] <= 20:
        raise InputError("options.pixel, options.thickness: give 0.4 to 12 and 0.4 to 20 mm")
    if min(int(n) for n in options["fine"].values()) < 1:
        raise InputError("options.fine: give 1 or more samples for each voxel and axis")
    return options


def _check(options: dict[str, Any], where: str) -> None:
    for key, value in options.items():
        if isinstance(value, dict):
            _check(value, f"{where}.{key}")
        elif isinstance(value, list) and key != "shape" and value[0] > value[1]:
            raise InputError(f"{where}.{key}: {value} is not a pair of a lower and an upper value")
