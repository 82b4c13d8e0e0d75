"""Claims, and a bench record, as pages show them."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from mlmi2023.reporting.bench_record import Record
from mlmi2023.reporting.claims.results import Result
from mlmi2023.reporting.claims.verdicts import REPRODUCED, UNDECIDED
from mlmi2023.reporting.pages.render import count_verdicts, forest, places_for
from mlmi2023.reporting.pages.tables import table_view
from mlmi2023.reporting.reported import Reported
from mlmi2023.reporting.tables.controls import NOT_RUN


def claim_view(result: Result, why: str = "", printed: bool = True) -> dict[str, Any]:
    """Return a claim's result with its place on the axis, its decimals and what we make of it.

    ``printed`` is False where all data are the user's own, so that no effect of the paper stands beside ours.
    """
    return {
        "result": result,
        "forest": forest(result),
        "places": places_for(result),
        "blind": _blind(result),
        "printed": printed,
        "why": why,
    }


def _blind(result: Result) -> str:
    """Return whether an undecided claim says no more than that the bench was too small for it."""
    small = isfinite(result.detectable) and isfinite(result.margin) and 0 < result.margin < result.detectable
    if result.verdict == UNDECIDED and small:
        return "The paper's effect is smaller than what these cases and seeds can tell from zero."
    return ""


def record_view(record: Record, reported: Reported, findings: Mapping[str, str]) -> dict[str, Any]:
    """Return what a page shows of a bench record.

    Args:
        record: the record.
        reported: the paper.
        findings: by claim id, why it may not have reproduced.
    """
    return {
        "about": record.about,
        "stale": record.stale,
        "counts": count_verdicts(record.claims),
        "claims": [
            claim_view(r, findings.get(r.id, "") if r.verdict != REPRODUCED else "") for r in record.claims
        ],
        "tables": [table_view(table, reported) for table in record.tables if table.status != NOT_RUN],
    }
