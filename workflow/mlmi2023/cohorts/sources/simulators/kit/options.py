"""The cohort's options laid on a simulator's defaults, which say what keys there are and of which type."""

from collections.abc import Iterable, Mapping
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.schemas import suggest
from mlmi2023.core.values import show

#: what a value of each type is called in messages
CALLED = {dict: "a mapping", list: "a list", str: "a text", bool: "true or false", float: "a number"}


def read_options(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the key ``options`` of a cohort laid on a simulator's defaults.

    Args:
        config: of the cohort.
        defaults: a value for every option; see :func:`check_options`.

    Raises:
        InputError: an unknown option or a value of another type.
    """
    given = config.get("options") or {}
    check_options(given, defaults)
    return merge(defaults, given)


def check_options(given: Any, defaults: Any, where: str = "options") -> None:
    """Check values against defaults: their keys are all there are, their types those that are allowed.

    An empty mapping or list among the defaults takes anything: what uses it checks it. A list may have
    another length than the default, but for a pair of numbers, and its entries must be like the default's
    first. Numbers may be below zero where the default is.

    Raises:
        InputError: an unknown key, with the nearest known one, or a value of another type, length or sign.
    """
    if type_of(given) is not type_of(defaults):
        raise InputError(
            f"{where}: {show(given)} is not {CALLED[type_of(defaults)]}; the default is {show(defaults)}"
        )
    if type_of(given) is float and given < 0 <= defaults:
        raise InputError(f"{where}: {given} is below 0; the default is {defaults}")
    if isinstance(defaults, Mapping) and defaults:
        check_keys(given, defaults, where)
        for key, value in given.items():
            check_options(value, defaults[key], f"{where}.{key}")
    elif isinstance(defaults, list) and defaults:
        pair = len(defaults) == 2 and type_of(defaults[0]) is float
        if not given or (pair and len(given) != 2):
            wanted = "two numbers" if pair else "a list of one or more"
            raise InputError(f"{where}: {show(given)} is not {wanted}; the default is {show(defaults)}")
        for place, value in enumerate(given):
            check_options(value, min(defaults) if pair else defaults[0], f"{where}[{place}]")


def check_keys(given: Iterable[str], known: Iterable[str], where: str) -> None:
    """Check names.

    Raises:
        InputError: one is unknown; the message has the nearest known one.
    """
    known = list(known)
    for key in given:
        if key not in known:
            raise InputError(f"{where}: unknown option '{key}'{suggest(str(key), known)}")


def type_of(value: Any) -> type:
    """Return the type that counts for options: whole numbers are numbers, and true is none."""
    for kind in (dict, list, str, bool):
        if isinstance(value, kind):
            return kind
    return float if isinstance(value, int | float) else type(value)
