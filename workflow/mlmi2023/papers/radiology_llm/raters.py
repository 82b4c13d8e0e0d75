"""Simulated raters: the five criteria of Sect. 3, on facts that rules read; no radiologist takes part.

Two raters weigh alike things differently, and each rating has noise that depends on the rater, the criterion
and the two texts alone: raters do not know whose answer they read. All weights were written down before any
method was compared.
"""

import hashlib
from typing import NamedTuple

import numpy as np

from mlmi2023.papers.radiology_llm.facts import Facts, agreement, facts_of, readable

CRITERIA = ("understandability", "coherence", "relevance", "conciseness", "clinical_utility")
#: an answer may be so much longer than the reference before it is less concise
ROOM = 1.25


class Rater(NamedTuple):
    """One rater.

    Attributes:
        incidental: weight of a finding that the reference leaves out, against 1 of the others (relevance).
        advice: weight of diagnoses and follow-up, against 1 of findings (clinical utility).
        bias: added to every rating.
        noise: spread of a rating before it is rounded.
    """

    incidental: float
    advice: float
    bias: float
    noise: float


RATERS = (Rater(0.25, 1.0, 0.0, 0.3), Rater(0.5, 2.0, -0.1, 0.3))


def ratings(findings: str, reference: str, answer: str) -> dict[str, float]:
    """Return each criterion's rating from 1 to 5, the mean of both raters."""
    found: dict[str, list[int]] = {criterion: [] for criterion in CRITERIA}
    for number, rater in enumerate(RATERS):
        for criterion, score in scores(findings, reference, answer, rater).items():
            found[criterion].append(rating(score, rater, f"{number} {criterion} {findings} {answer}"))
    return {criterion: float(np.mean(values)) for criterion, values in found.items()}


def rating(score: float, rater: Rater, about: str) -> int:
    """Return a rating from 1 to 5 of a score in [0, 1]; ``about`` decides its noise."""
    seed = int.from_bytes(hashlib.sha256(about.encode()).digest()[:8], "big")
    noise = rater.noise * float(np.random.default_rng(seed).standard_normal())
    return int(np.clip(round(1 + 4 * score + rater.bias + noise), 1, 5))


def scores(findings: str, reference: str, answer: str, rater: Rater) -> dict[str, float]:
    """Return each criterion's score in [0, 1]; nothing said is 0 throughout."""
    if not answer.split():
        return dict.fromkeys(CRITERIA, 0.0)
    seen, wanted, said = facts_of(findings), facts_of(reference), facts_of(answer)
    return {
        "understandability": readable(answer),
        "coherence": coherence(seen, wanted, said),
        "relevance": relevance(seen, wanted, said, rater.incidental),
        "conciseness": conciseness(reference, answer, wanted, said),
        "clinical_utility": utility(wanted, said, rater.advice),
    }


def coherence(seen: Facts, wanted: Facts, said: Facts) -> float:
    """Return the share of an answer's statements that follow from the findings.

    A finding must be seen, on its side; what is denied must not be; a diagnosis or advice must be the
    reference's; and nothing acute must not be said where the reference has something.
    """
    holds = [pair in seen.sided or pair in wanted.sided for pair in said.sided]
    holds += [kind not in seen.kinds for kind in said.absent]
    holds += [name in wanted.advice for name in said.advice]
    holds += [wanted.nothing_acute or not wanted.items] if said.nothing_acute else []
    return float(np.mean(holds)) if holds else 0.0


def relevance(seen: Facts, wanted: Facts, said: Facts, incidental: float) -> float:
    """Return the weighted share of findings that an answer covers; of a normal study, whether it says so."""
    weights = {kind: 1.0 if kind in wanted.kinds else incidental for kind in seen.kinds | wanted.kinds}
    if not wanted.kinds and (wanted.nothing_acute or not weights):
        weights["nothing acute"] = 1.0
    covered = said.kinds | ({"nothing acute"} if said.nothing_acute else set())
    return sum(weight for name, weight in weights.items() if name in covered) / sum(weights.values())


def conciseness(reference: str, answer: str, wanted: Facts, said: Facts) -> float:
    """Return how short an answer is against the reference, halved where it lacks what is needed."""
    short = min(1.0, ROOM * max(1, len(reference.split())) / len(answer.split()))
    recall = agreement(wanted, said)[1]
    return short * (0.5 + 0.5 * (recall if recall == recall else 1.0))


def utility(wanted: Facts, said: Facts, advice: float) -> float:
    """Return the weighted F1 of what is to be known and done; nothing wanted: 1 if nothing is said."""

    def weight(items: frozenset[str]) -> float:
        return sum(advice if item in wanted.advice | said.advice else 1.0 for item in items)

    total = weight(wanted.items) + weight(said.items)
    return 2 * weight(wanted.items & said.items) / total if total else 1.0
