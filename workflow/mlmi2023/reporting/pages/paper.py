"""The page of one paper: what it claims, what we measured, on which data, and how it came about."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from mlmi2023.core.provenance import provenance
from mlmi2023.reporting.bench_record import Record
from mlmi2023.reporting.claims.results import Result, read_claims
from mlmi2023.reporting.claims.verdicts import RULE
from mlmi2023.reporting.own_data import with_own_data
from mlmi2023.reporting.pages.claims import claim_view, record_view
from mlmi2023.reporting.pages.cohorts import Cohort
from mlmi2023.reporting.pages.render import count_verdicts, render
from mlmi2023.reporting.pages.tables import STATUSES, table_view
from mlmi2023.reporting.reported import Reported
from mlmi2023.reporting.runs import combine_provenance, read_runs, summarise_runs
from mlmi2023.reporting.tables.build import read_table


@dataclass(frozen=True)
class FigureItem:
    """A figure on the page: its id, PNG and caption."""

    id: str
    png: Path
    caption: str = ""


@dataclass(frozen=True)
class PageInputs:
    """What a page is made of; all paths are plain files of the workflow.

    Attributes:
        reported: what the paper reports.
        scale: demo, bench or paper.
        summary: a few sentences on what the paper does.
        claims: ``claims.csv``.
        claims_figure: the forest plot (PNG).
        tables: ``tables/<id>.csv``, each with its ``.json`` beside it.
        table_figures: PNG by table id.
        figures: the paper's own figures, in order.
        cohorts: the data that were used.
        deviations: where we differ from the paper, one entry each.
        runs: ``train.json`` of every run.
        metrics: ``metrics.csv``, linked.
        record: the bench record, if one has been published.
        record_page: the record's own page, linked.
        findings: by claim id, why it may not have reproduced; shown with the record's verdicts.
        own: cohort by dataset that is the user's own data (:mod:`mlmi2023.core.own_data`).
    """

    reported: Reported
    scale: str
    summary: str
    claims: Path
    claims_figure: Path | None = None
    tables: Sequence[Path] = ()
    table_figures: dict[str, Path] = field(default_factory=dict)
    figures: Sequence[FigureItem] = ()
    cohorts: Sequence[Cohort] = ()
    deviations: Sequence[str] = ()
    runs: Sequence[Path] = ()
    metrics: Path | None = None
    record: Record | None = None
    record_page: Path | None = None
    findings: dict[str, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)


def _claim(result: Result, own: bool) -> dict[str, Any]:
    """Return a claim as the page shows it; among own data, one that nothing was run for is absent."""
    view = claim_view(result, printed=not own or isfinite(result.margin))
    return {**view, "absent": own and not isfinite(result.effect)}


def build_page(inputs: PageInputs, out: str | Path) -> None:
    """Write the page; it opens offline, and images are linked relative to it.

    At scale demo, which judges nothing, the published record comes first.

    Raises:
        InputError: an input file is broken.
    """
    reported = with_own_data(inputs.reported, inputs.own)
    results = read_claims(inputs.claims)
    tables = [read_table(path, reported) for path in inputs.tables]
    runs = read_runs(inputs.runs)
    render(
        "page.html.j2",
        out,
        inputs=inputs,
        paper=reported,
        printed_datasets=inputs.reported.datasets,
        claims=[_claim(r, bool(inputs.own)) for r in results],
        counts=count_verdicts(results),
        tables=[table_view(table, reported) for table in tables],
        rule=RULE,
        statuses=STATUSES,
        runs=summarise_runs(runs),
        origin=combine_provenance(runs, provenance()),
        record=record_view(inputs.record, inputs.reported, inputs.findings) if inputs.record else None,
    )
