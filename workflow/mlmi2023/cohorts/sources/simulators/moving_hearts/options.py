"""The simulator's parameters, their defaults and their check; the cohort's config says why.

Lengths are mm, angles degrees, levels dB. ``[low, high]`` is drawn evenly: size, squeeze and shortening per
patient, all else per sequence.
"""

from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.cohorts.sources.simulators.ultrasound.options import read_scanner, scanner
from mlmi2023.core.errors import InputError

SPLITS = ("train", "val", "test")
DEFAULTS: dict[str, Any] = {
    "size": 128,
    "frames": [12, 20],
    "scanner": scanner([120.0, 140.0], [64.0, 76.0], [0.0, 0.0]),
    "heart": {
        "length": [78.0, 92.0],
        "width": [42.0, 52.0],
        "wall": [8.0, 11.0],
        "uneven": 0.04,
        "apex": [18.0, 28.0],
        "aside": [-8.0, 8.0],
        "tilt": [-12.0, 12.0],
    },
    "motion": {
        "squeeze": [0.66, 0.84],
        "shortening": [8.0, 14.0],
        "apical": 0.3,
        "sway": [-2.0, 2.0],
    },
    "levels": {
        "muscle": [-12.0, -7.0],
        "tissue": [-20.0, -13.0],
        "blood": [-44.0, -36.0],
        "patches": {"spread": 3.0, "length": 9.0},
    },
    "walls": {"endocardium": [0.8, 1.4], "epicardium": [1.0, 2.0], "thickness": 1.0, "exponent": 1.5},
    "dropout": {"count": [0, 2], "width": [25.0, 50.0], "level": [-16.0, -8.0]},
    "haze": {"level": [-40.0, -26.0], "depth": [15.0, 30.0]},
    "shadows": {"count": [0, 2], "width": [6.0, 12.0], "loss": [4.0, 12.0]},
}


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults, the scanner's style complete.

    Raises:
        InputError: an unknown option, or a value that makes no heart.
    """
    options = kit.read_options(config, DEFAULTS)
    _check_ranges(options, "options")
    if not 32 <= options["size"] <= 1024:
        raise InputError(f"options.size: {options['size']} is not between 32 and 1024 pixels")
    if options["frames"][0] < 3:
        raise InputError(
            f"options.frames: {options['frames']} begins below 3; a sequence has 3 frames or more"
        )
    low, high = options["motion"]["squeeze"]
    if low < 0.45 or high > 1:
        raise InputError(
            f"options.motion.squeeze: {[low, high]} is not within 0.45 and 1; less would fold tissue"
        )
    if options["motion"]["shortening"][1] > 0.25 * options["heart"]["length"][0]:
        raise InputError("options.motion.shortening: is more than a quarter of the heart's length; lower it")
    if not 0 <= options["heart"]["uneven"] <= 0.15:
        raise InputError(f"options.heart.uneven: {options['heart']['uneven']} is not between 0 and 0.15")
    return {**options, "scanner": read_scanner(options["scanner"])}


def _check_ranges(options: dict[str, Any], where: str) -> None:
    """Ranges do not run backwards; those of the scanner are checked with it."""
    for key, value in options.items():
        if isinstance(value, dict) and key != "scanner":
            _check_ranges(value, f"{where}.{key}")
        elif isinstance(value, list) and len(value) == 2 and value[0] > value[1]:
            raise InputError(f"{where}.{key}: {value} runs backwards; the first is the lower value")
