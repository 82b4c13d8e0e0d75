"""Lay one layer of configuration on another."""

import copy
from collections.abc import Mapping
from typing import Any


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``over`` laid on it, mapping by mapping; other values are replaced.

    A mapping in ``over`` that has another ``kind`` than the one below replaces it whole, since the keys of
    one kind mean nothing to another. A null in ``over`` removes what is below.
    """
    merged = dict(copy.deepcopy(dict(base)))
    for key, value in over.items():
        below = merged.get(key)
        if value is None and key in merged:
            del merged[key]
        elif isinstance(value, Mapping) and isinstance(below, Mapping):
            same_kind = value.get("kind", below.get("kind")) == below.get("kind")
            merged[key] = merge(below, value) if same_kind else copy.deepcopy(dict(value))
        else:
            merged[key] = copy.deepcopy(value)
    return merged
