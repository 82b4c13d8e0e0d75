"""The page of a bench record, made of what the repository keeps and nothing else."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlmi2023.reporting.bench_record import Record
from mlmi2023.reporting.claims.verdicts import RULE
from mlmi2023.reporting.pages.claims import record_view
from mlmi2023.reporting.pages.render import render
from mlmi2023.reporting.pages.tables import STATUSES
from mlmi2023.reporting.reported import Reported
from mlmi2023.training.loop.status import NOT_KNOWN


def build_record_page(
    reported: Reported,
    record: Record,
    out: str | Path,
    index: Path,
    summary: str = "",
    figures: Sequence[Path] = (),
    deviations: Sequence[str] = (),
    findings: Mapping[str, str] | None = None,
) -> None:
    """Write the page of one record.

    Args:
        reported: what the paper reports.
        record: its record.
        out: the page.
        index: the overview that it belongs to.
        summary: a few sentences on what the paper does.
        figures: pictures that were published with the record.
        deviations: where we differ from the paper, one entry each.
        findings: by claim id, why it may not have reproduced.
    """
    render(
        "record.html.j2",
        out,
        paper=reported,
        record=record_view(record, reported, findings or {}),
        runs=[{"learned": NOT_KNOWN, **run} for run in record.about["runs"]],
        index=index,
        summary=summary,
        figures=figures,
        deviations=deviations,
        rule=RULE,
        statuses=STATUSES,
    )
