"""A rule labeller: text back to findings, their state and attributes, and to diagnoses and advice.

It reads sentence by sentence: mentions of kinds by their words, what denies or doubts them, and the nearest
side, zone, grade and change in a mention's own stretch of the sentence. Statements such as "the lungs are
clear" deny the kinds that they rule out.
"""

import re
from typing import NamedTuple

from mlmi2023.cohorts.sources.simulators.chest_xrays import lexicon
from mlmi2023.cohorts.sources.simulators.chest_xrays.vocabulary import KINDS

STATES = PRESENT, POSSIBLE, ABSENT = ("present", "possible", "absent")

_MENTIONS = {kind: re.compile(words) for kind, words in lexicon.MENTIONS.items()}
_NORMAL = [(re.compile(words), kinds) for words, kinds in lexicon.NORMAL]
_ADVICE = {name: re.compile(words) for name, words in {**lexicon.DIAGNOSES, **lexicon.FOLLOW_UPS}.items()}
#: ends of sentences; numbers of a list are none of its words
_ENDS = re.compile(r"[.;?!]+(?:\s+|$)|\n+")
_JOINT = re.compile(r"\b(?:and|but|while)\b|;")
_NUMBER = re.compile(r"(?:^|(?<=\s))\d+[.)]\s+")


class Statement(NamedTuple):
    """What a text says of a kind; attributes that it does not state are empty.

    Attributes:
        kind: a key of ``KINDS``.
        state: present, possible or absent.
        side: right, left or both.
        zone: upper, mid or lower.
        grade: mild, moderate or severe; of a tube placed or misplaced.
        change: new, unchanged, increased or decreased.
    """

    kind: str
    state: str
    side: str = ""
    zone: str = ""
    grade: str = ""
    change: str = ""


class Advice(NamedTuple):
    """Diagnoses and follow-up that a text names and does not deny, and whether it says nothing is acute."""

    diagnoses: tuple[str, ...]
    follow_ups: tuple[str, ...]
    nothing_acute: bool


def sentences(text: str) -> list[str]:
    """Return a text's sentences in lower case, without list numbers."""
    return [part.strip() for part in _ENDS.split(_NUMBER.sub("", text.lower())) if part.strip()]


def read_findings(text: str) -> list[Statement]:
    """Return what a text states, in its order; a kind may come more than once.

    Args:
        text: a findings section or an impression, in any case; sentences end with a full stop.
    """
    return [statement for sentence in sentences(text) for statement in _read(sentence)]


def present(statements: list[Statement]) -> set[str]:
    """Return the kinds that are stated as present or possible."""
    return {statement.kind for statement in statements if statement.state != ABSENT}


def absent(statements: list[Statement]) -> set[str]:
    """Return the kinds that are stated as absent and nowhere as present."""
    return {statement.kind for statement in statements if statement.state == ABSENT} - present(statements)


def read_advice(text: str) -> Advice:
    """Return diagnoses, follow-up, and whether nothing acute is said to be seen."""
    named = {
        name
        for sentence in sentences(text)
        for name, words in _ADVICE.items()
        if any(not _denied(sentence, found.start(), found.end()) for found in words.finditer(sentence))
    }
    return Advice(
        tuple(name for name in lexicon.DIAGNOSES if name in named),
        tuple(name for name in lexicon.FOLLOW_UPS if name in named),
        any(lexicon.NOTHING_ACUTE.search(sentence) for sentence in sentences(text)),
    )


def _read(sentence: str) -> list[Statement]:
    found = _mentions(sentence)
    statements = []
    for place, (start, end, kind) in enumerate(found):
        first = _border(sentence, found[place - 1][1], start)[1] if place else 0
        after = place + 1 < len(found)
        last = _border(sentence, end, found[place + 1][0])[0] if after else len(sentence)
        statements.append(_statement(sentence, kind, start, end, first, last))
    for words, kinds in _NORMAL:
        if hit := words.search(sentence):
            side = _nearest(lexicon.SIDED, sentence, hit.start(), hit.end(), 0, hit.end())
            said = {statement.kind for statement in statements}
            statements += [Statement(kind, ABSENT, side) for kind in kinds if kind not in said]
    return statements


def _mentions(sentence: str) -> list[tuple[int, int, str]]:
    """Return start, end and kind of mentions, in order; one within a longer one is none of its own."""
    every = [
        (hit.start(), hit.end(), kind)
        for kind, words in _MENTIONS.items()
        for hit in words.finditer(sentence)
    ]
    kept = [
        (start, end, kind)
        for start, end, kind in every
        if not any(s <= start and end <= e and e - s > end - start for s, e, _ in every)
    ]
    return sorted(kept)


def _border(sentence: str, start: int, end: int) -> tuple[int, int]:
    """Return where the earlier mention's stretch ends and the later one's begins; they may overlap."""
    joints = list(_JOINT.finditer(sentence, start, end))
    return (joints[-1].start(), joints[-1].end()) if joints else (end, start)


def _statement(sentence: str, kind: str, start: int, end: int, first: int, last: int) -> Statement:
    about, span = KINDS[kind], (start, end, first, last)
    if _denied(sentence, start, end) or lexicon.DENIED_AFTER.search(sentence[end:last]):
        side = _nearest(lexicon.SIDED, sentence, *span) if about.sides != ("",) else ""
        return Statement(kind, ABSENT, "" if about.sides == ("both",) else side)
    doubt = lexicon.DOUBTS.search(sentence[first:start]) or lexicon.DOUBTED_AFTER.search(sentence[end:last])
    side = _nearest(lexicon.SIDED, sentence, *span) if len(about.sides) > 1 else about.sides[0]
    words = lexicon.LYING if about.area == "devices" else lexicon.GRADED.get(kind)
    return Statement(
        kind,
        POSSIBLE if doubt else PRESENT,
        side,
        _nearest(lexicon.ZONED, sentence, *span) if about.zones != ("",) else "",
        _nearest(words, sentence, *span) if words is not None and about.grades != ("",) else "",
        _nearest(lexicon.CHANGED, sentence, *span) if about.changes else "",
    )


def _denied(sentence: str, start: int, end: int) -> bool:
    """Return whether a mention is denied: by a word before it whose reach is not ended, or within it."""
    if re.search(r"\bnot\b", sentence[start:end]):
        return True
    before = [hit.end() for hit in lexicon.DENIES.finditer(sentence[:start])]
    return bool(before) and not lexicon.ENDS.search(sentence[before[-1] : start])


def _nearest(words: re.Pattern[str], sentence: str, start: int, end: int, first: int, last: int) -> str:
    """Return the name of the group of ``words`` that lies nearest to a mention within its stretch."""
    best, name = len(sentence) + 1, ""
    for hit in words.finditer(sentence, first, last):
        gap = max(start - hit.end(), hit.start() - end, 0)
        if gap < best:
            best, name = gap, str(hit.lastgroup)
    return name
