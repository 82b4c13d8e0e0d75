"""Facts of texts, read by the rule labeller, and how well an answer's agree with those of a reference."""

from typing import NamedTuple

from mlmi2023.cohorts.sources.simulators.chest_xrays.labeller import (
    ABSENT,
    read_advice,
    read_findings,
    sentences,
)

#: the fact that there is nothing acute
NOTHING = "nothing acute"


class Facts(NamedTuple):
    """What a text states.

    Attributes:
        kinds: findings that are present or possible.
        sided: the same with their side.
        absent: findings that are denied.
        advice: diagnoses and follow-up.
        nothing_acute: whether it says so.
    """

    kinds: frozenset[str]
    sided: frozenset[tuple[str, str]]
    absent: frozenset[str]
    advice: frozenset[str]
    nothing_acute: bool

    @property
    def items(self) -> frozenset[str]:
        """Return all that an impression is scored by."""
        found = {f"{kind} {side}".strip() for kind, side in self.sided} | self.advice
        return frozenset(found | ({NOTHING} if self.nothing_acute else set()))

    @property
    def normal(self) -> bool:
        """Whether nothing acute is seen."""
        return self.nothing_acute and not self.kinds


def facts_of(text: str) -> Facts:
    """Return the facts of a text."""
    read, advice = read_findings(text), read_advice(text)
    there = [statement for statement in read if statement.state != ABSENT]
    kinds = frozenset(statement.kind for statement in there)
    return Facts(
        kinds,
        frozenset((statement.kind, statement.side) for statement in there),
        frozenset(statement.kind for statement in read) - kinds,
        frozenset((*advice.diagnoses, *advice.follow_ups)),
        advice.nothing_acute,
    )


def agreement(reference: Facts, answer: Facts) -> tuple[float, float, float]:
    """Return precision, recall and F1 of an answer's facts, in [0, 1]; NaN where the reference states none.

    An answer without facts has the precision 0.
    """
    wanted, found = reference.items, answer.items
    if not wanted:
        return float("nan"), float("nan"), float("nan")
    both = len(wanted & found)
    precision, recall = both / len(found) if found else 0.0, both / len(wanted)
    return precision, recall, 2 * both / (len(wanted) + len(found))


def readable(text: str) -> float:
    """Return the share of a text's sentences that state something and are said once; 0 for no text."""
    own = sentences(text)
    stating = {sentence for sentence in own if facts_of(sentence).items or facts_of(sentence).absent}
    return len(stating) / len(own) if own else 0.0
