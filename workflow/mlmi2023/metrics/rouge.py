"""ROUGE-L of texts, by the library of its authors' measure in Python."""

from functools import cache
from typing import Any


@cache
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=False)


def rouge_l(reference: str, answer: str) -> float:
    """Return the F1 of the longest common subsequence of words, in [0, 1]; letters' case does not count."""
    return float(_scorer().score(reference, answer)["rougeL"].fmeasure)
