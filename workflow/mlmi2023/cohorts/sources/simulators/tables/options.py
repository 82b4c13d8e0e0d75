"""The keys of a stand-in table and their check; ``config/cohorts/tadpole_like.yaml`` explains each."""

from typing import Any

from mlmi2023.cohorts.sources.simulators.kit.options import check_keys
from mlmi2023.core.errors import InputError

KEYS = {
    "options": ("blocks", "community", "targets"),
    "blocks": ("features", "factors", "factor_share", "kind", "missing", "absent"),
    "community": ("count", "dims", "spread", "block", "features", "noise"),
    "targets": ("classes", "shared", "signals", "copies", "copy_correlation"),
    "signals": ("block", "features", "correlation"),
}


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options; there are no defaults, since no table is like another.

    Raises:
        InputError: an option is unknown, missing or out of range.
    """
    options = config.get("options") or {}
    check_keys(options, KEYS["options"], "options")
    for key in KEYS["options"]:
        if key not in options:
            raise InputError(f"options: key '{key}' is missing; add it")
    check_keys(options["community"], KEYS["community"], "options.community")
    for name, block in options["blocks"].items():
        check_keys(block, KEYS["blocks"], f"options.blocks.{name}")
    for name, target in options["targets"].items():
        where = f"options.targets.{name}"
        check_keys(target, KEYS["targets"], where)
        if not 0 <= target["shared"] <= 1:
            raise InputError(f"{where}.shared: {target['shared']} is not in [0, 1]")
        for signal in target["signals"]:
            check_keys(signal, KEYS["signals"], f"{where}.signals")
            if not 0 < signal["correlation"] <= 1:
                raise InputError(f"{where}.signals: correlation {signal['correlation']} is not in (0, 1]")
    return options
