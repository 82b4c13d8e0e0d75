"""The simulator's parameters, their defaults and their check; ``config/cohorts/chest_ct.yaml`` says why.

Lengths are millimetres, intensities Hounsfield units.
"""

from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge

DEFAULTS: dict[str, Any] = {
    "shape": [96, 96, 96],
    "pixel": 1.0,
    "fine": {"z": 0.25, "in_plane": 2},
    "acquisitions": [[5.0, 2.5]],
    "psf": [0.30, 0.45],
    "noise": {"sd": [8.0, 14.0], "length": 0.6},
    "texture": {"lung": 25.0, "tissue": 12.0, "length": 1.2},
    "vessels": {
        "radius": [2.6, 3.2],
        "thinnest": 0.5,
        "taper": 0.8,
        "length": 4.0,
        "spread": 0.5,
        "roots": 6,
        "lean": 0.0,
    },
    "fissures": {"count": 2, "thickness": 1.0, "tilt": [0.3, 0.9]},
    "ribs": {"spacing": 16.0, "radius": 3.0, "slope": 0.45},
    "nodules": {"count": 4, "radius": [1.5, 4.0]},
    "layers": {"every": 0.0, "thickness": 1.2},
    "variants": {},
}
#: what a variant may change; nothing else, so that it lies on the grid of the others
VARIED = ("psf", "noise", "texture", "vessels", "fissures", "ribs", "nodules", "layers")


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults; each of ``variants`` becomes a complete set.

    Raises:
        InputError: an unknown option, or a value that makes no volume.
    """
    options = kit.read_options(config, DEFAULTS)
    if len(options["shape"]) != 3 or min(options["shape"]) < 24:
        raise InputError(f"options.shape: {options['shape']} is not three numbers of at least 24 voxels")
    if not 0.2 <= options["pixel"] <= 5:
        raise InputError(f"options.pixel: {options['pixel']} is not between 0.2 and 5 mm")
    if not 0 < options["fine"]["z"] <= options["pixel"] / 2:
        raise InputError(f"options.fine.z: {options['fine']['z']} is not below half a pixel")
    for pair in options["acquisitions"]:
        if len(pair) != 2 or not 0 <= pair[1] < pair[0]:
            raise InputError(
                f"options.acquisitions: {pair} is not [thickness, overlap] with the second smaller"
            )
    variants = options.pop("variants")
    for name, change in variants.items():
        kit.check_options(change, {key: DEFAULTS[key] for key in VARIED}, f"options.variants.{name}")
    options["variants"] = {name: merge(options, change) for name, change in variants.items()}
    return options
