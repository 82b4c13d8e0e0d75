"""Verdicts: what became of each claim of the paper. Computed, never written by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path

import numpy as np
import pandas as pd

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.reporting.checks import comparisons, reported_effects
from mlmi2023.reporting.expressions import Comparison, Selector
from mlmi2023.reporting.reported import Claim, Reported
from mlmi2023.reporting.samples import Sample, Samples
from mlmi2023.reporting.statistics import Estimate, estimate

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
UNDECIDED, NOT_TESTED = "undecided", "not tested"
#: Missing values that a note names before it counts.
NAMED = 3
VERDICTS = (REPRODUCED, NOT_REPRODUCED, UNDECIDED, NOT_TESTED)
COLUMNS = ["id", "says", "check", "effect", "low", "high", "p", "n", "verdict", "margin", "note"]
NUMBERS = ["effect", "low", "high", "p", "margin"]
LEAST_CASES = 3

RULE = {
    "": (
        "Each claim compares mean values. Its effect is left minus right, turned so that a positive effect "
        "supports the claim; a case's value is its mean over seeds. The 95 % interval comes from "
        "resampling cases and seeds together, always the same cases for both sides; p is the paired t test "
        "over cases."
    ),
    REPRODUCED: "The whole interval lies above zero.",
    NOT_REPRODUCED: (
        "The whole interval lies below zero, or it includes zero but stays below the effect that the paper "
        "reports."
    ),
    UNDECIDED: (
        "The interval includes zero and the reported effect, or no effect was reported, or there are fewer "
        "than three cases."
    ),
    NOT_TESTED: "Values are missing, or the controls show that the table cannot be trusted.",
}
"""How a verdict is found: the one statement of the rule, which :func:`decide` applies and every page prints.

A claim of several comparisons takes the worst of their verdicts and shows the weakest of them. A metric that
is counted, not estimated (``exact``, such as a number of parameters), is decided by its sign.
"""


@dataclass(frozen=True)
class Result:
    """What became of one claim; see :data:`RULE`."""

    id: str
    says: str
    check: str
    effect: float
    low: float
    high: float
    p: float
    n: int
    verdict: str
    margin: float
    note: str


def decide(
    low: float, high: float, n: int, margin: float | None, strict: bool = True, exact: bool = False
) -> tuple[str, str]:
    """Apply :data:`RULE` to one comparison.

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
    if high < 0 or exact:
        return NOT_REPRODUCED, "the values point the other way" if high < 0 else "the values are equal"
    if margin is not None and margin > 0 and high < margin:
        return NOT_REPRODUCED, "no difference seen, and one as large as the paper's is ruled out"
    return UNDECIDED, ""


def evaluate_claims(
    reported: Reported, frame: pd.DataFrame, broken: Mapping[str, str] | None = None
) -> list[Result]:
    """Return the result of every claim.

    Args:
        reported: the paper.
        frame: tidy metrics.
        broken: reason by id of each table whose controls fail; claims from it are not tested.
    """
    samples = Samples(frame)
    return [_evaluate(claim, reported, samples, dict(broken or {})) for claim in reported.claims.values()]


def _evaluate(claim: Claim, reported: Reported, samples: Samples, broken: dict[str, str]) -> Result:
    parts = comparisons(claim, reported, reported.slug)
    margins = reported_effects(claim, reported, reported.slug)
    if len(parts) == 1 and claim.margin is not None:
        margins = [claim.margin]
    results = [_one(c, m, claim, reported, samples) for c, m in zip(parts, margins)]
    order = (NOT_REPRODUCED, NOT_TESTED, UNDECIDED, REPRODUCED)
    worst = min(results, key=lambda r: (order.index(r.verdict), r.low if isfinite(r.low) else -np.inf))
    note, p = worst.note, worst.p
    if len(results) > 1:
        count = sum(r.verdict == REPRODUCED for r in results)
        shown = parts[results.index(worst)]
        note = "; ".join(
            filter(None, [f"{count} of {len(parts)} comparisons reproduced, weakest: {shown}", note])
        )
        p = max((r.p for r in results if isfinite(r.p)), default=nan)  # all must hold: the largest p stands
    verdict = worst.verdict
    if claim.source in broken and verdict != NOT_TESTED:
        verdict, note = NOT_TESTED, f"{claim.source} is broken: {broken[claim.source]}"
    return Result(
        claim.id,
        claim.says,
        claim.check,
        worst.effect,
        worst.low,
        worst.high,
        p,
        worst.n,
        verdict,
        worst.margin,
        note,
    )


def _one(
    comparison: Comparison, margin: float | None, claim: Claim, reported: Reported, samples: Samples
) -> Result:
    """Return the result of one comparison."""
    shown = nan if margin is None else margin

    def result(found: Estimate | None, verdict: str, note: str) -> Result:
        numbers = (
            (found.effect, found.low, found.high, found.p, found.n) if found else (nan, nan, nan, nan, 0)
        )
        return Result(claim.id, claim.says, claim.check, *numbers, verdict, shown, note)

    found: dict[Selector, Sample] = {}
    missing = []
    for selector in comparison.selectors():
        sample = samples.get(selector)
        if sample is None:
            missing.append(str(selector))
        else:
            found[selector] = sample
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        return result(None, NOT_TESTED, f"no values of {', '.join(missing[:NAMED])}{more}")
    exact = all(reported.metrics[s.metric].exact for s in found)
    stats = estimate(comparison.effect, found)
    low, high = (stats.effect, stats.effect) if exact else (stats.low, stats.high)
    verdict, reason = decide(low, high, stats.n, margin, comparison.strict, exact)
    fewest, most = stats.seeds
    seeds = f"{most} seed{'s' * (most != 1)}" if fewest == most else f"{fewest} to {most} seeds"
    return result(
        Estimate(stats.effect, low, high, stats.p, stats.n, stats.seeds, stats.paired, stats.note),
        verdict,
        "; ".join(filter(None, [reason, stats.note, seeds])),
    )


def write_claims(results: list[Result], path: str | Path) -> None:
    """Write ``claims.csv``."""
    frame = pd.DataFrame([vars(r) for r in results], columns=COLUMNS)
    with atomic(path) as part:
        frame.to_csv(part, index=False, float_format="%.6g", lineterminator="\n")


def read_claims(path: str | Path) -> list[Result]:
    """Read ``claims.csv``; a broken file is an InputError."""
    try:
        frame = pd.read_csv(
            path, keep_default_na=False, na_values={c: [""] for c in ("effect", "low", "high", "p", "margin")}
        )
        rows = frame.to_dict("records")
    except (OSError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{path}: not a claims table ({error}); run the claims rule again") from error
    if list(frame.columns) != COLUMNS:
        raise InputError(f"{path}: columns must be {','.join(COLUMNS)}; run the claims rule again")
    return [Result(**{str(k): v for k, v in row.items()}) for row in rows]
