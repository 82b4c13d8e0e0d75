"""Targets of a table: names of classes in their order, the last of two being the positive one."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlmi2023.cohorts.find.patterns import natural
from mlmi2023.cohorts.formats.tables import MISSING, parsed
from mlmi2023.cohorts.forms.table.options import Above
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest

LOW_HIGH = ["low", "high"]
#: a numeric target with more values than this is a measure, unless its classes are listed
FEW = 10


def all_classes(
    file: Path, targets: dict[str, list[str]], subjects: list[str], orders: dict[str, list[Any]] | None
) -> dict[str, list[str]]:
    """Return :func:`classes_of` each target.

    Raises:
        InputError: as there, or ``orders`` has a target that does not exist.
    """
    orders = orders or {}
    for name in orders:
        if name not in targets:
            raise InputError(
                f"{file}: 'read.classes.{name}' is about no target{suggest(name, list(targets))}"
            )
    return {
        name: classes_of(file, name, values, subjects, orders.get(name)) for name, values in targets.items()
    }


def classes_of(
    file: Path, target: str, values: list[str], subjects: list[str], order: list[Any] | None = None
) -> list[str]:
    """Return the class names of a target: as ``order`` says, low before high, or by number or name.

    Raises:
        InputError: a subject has no class, all have the same, or ``order`` lacks one that occurs.
    """
    empty = [subject for subject, value in zip(subjects, values) if value in MISSING]
    if empty:
        raise InputError(
            f"{file}: target {target} is missing for {len(empty)} subjects, first {empty[0]}; "
            "drop these rows or fill them in"
        )
    found = sorted(set(values), key=natural)
    if len(found) < 2:
        raise InputError(
            f"{file}: target {target} is {found[0]!r} for all subjects; there is nothing to learn"
        )
    if order is None:
        numbers = parsed(pd.Series(found, dtype=str))
        if np.isfinite(numbers).all():
            return [found[place] for place in np.argsort(numbers, kind="stable")]
        return LOW_HIGH if sorted(LOW_HIGH) == found else found
    named = [str(name) for name in order]
    if len(set(named)) < len(named):
        raise InputError(f"{file}: 'read.classes.{target}' names a class twice; keep one")
    lost = [name for name in found if name not in named]
    if lost:
        raise InputError(
            f"{file}: target {target} holds {lost[0]!r}, which 'read.classes.{target}' does not list; add it"
        )
    return [name for name in named if name in found]


def check_names(file: Path, target: str, values: list[str]) -> None:
    """Raise an InputError if values that name no class are meant: a measure, or one name written two ways."""
    found = sorted(set(values) - set(MISSING), key=natural)
    numbers = parsed(pd.Series(found, dtype=str))
    numeric = np.isfinite(numbers)
    if numeric.all() and (len(found) > FEW or len(found) == len(values) > 2):
        middle = np.median(numbers)
        raise InputError(
            f"{file}: target {target} is a number with {len(found)} different values; cut it by "
            f"'read.binarise: median' or 'read.binarise: {{above: {middle:g}}}', or list its classes in "
            f"'read.classes.{target}'"
        )
    seen: dict[Any, str] = {}
    for name, number in zip(found, numbers):
        key = name.casefold() if np.isnan(number) else number
        if key in seen:
            raise InputError(
                f"{file}: target {target} holds both {seen[key]!r} and {name!r}; write them alike, or list "
                f"both in 'read.classes.{target}'"
            )
        seen[key] = name


def binarised(
    file: Path, target: str, text: pd.Series, rule: "str | Above", decimal: str = "."
) -> tuple[list[str], str]:
    """Cut a numeric target into ``low``, at most a value, and ``high``, above it.

    Args:
        file: for messages.
        target: its name.
        text: (N,) its values as text.
        rule: ``median``, or the value.
        decimal: the decimal mark.

    Returns:
        (N,) classes, empty where the value is missing, and a sentence on the cut.

    Raises:
        InputError: a value is no number, or all lie on one side.
    """
    empty = text.isin(MISSING).to_numpy()
    numbers = parsed(text.where(~empty), decimal)
    bad = text[~empty & ~np.isfinite(numbers)]
    if len(bad):
        raise InputError(
            f"{file}: target {target}, row {bad.index[0] + 2}: {bad.iloc[0]!r} is not a number, which "
            "'read.binarise' needs; correct it, or leave out 'read.binarise'"
        )
    if empty.any():
        return np.where(empty, "", "there").tolist(), ""  # classes_of says which are missing
    cut = float(rule.above if isinstance(rule, Above) else np.median(numbers))
    high = numbers > cut
    if high.all() or not high.any():
        raise InputError(
            f"{file}: target {target} has all values on one side of {cut:g}, from {numbers.min():g} to "
            f"{numbers.max():g}; set 'read.binarise: {{above: ...}}' between them"
        )
    source = "given" if isinstance(rule, Above) else "the median of all subjects"
    return np.where(high, "high", "low").tolist(), f"high is above {cut:g} ({source})"
