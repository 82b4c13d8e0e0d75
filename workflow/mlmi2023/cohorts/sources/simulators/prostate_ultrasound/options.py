"""The simulator's parameters, their defaults and their check; ``config/cohorts`` say why.

Pairs are ranges, drawn from uniformly, for a patient or a frame. Lengths are mm, angles degrees, levels dB.

============= ==================================================================================
``size``      rows and columns of the image
``crop``      share of the sector's picture that is kept, around its middle
``frames``    of a patient, from apex to base
``width``     of the gland at its largest, and ``height``
``smallest``  of the first and last frame's scale, where the largest is 1
``wall``      of the rectum, between probe and gland
``shift``     of the gland to a side
``hollow``    how far the side towards the probe is drawn in, share of the height
``detail``    spread of waves of the border, share of the radius
``around``    level of the tissue around the gland
``central``   level of the inner zone, ``outer`` of the zone towards the probe
``patchy``    spread of uneven tissue
``capsule``   amplitude of a border that faces the beam, and ``dropout``: exponent of the loss elsewhere
``gaps``      stretches where the capsule is missing and tissue goes over into the gland, ``gap``: degrees
``grains``    calcifications in the gland, ``grain``: radius, ``shade``: loss behind one
``bright``    blotches in the gland as bright as the tissue around it, ``blotch``: radius
``cysts``     dark holes in the gland, ``cyst``: radius
``vessels``   dark holes beside the gland, ``vessel``: radius
``ribs``      wedges of shadow from the probe, ``rib``: width of each, ``dark``: loss
``bladder``   share of patients in whose frames near the base it is seen
============= ==================================================================================
"""

from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.cohorts.sources.simulators.ultrasound.options import read_scanner, scanner
from mlmi2023.core.errors import InputError

DEFAULTS: dict[str, Any] = {
    "size": 128,
    "crop": 0.8,
    "frames": 4,
    "width": [40.0, 54.0],
    "height": [27.0, 38.0],
    "smallest": [0.6, 0.8],
    "wall": [4.0, 8.0],
    "shift": [-5.0, 5.0],
    "hollow": [0.0, 0.2],
    "detail": [0.01, 0.04],
    "around": [-14.0, -9.0],
    "central": [-25.0, -20.0],
    "outer": [-21.0, -16.0],
    "patchy": [2.0, 4.0],
    "capsule": [0.3, 1.2],
    "dropout": [1.0, 3.0],
    "gaps": [1, 3],
    "gap": [20.0, 50.0],
    "grains": [0, 6],
    "grain": [0.8, 2.0],
    "shade": [10.0, 30.0],
    "bright": [0, 3],
    "blotch": [3.0, 7.0],
    "cysts": [0, 2],
    "cyst": [1.5, 4.0],
    "vessels": [0, 4],
    "vessel": [1.5, 3.5],
    "ribs": [0, 2],
    "rib": [5.0, 14.0],
    "dark": [8.0, 25.0],
    "bladder": 0.6,
    "scanner": scanner([58.0, 66.0], [96.0, 110.0], [9.0, 11.0], "sharp"),
}
#: options that are numbers of things, and most of each
COUNTS, MOST = ("gaps", "grains", "bright", "cysts", "vessels", "ribs"), 50
LEVELS = ("around", "central", "outer")


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults.

    Raises:
        InputError: an unknown option, a range that runs backwards, or an impossible size.
    """
    options = kit.read_options(config, DEFAULTS)
    if not 24 <= options["size"] <= 4096 or not 1 <= options["frames"] <= 1000:
        raise InputError("options: give a size of 24 to 4096 pixels and 1 to 1000 frames")
    if not 0.2 <= options["crop"] <= 1 or not 0 <= options["bladder"] <= 1:
        raise InputError("options: crop lies between 0.2 and 1, bladder between 0 and 1")
    for key, pair in options.items():
        if isinstance(pair, list) and not (len(pair) == 2 and pair[0] <= pair[1]):
            raise InputError(f"options.{key}: {pair} is not a pair of a lower and an upper value")
    for key in ("width", "height", "smallest", "grain", "blotch", "cyst", "vessel"):
        if not 0 < options[key][0] <= options[key][1] <= 200:
            raise InputError(f"options.{key}: give lengths above 0 and at most 200")
    if options["smallest"][1] > 1 or options["hollow"][1] > 0.6 or options["detail"][1] > 0.2:
        raise InputError("options: at most 1 of smallest, 0.6 of hollow and 0.2 of detail")
    if max(options[key][1] for key in COUNTS) > MOST:
        raise InputError(f"options: at most {MOST} each of {', '.join(COUNTS)}")
    if max(abs(value) for key in LEVELS for value in options[key]) > 200:
        raise InputError("options: levels lie between -200 and 200 dB")
    return {**options, "scanner": read_scanner(options["scanner"])}
