"""The stand-in for general language: documents, and instructions with answers, none of them a report's.

A model that has read the web knows medical words, and that an infiltrate is a consolidation, and has never
been taught to write an impression. So documents explain the words of both institutions and say what findings
mean; instructions ask to repeat, to list, to answer and to sum up texts about houses and things.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple, TypeVar

import numpy as np

from mlmi2023.cohorts.sources.simulators.chest_xrays import phrases
from mlmi2023.cohorts.sources.simulators.chest_xrays.vocabulary import KINDS, SIDES

NAMES = ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas")
THINGS = (
    *(
        "ball",
        "book",
        "chair",
        "cup",
        "door",
        "key",
        "lamp",
        "map",
        "mirror",
        "pen",
        "plate",
        "roof",
        "table",
    ),
    *("window", "clock", "box"),
)
PLACES = ("attic", "cellar", "garden", "hall", "house", "kitchen", "office", "school", "shop", "station")
COLOURS = ("black", "blue", "brown", "green", "grey", "red", "white", "yellow")
SOUND = ("clean", "fine", "in order", "intact", "new", "normal", "unremarkable")
FAULTS = ("broken", "cracked", "dirty", "loose", "lost", "wet", "worn", "torn")
#: what is to be done about some faults
REMEDIES = {
    "broken": "repair is recommended",
    "cracked": "follow-up is recommended",
    "lost": "a search is needed",
    "loose": "repositioning is recommended",
}
DEGREES = ("mildly", "moderately", "severely")
#: share of documents that say something twice; words of a list
TWICE, LISTED = 0.4, (5, 12)
T = TypeVar("T")


class Lesson(NamedTuple):
    """An instruction, the text that it is about, and its answer."""

    instruction: str
    text: str
    answer: str


@cache
def medical_words() -> tuple[str, ...]:
    """Return all words of both institutions' wordings, in order."""
    found: set[str] = set()
    for text in _texts(vars(phrases)):
        found |= set(re.findall(r"[a-z][a-z-]+", re.sub(r"\{\w+\}", " ", text.lower())))
    return tuple(sorted(found))


def _texts(node: object) -> list[str]:
    if isinstance(node, str):
        return [node]
    if isinstance(node, dict):
        return [text for key, item in node.items() if not str(key).startswith("_") for text in _texts(item)]
    return [text for item in node for text in _texts(item)] if isinstance(node, tuple) else []


@cache
def textbook() -> tuple[str, ...]:
    """Return sentences of a textbook: which words mean the same, and what findings mean."""
    lines = [f"{kind} is a finding of the chest." for kind in KINDS]
    for kind in KINDS:
        for wording in (*phrases.PRESENT["ward"][kind].one, *phrases.PRESENT["clinic"][kind].one):
            core = " ".join(re.sub(r"\{\w+\}", " ", wording).split())
            lines.append(f"{core} means {kind}.")
    for style in phrases.MEANING.values():
        for name, endings in style.items():
            lines += [f"{ending.strip(' ,')} means {name}." for ending in endings]
    for kind, name in (
        ("consolidation", "pneumonia"),
        ("edema with cardiomegaly", "heart failure"),
        ("edema", "fluid overload"),
        ("hyperinflation", "emphysema"),
        ("hilar enlargement", "adenopathy"),
    ):
        lines += [f"{kind} suggests {name}.", f"{name} is seen as {kind}."]
    lines += [f"the {side} lung has an upper, a mid and a lower zone." for side in SIDES]
    return tuple(line[0].upper() + line[1:] for line in lines)


def document(rng: np.random.Generator) -> str:
    """Draw a document of the web."""
    kind = rng.random()
    if kind < 0.35:
        text = " ".join(_fact(rng)[0] for _ in range(int(rng.integers(2, 5))))
    elif kind < 0.7:
        text = " ".join(_pick(rng, textbook()) for _ in range(int(rng.integers(2, 4))))
    else:
        text = _word_list(rng)
    return f"{text} {text}" if rng.random() < TWICE else text


def lesson(rng: np.random.Generator) -> Lesson:
    """Draw an instruction with its answer."""
    return _pick(rng, TASKS)(rng)


def _fact(rng: np.random.Generator) -> tuple[str, str, str]:
    """Return a sentence, and the thing and place that it is about."""
    thing, place = _pick(rng, THINGS), _pick(rng, PLACES)
    colour, name = _pick(rng, COLOURS), _pick(rng, NAMES)
    sentence = _pick(
        rng,
        (
            f"The {colour} {thing} is in the {place}.",
            f"{name} has put the {colour} {thing} in the {place}.",
            f"There is a {colour} {thing} in the {place}.",
        ),
    )
    return sentence, thing, place


def _word_list(rng: np.random.Generator) -> str:
    words = [_pick(rng, medical_words()) for _ in range(int(rng.integers(*LISTED)))]
    return f"{' '.join(words)}."


def _repeat(rng: np.random.Generator) -> Lesson:
    text = _pick(rng, (_word_list, lambda r: " ".join(_pick(r, textbook()) for _ in range(2))))(rng)
    return Lesson(_pick(rng, ("Repeat the text", "Copy the text word for word")), text, text)


def _list(rng: np.random.Generator) -> Lesson:
    facts = [_fact(rng) for _ in range(int(rng.integers(2, 5)))]
    things = [thing for _, thing, _ in facts]
    answer = f"{', '.join(things[:-1])} and {things[-1]}."
    return Lesson(
        _pick(rng, ("List the things in the text", "Name all things")), " ".join(f[0] for f in facts), answer
    )


def _answer(rng: np.random.Generator) -> Lesson:
    facts = [_fact(rng) for _ in range(int(rng.integers(2, 4)))]
    _, thing, place = facts[0]
    others = [own for own in facts[1:] if own[1] != thing]
    texts = [facts[0][0], *(own[0] for own in others)]
    rng.shuffle(texts)
    return Lesson(f"Where is the {thing}?", " ".join(texts), f"In the {place}.")


def _sum_up(rng: np.random.Generator) -> Lesson:
    """What is in order is left out, what is not is kept, with what is to be done."""
    texts, kept = [], []
    for _ in range(int(rng.integers(2, 6))):
        thing, place = _pick(rng, THINGS), _pick(rng, PLACES)
        if rng.random() < 0.6:
            texts.append(f"The {thing} in the {place} is {_pick(rng, SOUND)}.")
            continue
        fault, degree = _pick(rng, FAULTS), _pick(rng, DEGREES)
        texts.append(f"The {thing} in the {place} is {degree} {fault}.")
        kept.append(f"{degree} {fault} {thing} in the {place}.")
        if fault in REMEDIES:
            kept.append(f"{REMEDIES[fault]}.")
    answer = " ".join(text[0].upper() + text[1:] for text in kept) or "Nothing is wrong."
    return Lesson(_pick(rng, ("Sum up what is wrong", "Summarize the text")), " ".join(texts), answer)


TASKS: tuple[Callable[[np.random.Generator], Lesson], ...] = (_repeat, _list, _answer, _sum_up, _sum_up)


def _pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    return choices[int(rng.integers(len(choices)))]
