"""A claim's check against what the paper itself prints: does it parse, and give its margin?"""

from mlmi2023.core.errors import InputError
from mlmi2023.reporting.claims.expressions import Comparison, Selector
from mlmi2023.reporting.claims.grammar import parse_check
from mlmi2023.reporting.claims.resolve import resolve
from mlmi2023.reporting.reported import Claim, Reported


def comparisons(claim: Claim, reported: Reported, where: str) -> list[Comparison]:
    """Return the resolved comparisons of a claim; see :func:`mlmi2023.reporting.claims.resolve.resolve`."""
    where = f"{where}: claim {claim.id}: check"
    if claim.source in reported.tables:
        dataset: str | None = reported.tables[claim.source].dataset
    else:
        dataset = next(iter(reported.datasets)) if len(reported.datasets) == 1 else None
    return resolve(parse_check(claim.check, where), reported, dataset, where)


def reported_effects(claim: Claim, reported: Reported, where: str = "") -> list[float | None]:
    """Return the paper's own effect of each comparison, from its tables; None where it prints too little."""
    first = [reported.tables[claim.source]] if claim.source in reported.tables else []
    tables = [*first, *(t for t in reported.tables.values() if t not in first)]

    def printed(s: Selector) -> float:
        for table in tables:
            rows = [
                row
                for row in table.rows
                if table.dataset == s.dataset
                and row.method == s.method
                and s.metric in row.values
                and s.takes_setting(row.setting)
                and (row.label == s.label or (s.label is None and row.label == "mean"))
            ]
            if rows:
                return sum(row.values[s.metric].mean for row in rows) / len(rows)
        raise LookupError

    effects: list[float | None] = []
    for comparison in comparisons(claim, reported, where):
        try:
            effects.append(float(comparison.effect(printed)))
        except LookupError:
            effects.append(None)
    return effects


def check_claims(reported: Reported, where: str) -> None:
    """Check that every claim parses, names known things, and states the margin that its own table gives.

    Raises:
        InputError: one line with the claim and the place.
    """
    for claim in reported.claims.values():
        found = [e for e in reported_effects(claim, reported, where) if e is not None]
        if claim.margin is None or not found or claim.source not in reported.tables:
            continue
        if not any(abs(claim.margin - e) <= 1e-9 + 0.006 * abs(e) for e in found):
            raise InputError(
                f"{where}: claim {claim.id}: margin {claim.margin:g} is not what {claim.source} gives "
                f"({min(found):g}); correct one of them or leave the margin out"
            )
