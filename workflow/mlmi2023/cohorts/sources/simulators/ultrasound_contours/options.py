"""The simulator's parameters, their defaults and their check; ``config/cohorts`` say why.

Pairs are ranges, drawn from uniformly. Lengths are mm, angles degrees, levels dB.

============= ==================================================================================
``anatomy``   ``head``, ``ventricle``, ``heart`` (ventricle, atrium and wall) or ``hook``
``size``      rows and columns of the image
``radius``    of the circle of the same length scale: mean of the half axes of the first order
``ratio``     of the half axes, length over width
``tilt``      turn to either side; of heads and hooks any turn is as likely
``shift``     of the centre from its usual place, shares of the radius
``low``       spread of orders 2 and 3 beyond the template's, shares of the radius
``detail``    spread of orders 4 to 7, shares of the radius; order n has 4 / n of it
``wall``      thickness of the structure's wall
``inside``    level of what the contour holds, beside ``tissue``'s around it; of the wall, ``rim``
``patchy``    spread of uneven tissue
``mirror``    amplitude of a wall that faces the beam, and ``dropout``: how much of the others is lost, an
              exponent
``gaps``      how many stretches of the wall are missing, and ``gap``: length of each, degrees
``ribs``      how many shadows begin at the probe, ``rib``: width of each, ``shade``: its depth
``grains``    calcifications in the wall
============= ==================================================================================
"""

from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.cohorts.sources.simulators.ultrasound.options import read_scanner, scanner
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest

#: structures of each anatomy, labelled 1, 2, ...
STRUCTURES = {"head": ("head",), "ventricle": ("lv",), "heart": ("lv", "la", "mc"), "hook": ("hook",)}

DEFAULTS: dict[str, Any] = {
    "anatomy": "ventricle",
    "size": 96,
    "radius": [20.0, 28.0],
    "ratio": [1.4, 1.9],
    "tilt": [0.0, 20.0],
    "shift": [0.0, 0.3],
    "low": [0.01, 0.04],
    "detail": [0.02, 0.05],
    "wall": [6.0, 9.0],
    "inside": [-36.0, -26.0],
    "rim": [-8.0, -3.0],
    "tissue": [-18.0, -12.0],
    "patchy": [2.0, 5.0],
    "mirror": [0.5, 2.0],
    "dropout": [1.0, 3.0],
    "gaps": [1, 3],
    "gap": [15.0, 45.0],
    "ribs": [0, 2],
    "rib": [4.0, 10.0],
    "shade": [6.0, 24.0],
    "grains": [0, 1],
    "scanner": scanner([130.0, 150.0], [70.0, 80.0], [0.0, 0.0]),
}
#: options whose range may lie below zero
LEVELS = ("inside", "rim", "tissue")


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults.

    Raises:
        InputError: an unknown option or anatomy, a range that runs backwards, or an impossible size.
    """
    options = kit.read_options(config, DEFAULTS)
    anatomy = options["anatomy"]
    if anatomy not in STRUCTURES:
        raise InputError(f"options.anatomy: unknown word '{anatomy}'{suggest(anatomy, [*STRUCTURES])}")
    if not 24 <= int(options["size"]) <= 4096:
        raise InputError(f"options.size: {options['size']} is not between 24 and 4096 pixels")
    for key, pair in options.items():
        if isinstance(pair, list) and not (len(pair) == 2 and pair[0] <= pair[1]):
            raise InputError(f"options.{key}: {pair} is not a pair of a lower and an upper value")
    if options["radius"][0] <= 0 or options["ratio"][0] <= 0 or options["wall"][0] <= 0:
        raise InputError("options: give a radius, a ratio and a wall above 0")
    if options["detail"][1] > 0.3 or options["low"][1] > 0.3:
        raise InputError("options: 'low' and 'detail' above 0.3 tie knots into contours")
    if max(options[key][1] for key in ("gaps", "ribs", "grains")) > 50:
        raise InputError("options: at most 50 gaps, ribs and grains")
    if max(abs(value) for key in LEVELS for value in options[key]) > 200:
        raise InputError("options: levels lie between -200 and 200 dB")
    if max(options["radius"][1], options["wall"][1]) > 1000 or options["mirror"][1] > 1e4:
        raise InputError("options: radius and wall are mm, below 1000, and mirror is below 10000")
    if max(options["shade"][1], options["patchy"][1]) > 200 or options["ratio"][1] > 20:
        raise InputError("options: shade and patchy are dB, below 200, and ratio is below 20")
    return {**options, "scanner": read_scanner(options["scanner"])}
