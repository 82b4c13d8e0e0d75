"""Has an answer copied a training patient's report word for word?"""

import re
from collections.abc import Iterable, Sequence


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    """Return all runs of so many words, in small letters, without marks."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def leaked(
    answers: Sequence[str], own: Sequence[str], reports: Iterable[tuple[str, str]], length: int
) -> list[bool]:
    """Return of each answer whether it holds a run of words of one training patient alone.

    What stands in the findings that were asked about is no leak, nor what several patients' reports say.

    Args:
        answers: texts.
        own: the findings that each answers.
        reports: patient and text of training reports.
        length: words of a run.
    """
    new = [runs(answer, length) - runs(text, length) for answer, text in zip(answers, own, strict=True)]
    asked = set().union(*new) if new else set()
    owners: dict[tuple[str, ...], set[str]] = {}
    for patient, text in reports if asked else ():
        for run in runs(text, length) & asked:
            owners.setdefault(run, set()).add(patient)
    return [any(len(owners.get(run, ())) == 1 for run in found) for found in new]
