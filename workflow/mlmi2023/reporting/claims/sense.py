"""Does a comparison say anything? One that holds, or fails, whatever was measured is no claim.

References take arrays of random values of all sizes and signs, and the comparison is looked at for each.
A count jumps, and may well be the same for all of them: its comparisons are judged by their text alone.
"""

from collections import Counter
from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.reporting.claims.expressions import Comparison, Selector
from mlmi2023.reporting.claims.grammar import Binary, Call, Chain, Number
from mlmi2023.reporting.reported import Reported

DRAWS, SEED = 512, 20231008
#: powers of ten of the drawn values
SIZES = (-4, 4)

#: Powers of units, such as {mm: 1, s: -1}; None for a constant, which can be of any.
Unit = tuple[tuple[str, int], ...] | None


def check_sense(comparison: Comparison, reported: Reported, where: str) -> None:
    """Refuse a comparison that does not depend on what was measured, or of values in different units.

    Args:
        comparison: with all references resolved.
        reported: the paper, for the metrics' units.
        where: what to call the check in a message.

    Raises:
        InputError: one line with the comparison and what is wrong with it.
    """
    said = str(comparison) if len(str(comparison)) <= 160 else f"{str(comparison)[:157]}..."
    if not comparison.selectors():
        raise InputError(f"{where}: {said} compares numbers only; name a metric[method]")
    if comparison.left == comparison.right:
        raise InputError(f"{where}: {said} compares a value with itself; name two")
    units = [_unit(side, reported, where) for side in (comparison.left, comparison.right)]
    _same(units, where, said)
    if any(_counts(side) for side in (comparison.left, comparison.right)):
        return
    effect = _drawn(comparison)
    if not np.isfinite(effect).any():
        raise InputError(f"{where}: {said} divides by zero whatever was measured; correct it")
    effect = effect[np.isfinite(effect)]
    if (effect > 0).all() or (not comparison.strict and (effect >= 0).all()):
        raise InputError(f"{where}: {said} holds whatever was measured; correct it")
    if (effect < 0).all() or (comparison.strict and (effect <= 0).all()):
        raise InputError(f"{where}: {said} fails whatever was measured; correct it")


def _drawn(comparison: Comparison) -> np.ndarray:
    """Return the effect for random values, (DRAWS,); equal references have equal values."""
    random = np.random.default_rng(SEED)
    values: dict[Selector, np.ndarray] = {}
    # sizes are drawn together: values of one metric, say, are of one size
    size = 10.0 ** random.uniform(*SIZES, DRAWS)
    for selector in comparison.selectors():
        values[selector] = random.standard_normal(DRAWS) * size
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(comparison.effect(values.__getitem__), float), (DRAWS,))


def _counts(node: Any) -> bool:
    return (isinstance(node, Call) and (node.name == "count" or any(map(_counts, node.arguments)))) or (
        isinstance(node, Binary) and (_counts(node.left) or _counts(node.right))
    )


def _unit(node: Any, reported: Reported, where: str) -> Unit:
    """Return the unit of an expression; values of different ones are not added, compared or put together."""
    if isinstance(node, Number):
        return None
    if isinstance(node, Selector):
        unit = reported.metrics[node.metric].unit
        return ((unit, 1),) if unit else ()
    if isinstance(node, Binary):
        parts = [_unit(side, reported, where) for side in (node.left, node.right)]
        if node.op in "+-":
            return _same(parts, where, "a sum or difference")
        sign = -1 if node.op == "/" else 1
        powers = Counter(dict(parts[0] or ()))
        for unit, power in parts[1] or ():
            powers[unit] += sign * power
        found = tuple(sorted((unit, power) for unit, power in powers.items() if power))
        return None if parts == [None, None] else found
    if isinstance(node, Chain):
        _same([_unit(term, reported, where) for term in node.terms], where, "a comparison")
        return ()
    return _same([_unit(part, reported, where) for part in node.arguments], where, f"{node.name}(...)")


def _same(units: list[Unit], where: str, what: str) -> Unit:
    known = list(dict.fromkeys(unit for unit in units if unit is not None))
    if len(known) > 1:
        first, second = _said(known[0]), _said(known[1])
        raise InputError(f"{where}: {what} has values in {first} and in {second}; compare like with like")
    return known[0] if known else None


def _said(unit: tuple[tuple[str, int], ...]) -> str:
    return " ".join(name if power == 1 else f"{name}^{power}" for name, power in unit) or "no unit"
