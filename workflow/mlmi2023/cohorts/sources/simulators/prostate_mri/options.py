"""The simulator's parameters, their defaults and their check; ``config/cohorts/prostate_*.yaml`` say why.

Pairs are ranges, drawn from uniformly for a patient or a lesion. Lengths are mm, angles degrees.

============== =================================================================================
``fine``       voxels of the grid that patients are built on
``field``      what is built and scanned, along right, front, up
``make``       the images that are made, of those under ``images``
``grids``      ``own``: each image on voxels of its own; ``axial``: all on those of T2_axial
``truth``      ``fine``: labels on the fine grid; ``axial``: on voxels of T2_axial
``gland``      half ``width``, ``depth`` and ``height``; ``inner``: the transition zone's size against it;
               ``taper``: how much narrower the apex is; ``hollow``: at the rectum; ``rough``: of the surface;
               ``place``: how far its middle lies from the field's along each axis, at most
``urethra``    ``radius``, and how far ``below`` the apex it is labelled
``spread``     of intensities between patients; ``texture``: correlation length of uneven tissue
``cancer``     share of patients with cancer, in every split; ``count`` of lesions, ``radius``, share
               ``peripheral``, shares of ``kinds``; ``core``: radius of the aggressive part of a mixed one
``looks``      factors on T2, ADC, early and late frame, by kind of lesion and for mimics; ``between``:
               standard deviation of them between lesions
``mimics``     ``count``, ``radius``, share of nodules of the transition zone (``nodules``; the others are
               patches of the peripheral zone), share of patches that both sides have (``mirrored``)
``motion``     standard deviation of ``shift`` and ``turn`` of every image but T2_axial
``distortion`` of ADC along the phase encoding (front to back): standard deviation, mm
``bias``       standard deviation of the log of the coil's sensitivity, and its ``length``
``gain``       standard deviation of the log of the scale of an image (not of ADC)
``images``     by name: ``contrast``, ``plane``, ``pixel``, ``thickness``, ``noise``
``scanners``   by name: ``splits`` served (none named: all), factors ``noise``, ``pixel``, ``thickness``,
               ``gain``, and ``gamma``, an exponent of intensity (not of ADC)
============== =================================================================================
"""

from typing import Any

from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest

CONTRASTS = ("t2", "adc", "early", "late")
PLANES = {"sagittal": 0, "coronal": 1, "axial": 2}
REFERENCE = "T2_axial"
KINDS = ("indolent", "aggressive", "mixed")

