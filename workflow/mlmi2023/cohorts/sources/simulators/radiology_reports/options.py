"""The simulator's parameters, their defaults and their check."""

from collections.abc import Mapping
from typing import Any

from mlmi2023.cohorts.sources.simulators.chest_xrays.styles import STYLES
from mlmi2023.cohorts.sources.simulators.kit import options as kit
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest

#: ``style``: the institution; ``studies``: least and most of a patient
DEFAULTS: dict[str, Any] = {"style": "ward", "studies": [1, 3]}


def read_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cohort's options laid on the defaults.

    Raises:
        InputError: an unknown option or institution, or counts that run backwards.
    """
    options = kit.read_options(config, DEFAULTS)
    if options["style"] not in STYLES:
        raise InputError(
            f"options.style: unknown institution '{options['style']}'"
            f"{suggest(str(options['style']), list(STYLES))}"
        )
    low, high = options["studies"]
    if not 1 <= low <= high or int(low) != low or int(high) != high:
        raise InputError(f"options.studies: {options['studies']} is no lowest and highest count from 1 on")
    return options
