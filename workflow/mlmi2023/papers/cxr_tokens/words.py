"""Words: how texts are cut, the vocabulary of training texts, and texts as numbers."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

#: special words, by their numbers: nothing, begin, end, unknown, between triples
SPECIAL = ("<pad>", "<begin>", "<end>", "<unknown>", "<sep>")
PAD, BEGIN, END, UNKNOWN, SEP = range(len(SPECIAL))
PARTS = re.compile(r"[a-z0-9]+(?:[-'/][a-z0-9]+)*|[.,;:?]")
CLOSING = frozenset(".,;:?")


def cut(text: str) -> list[str]:
    """Return the words of a text in small letters; punctuation marks are words of their own."""
    return PARTS.findall(text.lower())


def plain(text: str) -> str:
    """Return a text as all are compared: its words with blanks between."""
    return " ".join(cut(text))


def readable(words: Iterable[str]) -> str:
    """Return words as a text, with no blank before punctuation."""
    found = ""
    for word in words:
        found += word if word in CLOSING or not found else f" {word}"
    return found


class Vocabulary:
    """The words of training texts that are frequent enough.

    Args:
        texts: of training images.
        least: times that a word must stand in them.
    """

    def __init__(self, texts: Iterable[str], least: int) -> None:
        counts = Counter(word for text in texts for word in cut(text))
        kept = sorted(
            (word for word, count in counts.items() if count >= least), key=lambda w: (-counts[w], w)
        )
        self.words = [*SPECIAL, *kept]
        self.numbers = {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        """Return the number of words, special ones among them."""
        return len(self.words)

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a text's words."""
        return [self.numbers.get(word, UNKNOWN) for word in cut(text)]

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """Return words up to the end, special ones but for separators left out."""
        found = []
        for number in numbers:
            if number == END:
                break
            if number not in (PAD, BEGIN):
                found.append(self.words[number])
        return found

    def report(self, numbers: Iterable[int]) -> str:
        """Return numbers as the text of a report."""
        return readable(word for word in self.decode(numbers) if word not in SPECIAL)

    def triples(self, numbers: Iterable[int]) -> list[str]:
        """Return numbers as triples, each once, in their order."""
        parts = " ".join(self.decode(numbers)).split(SPECIAL[SEP])
        return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


def joined(parts: Sequence[Sequence[int]]) -> list[int]:
    """Return numbers of several texts as one, with separators between."""
    found: list[int] = []
    for part in parts:
        found += [SEP, *part] if found else part
    return found


def target(numbers: Sequence[int], most: int) -> list[int]:
    """Return what a decoder learns to write: begin, at most ``most`` words, end."""
    return [BEGIN, *numbers[:most], END]


def padded(rows: Sequence[Sequence[int]], length: int) -> Tensor:
    """Return rows of numbers as (n, length) int64, filled up with 0 and cut."""
    found = np.zeros((len(rows), length), np.int64)
    for number, row in enumerate(rows):
        own = list(row)[:length]
        found[number, : len(own)] = own
    return torch.from_numpy(found)


def trimmed(numbers: Tensor) -> Tensor:
    """Return (..., L) without the columns at the end in which all rows are padded; one column stays."""
    used = (numbers != PAD).flatten(0, -2).any(0).nonzero()
    return numbers[..., : int(used[-1]) + 1 if len(used) else 1]
