"""The simulator's parameters, their defaults, their check; ``config/cohorts/xray_reports.yaml`` says why."""

from collections.abc import Mapping
from typing import Any

from mlmi2023.cohorts.sources.simulators.chest_xrays.styles import STYLES
from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest

DEFAULTS: dict[str, Any] = {
    # side of a picture, pixels
    "size": 136,
    # the institution
    "style": "ward",
    # share of studies that come without an indication
    "silent": 0.1,
}


def read_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults.

    Raises:
        InputError: an unknown option or institution, a share outside 0 to 1, or no image size.
    """
    options = kit.read_options(config, DEFAULTS)
    if not 32 <= int(options["size"]) <= 2048:
        raise InputError(f"options.size: {options['size']} is not between 32 and 2048 pixels")
    if options["style"] not in STYLES:
        raise InputError(
            f"options.style: '{options['style']}' is no institution{suggest(options['style'], list(STYLES))}"
        )
    if not 0 <= options["silent"] <= 1:
        raise InputError(f"options.silent: {options['silent']} is not between 0 and 1")
    return options
