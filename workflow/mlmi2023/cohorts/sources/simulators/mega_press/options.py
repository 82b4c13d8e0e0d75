"""The simulator's parameters, their defaults and their check; ``config/cohorts/mega_press.yaml`` says why.

Pairs are ranges, drawn from uniformly. Amplitudes of what is not metabolite are shares of NAA's, as FIDs
begin; those of noise are shares of its height in one OFF spectrum. Frequencies and widths are Hz, angles
degrees, concentrations mM.
"""

from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError

DEFAULTS: dict[str, Any] = {
    "points": 2048,
    "width": 2000.0,
    "frequency": 127.758,
    "pairs": 160,
    "sites": 6,
    "gaba": [1.0, 2.2],
    "spread": 0.15,
    "linewidth": [6.0, 10.0],
    "gauss": 0.5,
    "noise": [0.02, 0.04],
    "drift": [-5.0, 2.0],
    "offset": 3.0,
    "jitter": [0.3, 1.2],
    "phase": {"scan": 5.0, "transient": [2.0, 8.0]},
    "water": {"amplitude": [1.0, 8.0], "width": [8.0, 20.0], "change": 0.1},
    "lipids": {"scans": 0.3, "share": 0.06, "amplitude": [1.0, 8.0], "width": [20.0, 40.0]},
    "motion": {"share": 0.02, "loss": [0.2, 0.7], "phase": 60.0},
    "eddy": {"angle": [0.0, 20.0], "decay": [0.02, 0.06]},
    "baseline": {"amplitude": [0.0, 1.0], "width": [150.0, 300.0], "change": 0.05},
}

#: of single numbers: key, lowest, highest
LIMITS = (
    ("points", 64, 65536),
    ("width", 500, 20000),
    ("frequency", 10, 1000),
    ("pairs", 1, 4096),
    ("sites", 1, 1000),
)


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults.

    Raises:
        InputError: an unknown option, a range that runs backwards, a share outside 0 to 1, or no
            sensible axis.
    """
    options = kit.read_options(config, DEFAULTS)
    _check(options, "options")
    for key, low, high in LIMITS:
        if not low <= options[key] <= high:
            raise InputError(f"options.{key}: {options[key]} is not between {low} and {high}")
    for key in ("points", "pairs", "sites"):
        if int(options[key]) != options[key]:
            raise InputError(f"options.{key}: {options[key]} is no whole number")
    if options["linewidth"][0] <= 0:
        raise InputError("options.linewidth: starts at 0; lines have a width")
    if options["eddy"]["decay"][0] <= 0:
        raise InputError("options.eddy.decay: starts at 0; give seconds above it")
    for key in ("spread", "gauss"):
        if not 0 <= options[key] <= 1:
            raise InputError(f"options.{key}: {options[key]} is not between 0 and 1")
    return options


def _check(options: dict[str, Any], where: str) -> None:
    for key, value in options.items():
        if isinstance(value, dict):
            _check(value, f"{where}.{key}")
        elif isinstance(value, list) and not (len(value) == 2 and value[0] <= value[1]):
            raise InputError(f"{where}.{key}: {value} is not a pair of a lower and an upper value")
        elif key in ("share", "scans") and not 0 <= value <= 1:
            raise InputError(f"{where}.{key}: {value} is not between 0 and 1")
