"""Verdicts: what became of each claim of the paper. Computed, never written by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from pathlib import Path

import numpy as np
import pandas as pd

from mlmi2023.core.csv_files import read_columns
from mlmi2023.core.files import atomic
from mlmi2023.reporting.claims.checks import comparisons, reported_effects
from mlmi2023.reporting.claims.expressions import Comparison, Selector
from mlmi2023.reporting.claims.statistics import estimate
from mlmi2023.reporting.claims.verdicts import (
    NOT_JUDGED,
    NOT_REPRODUCED,
    NOT_TESTED,
    REPRODUCED,
    UNDECIDED,
    VERDICTS,
    decide,
    unsettled,
    weigh,
)
from mlmi2023.reporting.learned import Learned
from mlmi2023.reporting.own_data import here
from mlmi2023.reporting.reported import Claim, Reported
from mlmi2023.reporting.samples import Sample, Samples

#: Missing values that a note names before it counts.
NAMED = 3
COLUMNS = [
    *("id", "says", "check", "effect", "low", "high", "p", "n", "verdict", "margin", "note"),
    *("detectable", "learned"),
]
NUMBERS = ["effect", "low", "high", "p", "margin", "detectable"]


@dataclass(frozen=True)
class Result:
    """What became of one claim; see :data:`mlmi2023.reporting.claims.verdicts.RULE`.

    ``detectable`` is the smallest effect, in units of ``effect``, that its cases and seeds had told from zero
    in four of five repeats (80 % power at two-sided 5 %); NaN where the effect does not vary smoothly.
    ``learned`` names the networks that are not settled; empty where all are or none was trained.
    """

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
    detectable: float
    learned: str


def evaluate_claims(
    reported: Reported,
    frame: pd.DataFrame,
    broken: Mapping[str, str] | None = None,
    learned: Learned | None = None,
    judged: bool = True,
) -> list[Result]:
    """Return the result of every claim.

    Args:
        reported: the paper.
        frame: tidy metrics.
        broken: reason by id of each table whose controls fail; claims from it are not tested.
        learned: status of the networks by dataset and method; methods without any are absent.
        judged: False at the scale demo, which judges nothing.
    """
    samples = Samples(frame)
    results = []
    for claim in reported.claims.values():
        result = _evaluate(claim, reported, samples, learned or {}, judged)
        if claim.source in (broken or {}) and result.verdict != NOT_TESTED:
            note = f"{claim.source} is broken: {(broken or {})[claim.source]}"
            result = replace(result, verdict=NOT_TESTED if judged else NOT_JUDGED, note=note)
        results.append(result)
    return results


def _evaluate(claim: Claim, reported: Reported, samples: Samples, learned: Learned, judged: bool) -> Result:
    parts = comparisons(claim, reported, reported.slug)
    datasets = dict.fromkeys(s.dataset for part in parts for s in part.selectors())
    margin = None if any(dataset in reported.own for dataset in datasets) else claim.margin
    claim = replace(claim, says=here(reported, claim.says, datasets), margin=margin)
    margins = reported_effects(claim, reported, reported.slug)
    if len(parts) == 1 and claim.margin is not None:
        margins = [claim.margin]
    results = [_one(c, m, claim, reported, samples, learned, judged) for c, m in zip(parts, margins)]
    order = (NOT_REPRODUCED, NOT_TESTED, UNDECIDED, REPRODUCED, NOT_JUDGED)
    worst = min(results, key=lambda r: (order.index(r.verdict), r.low if isfinite(r.low) else -np.inf))
    if len(results) == 1:
        return worst
    count = f"{sum(r.verdict == REPRODUCED for r in results)} of " if judged else ""
    done = " reproduced" if judged else ""
    shown = f"{count}{len(parts)} comparisons{done}, weakest: {parts[results.index(worst)]}"
    return replace(worst, note="; ".join(filter(None, [shown, worst.note])))


def _one(
    comparison: Comparison,
    margin: float | None,
    claim: Claim,
    reported: Reported,
    samples: Samples,
    learned: Learned,
    judged: bool,
) -> Result:
    """Return the result of one comparison."""
    shown = nan if margin is None else margin
    verdict = NOT_TESTED if judged else NOT_JUDGED
    said = Result(claim.id, claim.says, claim.check, nan, nan, nan, nan, 0, verdict, shown, "", nan, "")
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
        return replace(said, note=f"no values of {', '.join(missing[:NAMED])}{more}")
    stats = estimate(comparison.effect, found)
    said = replace(said, effect=stats.effect, low=stats.low, high=stats.high, p=stats.p, n=stats.n)
    said = replace(said, detectable=stats.detectable)
    fewest, most = stats.seeds
    seeds = f"{most} seed{'s' * (most != 1)}" if fewest == most else f"{fewest} to {most} seeds"
    if all(reported.metrics[s.metric].exact for s in found):
        said = replace(said, low=stats.effect, high=stats.effect, p=nan, detectable=nan)
        verdict, reason = decide(said.low, said.high, said.n, margin, comparison.strict, exact=True)
    else:
        verdict, reason = decide(said.low, said.high, said.n, margin, comparison.strict)
        said = replace(said, learned=unsettled(found, reported, learned))
        verdict, reason = weigh(verdict, reason, found, reported, samples, learned)
    if not judged:
        verdict, reason = NOT_JUDGED, ""
    return replace(said, verdict=verdict, note="; ".join(filter(None, [reason, stats.note, seeds])))


def write_claims(results: list[Result], path: str | Path) -> None:
    """Write ``claims.csv``."""
    frame = pd.DataFrame([vars(r) for r in results], columns=COLUMNS)
    with atomic(path) as part:
        frame.to_csv(part, index=False, float_format="%.6g", lineterminator="\n")


def read_claims(path: str | Path, columns: Sequence[str] = COLUMNS) -> list[Result]:
    """Read ``claims.csv``; a broken file is an InputError.

    Args:
        path: the file.
        columns: those that it has; a record from before networks had a status lacks the last two.
    """
    numbers = [c for c in NUMBERS if c in columns]
    words = {"verdict": VERDICTS}
    frame = read_columns(path, columns, "delete it and run again", numbers, ["n"], words)
    lacking = {c: nan if c in NUMBERS else "" for c in COLUMNS if c not in columns}
    return [Result(**{**{str(k): v for k, v in row.items()}, **lacking}) for row in frame.to_dict("records")]