DEFAULTS: dict[str, Any] = {
    "fine": 1.0,
    "field": [96.0, 96.0, 96.0],
    "make": [REFERENCE, "T2_sagittal", "T2_coronal", "ADC", "DCE_early", "DCE_late"],
    "grids": "own",
    "truth": "fine",
    "gland": {
        "width": [20.0, 28.0],
        "depth": [13.0, 19.0],
        "height": [16.0, 23.0],
        "inner": [0.45, 0.75],
        "taper": [0.1, 0.35],
        "hollow": [0.0, 0.2],
        "rough": 0.8,
        "place": 0.0,
    },
    "urethra": {"radius": [3.5, 5.0], "below": [5.0, 13.0]},
    "spread": 0.06,
    "texture": 3.0,
    "cancer": {
        "share": 0.75,
        "count": [1, 3],
        "radius": [3.0, 9.0],
        "peripheral": 0.7,
        "kinds": {"indolent": 0.3, "aggressive": 0.3, "mixed": 0.4},
        "core": [0.5, 0.75],
    },
    "looks": {
        "indolent": [0.70, 0.75, 1.03, 1.06],
        "aggressive": [0.45, 0.50, 1.10, 1.15],
        "mimic": [0.50, 0.95, 1.00, 1.02],
        "between": 0.07,
    },
    "mimics": {"count": [2, 6], "radius": [2.0, 6.0], "nodules": 0.6, "mirrored": 0.5},
    "motion": {"shift": 0.8, "turn": 1.5},
    "distortion": 1.0,
    "bias": {"size": [0.1, 0.25], "length": 40.0},
    "gain": 0.25,
    "images": {
        REFERENCE: {"contrast": "t2", "plane": "axial", "pixel": 0.8, "thickness": 3.6, "noise": 0.03},
        "T2_sagittal": {"contrast": "t2", "plane": "sagittal", "pixel": 0.8, "thickness": 3.6, "noise": 0.03},
        "T2_coronal": {"contrast": "t2", "plane": "coronal", "pixel": 0.8, "thickness": 3.6, "noise": 0.03},
        "ADC": {"contrast": "adc", "plane": "axial", "pixel": 2.0, "thickness": 4.0, "noise": 0.12},
        "DCE_early": {"contrast": "early", "plane": "axial", "pixel": 1.5, "thickness": 4.0, "noise": 0.04},
        "DCE_late": {"contrast": "late", "plane": "axial", "pixel": 1.5, "thickness": 4.0, "noise": 0.04},
    },
    "scanners": {},
}
SCANNER: dict[str, Any] = {
    "splits": [],
    "noise": 1.0,
    "pixel": 1.0,
    "thickness": 1.0,
    "gain": 1.0,
    "gamma": 1.0,
}
#: voxels of the fine grid, at most
MOST = 30_000_000


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults, with at least one scanner.

    Raises:
        InputError: an unknown option, or a value that makes no patient or no scan.
    """
    options = kit.read_options(config, DEFAULTS)
    for name in options["make"]:
        if name not in options["images"]:
            raise InputError(f"options.make: no image '{name}'{suggest(name, options['images'])}")
    if REFERENCE not in options["make"]:
        raise InputError(f"options.make: lacks {REFERENCE}, on which truth is drawn; add it")
    if not 0.3 <= options["fine"] <= 4 or len(options["field"]) != 3 or min(options["field"]) < 60:
        raise InputError("options: fine lies between 0.3 and 4 mm, field is three lengths from 60 mm on")
    if options["field"][0] * options["field"][1] * options["field"][2] / options["fine"] ** 3 > MOST:
        raise InputError(f"options.fine: {options['fine']} mm makes too many voxels of this field; raise it")
    for key, words in (("grids", ("own", "axial")), ("truth", ("fine", "axial"))):
        if options[key] not in words:
            raise InputError(f"options.{key}: '{options[key]}'; choose {' or '.join(words)}")
    for name, image in options["images"].items():
        if image["contrast"] not in CONTRASTS or image["plane"] not in PLANES:
            raise InputError(
                f"options.images.{name}: contrast is one of {', '.join(CONTRASTS)}; "
                f"plane is one of {', '.join(PLANES)}"
            )
        if not 0.2 <= image["pixel"] <= 10 or not 0.2 <= image["thickness"] <= 15:
            raise InputError(f"options.images.{name}: pixel is 0.2 to 10 mm, thickness 0.2 to 15 mm")
    _check_ranges(options)
    kit.check_keys(options["cancer"]["kinds"], KINDS, "options.cancer.kinds")
    if sum(options["cancer"]["kinds"].values()) <= 0:
        raise InputError(
            f"options.cancer.kinds: shares add up to nothing; give one of {', '.join(KINDS)} some"
        )
    for kind in ("indolent", "aggressive", "mimic"):
        if len(options["looks"][kind]) != 4:
            raise InputError(f"options.looks.{kind}: give four factors: T2, ADC, early and late frame")
    options["scanners"] = _scanners(config, options["scanners"] or {"a": {}})
    return options


def _check_ranges(options: dict[str, Any]) -> None:
    pairs = {f"gland.{k}": v for k, v in options["gland"].items() if isinstance(v, list)}
    pairs |= {f"urethra.{k}": v for k, v in options["urethra"].items()}
    pairs |= {f"cancer.{k}": options["cancer"][k] for k in ("count", "radius", "core")}
    pairs |= {f"mimics.{k}": options["mimics"][k] for k in ("count", "radius")}
    pairs["bias.size"] = options["bias"]["size"]
    for key, (low, high) in pairs.items():
        if low > high or high > 100:
            raise InputError(f"options.{key}: [{low}, {high}] is not a pair of a lower and an upper value")
    shares = {
        "cancer.share": options["cancer"]["share"],
        "cancer.peripheral": options["cancer"]["peripheral"],
    }
    shares |= {f"mimics.{k}": options["mimics"][k] for k in ("nodules", "mirrored")}
    for key, value in shares.items():
        if value > 1:
            raise InputError(f"options.{key}: {value} is no share; give 0 to 1")
    if (
        options["gland"]["width"][0] < 5
        or options["gland"]["depth"][0] < 5
        or options["gland"]["height"][0] < 5
    ):
        raise InputError("options.gland: half of width, depth and height is 5 mm or more")
    if not 0 <= options["gland"]["place"] <= 20:
        raise InputError("options.gland.place: 0 to 20 mm")
    if options["gland"]["inner"][1] > 0.9 or options["gland"]["taper"][1] > 0.6:
        raise InputError("options.gland: at most 0.9 of inner and 0.6 of taper")


def _scanners(config: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, own in given.items():
        kit.check_options(own, {**SCANNER, "splits": []}, f"options.scanners.{name}")
        found[name] = {**SCANNER, **own}
    for split in config.get("subjects") or {}:
        if not any(split in own["splits"] or not own["splits"] for own in found.values()):
            raise InputError(f"options.scanners: none serves the split '{split}'; name it under 'splits'")
    return found
