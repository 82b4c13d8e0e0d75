"""One order for the keys of a cohort, so that writing them in another order makes nothing again."""

from collections.abc import Mapping
from typing import Any

#: keys of mappings whose own keys are names given by the user, in an order that means something: the channels
#: of a scan, the classes of a mask, the volumes of a cohort, the splits that patients are dealt to
NAMED = ("atlas_image", "classes", "fields", "images", "parts", "subjects", "volumes")
#: the key whose inside only a simulator knows
OPTIONS = ("options",)


def in_order(config: Mapping[str, Any], inside: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a cohort's configuration with its keys sorted, except where their order means something.

    Args:
        config: the cohort's, or a part of it.
        inside: keys that lead to the part.
    """
    return {key: _value(config[key], (*inside, str(key))) for key in sorted(config, key=str)}


def _value(value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_value(item, path) for item in value]
    if not isinstance(value, Mapping):
        return value
    if path == OPTIONS:
        return {key: value[key] for key in sorted(value, key=str)}
    # scans are dealt to the splits of a group in their order; a cohort's own split has an order of its own
    if path[-1] in NAMED or (path[-1] == "split" and len(path) > 1):
        return {key: _value(item, (*path, str(key))) for key, item in value.items()}
    return in_order(value, path)
