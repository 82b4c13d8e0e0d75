"""How a verdict is found: the one statement of the rule, and its application."""

from collections.abc import Iterable
from math import isfinite

from mlmi2023.reporting.claims.expressions import Selector
from mlmi2023.reporting.learned import Learned
from mlmi2023.reporting.reported import Reported
from mlmi2023.reporting.samples import Samples
from mlmi2023.reporting.tables.controls import at_floor
from mlmi2023.training.loop.status import NOT_KNOWN, NOT_LEARNED, RISING, SETTLED

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
UNDECIDED, NOT_TESTED = "undecided", "not tested"
NOT_JUDGED = "not judged"
VERDICTS = (REPRODUCED, NOT_REPRODUCED, UNDECIDED, NOT_TESTED, NOT_JUDGED)
LEAST_CASES = 3
#: What a claim says of networks without a curve.
UNKNOWN = "not known whether its networks have learned"

RULE = {
    "": (
        "Each claim compares mean values. Its effect is left minus right, turned so that a positive effect "
        "supports the claim; a case's value is its mean over seeds. Standard error, 95 % interval, p (of a t "
        "test against zero, two-sided) and the smallest effect that could have been told from zero (at 80 % "
        "power) come from one model: cases and seeds are both drawn at random, the same cases for both "
        "sides. p is below 0.05 exactly when the interval excludes zero. Whether the networks behind a claim "
        "have learned is said by their own training curves: not learned, still rising or settled."
    ),
    REPRODUCED: "The whole interval lies above zero, and no network of either side has failed to learn.",
    NOT_REPRODUCED: (
        "The whole interval lies below zero, or it includes zero but stays below the effect that the paper "
        "reports; and the networks of both sides are settled."
    ),
    UNDECIDED: (
        "The interval includes zero and the reported effect, or no effect was reported, or there are fewer "
        "than three cases, or all values are equal; or the claim would not be reproduced but a network is "
        "still rising; or it is not known whether the networks have learned."
    ),
    NOT_TESTED: (
        "Values are missing, a network of one side has not learned, all methods lie at the floor, or the "
        "controls show that the table cannot be trusted."
    ),
    NOT_JUDGED: "The scale demo shows effects and judges nothing: its networks are trained too shortly.",
}
"""How a verdict is found: the one statement of the rule, which this module applies and every page prints.

A claim of several comparisons takes the worst of their verdicts and shows the weakest of them. A metric that
is counted, not estimated (``exact``, such as a number of parameters), is decided by its sign, whatever the
networks have learned.
"""


def decide(
    low: float, high: float, n: int, margin: float | None, strict: bool = True, exact: bool = False
) -> tuple[str, str]:
    """Apply :data:`RULE` to the numbers of one comparison.

    Args:
        low: lower end of the interval of the effect.
        high: upper end.
        n: cases.
        margin: the paper's effect; None or not positive when there is none to fall short of.
        strict: whether the comparison is ``<`` or ``>`` and not ``<=`` or ``>=``.
        exact: whether one value decides.

    Returns:
        The verdict and, where it needs one, the reason.
    """
    if n < LEAST_CASES and not exact:
        return UNDECIDED, f"only {n} case{'s' * (n != 1)}, at least {LEAST_CASES} are needed"
    if not (isfinite(low) and isfinite(high)):
        return UNDECIDED, "the effect cannot be computed (division by zero)"
    if low > 0 or (low >= 0 and not strict):
        return REPRODUCED, ""
    if low == high == 0 and not exact:
        return UNDECIDED, "the values are equal in every case"
    if high < 0 or exact:
        return NOT_REPRODUCED, "the values point the other way" if high < 0 else "the values are equal"
    if margin is not None and margin > 0 and high < margin:
        return NOT_REPRODUCED, "no difference seen, and one as large as the paper's is ruled out"
    return UNDECIDED, ""


def weigh(
    verdict: str,
    reason: str,
    selectors: Iterable[Selector],
    reported: Reported,
    samples: Samples,
    learned: Learned,
) -> tuple[str, str]:
    """Return what becomes of a verdict when it is asked whether the methods behind it have learned.

    Args:
        verdict: by the numbers alone (:func:`decide`).
        reason: of it.
        selectors: what the comparison compares.
        reported: the paper.
        samples: the values, those of the controls included.
        learned: status by dataset and method.

    Returns:
        The verdict and the reason.
    """
    methods = [s for s in selectors if reported.methods[s.method].role != "control"]
    if lost := _named(methods, NOT_LEARNED, reported, learned):
        return NOT_TESTED, f"{lost} {'have' if ', ' in lost else 'has'} not learned"
    if methods and all(at_floor(s, reported, samples) for s in methods):
        names = list(dict.fromkeys(s.method for s in methods))
        lie = "neither has learned: both lie" if len(names) == 2 else "none has learned: all lie"
        return NOT_TESTED, f"{lie if len(names) > 1 else 'nothing learned: it lies'} at the floor"
    if _named(methods, NOT_KNOWN, reported, learned):
        return UNDECIDED, UNKNOWN
    rising = _named(methods, RISING, reported, learned)
    if verdict == NOT_REPRODUCED and rising:
        return UNDECIDED, f"{reason}, but still rising: {rising}"
    return verdict, reason


def unsettled(selectors: Iterable[Selector], reported: Reported, learned: Learned) -> str:
    """Return which networks are not settled, by status; empty where all are, or none was trained."""
    found = list(selectors)
    said = {status: _named(found, status, reported, learned) for status in (NOT_LEARNED, NOT_KNOWN, RISING)}
    return "; ".join(f"{status}: {names}" for status, names in said.items() if names)


def _named(selectors: Iterable[Selector], status: str, reported: Reported, learned: Learned) -> str:
    """Return the names of the methods of a status, with their dataset where there are several."""
    found = list(selectors)
    several = len({s.dataset for s in found}) > 1
    names = [
        reported.methods[s.method].name + (f" on {reported.name_of(s.dataset)}" if several else "")
        for s in found
        if learned.get((s.dataset, s.method), SETTLED) == status
    ]
    return ", ".join(dict.fromkeys(names))
