"""ChatGPT's place on stand-ins: a summary by rules that restates every finding, as general models do.

Written down before any method was compared: it names what is seen and what is not, with side and grade, and
what a single finding usually means; it weighs nothing, and advises the same for everybody.
"""

from mlmi2023.cohorts.sources.simulators.chest_xrays.labeller import (
    ABSENT,
    POSSIBLE,
    Statement,
    read_findings,
)
from mlmi2023.cohorts.sources.simulators.chest_xrays.vocabulary import MISPLACED, PLACED

OPENING = "The chest radiograph shows the following"
CLOSING = "Correlation with the clinical presentation is advised"
NOTHING = "No acute abnormality is described in the findings"
#: what a finding means by itself
MEANS = {
    "consolidation": "which may represent pneumonia",
    "edema": "which may represent heart failure",
    "hyperinflation": "which may represent emphysema",
}
LIES = {PLACED: "in standard position", MISPLACED: "malpositioned"}


def summary(findings: str) -> str:
    """Return a summary of a findings section."""
    read = read_findings(findings)
    sentences = [_said(statement) for statement in read]
    if not any(statement.state != ABSENT for statement in read):
        sentences.append(NOTHING)
    return " ".join(f"{sentence}." for sentence in (OPENING, *dict.fromkeys(sentences), CLOSING))


def _said(own: Statement) -> str:
    side = "bilateral" if own.side == "both" else own.side
    if own.state == ABSENT:
        return f"There is no evidence of {' '.join(filter(None, [side, own.kind]))}"
    grade, lies = ("", LIES[own.grade]) if own.grade in LIES else (own.grade, "")
    doubt = "possible" if own.state == POSSIBLE else ""
    name = " ".join(
        filter(None, [doubt, own.change, grade, side, own.zone and f"{own.zone} lung", own.kind, lies])
    )
    return f"There is evidence of {', '.join(filter(None, [name, MEANS.get(own.kind, '')]))}"
