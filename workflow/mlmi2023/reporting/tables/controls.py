"""Do the controls bracket the methods, and which methods lie at the floor?"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import isfinite, log10
from typing import Any

import pandas as pd

from mlmi2023.reporting.claims.expressions import Selector
from mlmi2023.reporting.reported import Method, Metric, Reported, Table
from mlmi2023.reporting.samples import Samples
from mlmi2023.training.loop.status import NOT_LEARNED

OK, AT_FLOOR, BROKEN, UNCHECKED, NOT_RUN = "ok", "at the floor", "broken", "unchecked", "not run"
TOLERANCE = 1e-6
# A method that has learned nothing lies at the floor, by chance a little above or below it. Up to this share
# of the way from floor to ceiling, on either side, that is a finding about the method; what lies deeper says
# that the metric may be wrong, unless its network is known not to have learned, or its file says why it may.
NEAR_FLOOR = 0.05
# The same share of an error, in dB. A ratio in dB has no end that a share could be taken of (the truth itself
# has as many as rounding allows), so there the way is that of the error: from the floor's to none.
NEAR_FLOOR_DB = -20 * log10(1 - NEAR_FLOOR)


def check_controls(reported: Reported, table: Table, frame: pd.DataFrame) -> tuple[str, list[str]]:
    """Return whether floor and ceiling bracket every method, and where they do not.

    A control speaks for the metrics in its ``brackets``, or for the table's first column: doing nothing is
    the worst for overlap and yet the best for folding. Compared are means under one setting and label; a
    control's value under no setting counts wherever it has none of its own.
    """
    if not frame["mean"].notna().any():
        return NOT_RUN, []
    broken: list[str] = []
    near: list[str] = []
    checked, missing = 0, []
    for end in ("floor", "ceiling"):
        controls = reported.controls(end)
        if not controls:
            missing.append(f"the paper's file declares no {end}")
        for control in controls:
            for metric in control.brackets or table.columns[:1]:
                rows = frame[frame["metric"] == metric].dropna(subset=["mean"])
                bounds = rows[rows["method"] == control.id]
                if metric == table.columns[0] and bounds.empty:
                    missing.append(f"{end} {control.name} has no {metric}")
                for bound in bounds.to_dict("records"):
                    there = rows["setting"] == bound["setting"]
                    if not bound["setting"]:
                        there |= ~rows["setting"].isin(bounds["setting"])
                    same = rows[there & (rows["label"] == bound["label"])]
                    what = reported.metrics[metric]
                    window = _window(what, _span(reported, bound, rows)) if end == "floor" else 0.0
                    checked += 1
                    for kind, reason in _outside(reported, what, control, bound["mean"], same, window):
                        (near if kind == AT_FLOOR else broken).append(reason)
    if broken:
        return BROKEN, broken + near
    if missing or not checked:
        return UNCHECKED, (missing or ["no control was run"]) + near
    return (AT_FLOOR, near) if near else (OK, [])


def _span(reported: Reported, floor: Mapping[Any, Any], rows: pd.DataFrame) -> float:
    """Return how far the ceiling lies from a floor; 0 without a ceiling under its setting or none."""
    ceilings = rows["method"].isin([c.id for c in reported.controls("ceiling")])
    under = rows["setting"].isin([floor["setting"], ""]) & (rows["label"] == floor["label"])
    tops = rows.loc[ceilings & under, "mean"]
    span = float((tops - floor["mean"]).abs().min()) if len(tops) else 0.0
    return span if isfinite(span) else 0.0


def _window(metric: Metric, span: float) -> float:
    """Return how near to the floor is at it, for a ceiling so far away; 0 without one."""
    if span > 0 and metric.unit == "dB" and metric.better == "higher":
        return NEAR_FLOOR_DB
    return NEAR_FLOOR * span


def _outside(
    reported: Reported, metric: Metric, control: Method, bound: float, rows: pd.DataFrame, window: float
) -> Iterator[tuple[str, str]]:
    """Yield each method beyond a control or in the window around it: what that is, and how to say it."""
    ceiling = control.control == "ceiling"
    for row in rows[rows["role"] != "control"].to_dict("records"):
        beyond = metric.sign * (row["mean"] - bound) * (1 if ceiling else -1)
        outside = beyond > TOLERANCE * max(1.0, abs(bound))
        near = window > 0 and abs(beyond) <= window
        if not (outside or near):
            continue
        why = "" if ceiling else reported.methods[row["method"]].below_floor
        meant = bool(why) or (not ceiling and row.get("learned") == NOT_LEARNED)
        side = "above the ceiling" if ceiling else "below the floor" if outside else "at the floor"
        where = " ".join(filter(None, [row["setting"], row["label"]]))
        yield (
            AT_FLOOR if near or meant else BROKEN,
            f"{metric.name} of {row['name']}{' under ' + where if where else ''} is {side}: "
            f"{metric.show(row['mean'])} against {metric.show(bound)} of {control.name}"
            f"{f' ({why})' if why else ''}",
        )


def at_floor(selector: Selector, reported: Reported, samples: Samples) -> bool:
    """Return whether the values of a selector lie at the floor, in the window that tables use.

    False where no floor or no ceiling speaks for the metric on the dataset.
    """
    metric = reported.metrics[selector.metric]
    first = any(
        t.dataset == selector.dataset and t.columns[0] == selector.metric for t in reported.tables.values()
    )

    def mean(method: str) -> float:
        own = replace(selector, method=method)
        sample = samples.get(own) or samples.get(replace(own, setting=None, factors=()))
        return float(sample.per_case.mean()) if sample else float("nan")

    def bounds(end: str) -> list[float]:
        controls = reported.controls(end)
        return [
            value
            for c in controls
            if (selector.metric in c.brackets or (first and not c.brackets)) and isfinite(value := mean(c.id))
        ]

    ours, ceilings = mean(selector.method), bounds("ceiling")
    for floor in bounds("floor"):
        span = min((abs(top - floor) for top in ceilings), default=0.0)
        if metric.sign and span > 0 and metric.sign * (ours - floor) <= _window(metric, span):
            return True
    return False
