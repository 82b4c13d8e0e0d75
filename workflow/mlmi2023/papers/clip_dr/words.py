"""Texts as numbers: the prompts of Table 3, a small vocabulary for the stand-in, and published tokenizers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mlmi2023.core.errors import InputError

TEMPLATE = "a photo of a {}"
#: class names of prompts I and II
GRADES = (
    ("No DR", "mild DR", "moderate DR", "severe DR", "proliferative DR"),
    tuple(f"{kind} Diabetic Retinopathy" for kind in ("No", "mild", "moderate", "severe", "proliferative")),
)
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "white", "black")
SHAPES = ("circle", "square", "triangle", "ring", "cross", "bar")
#: what shapes look like against their ground: words that grades share with the natural world
STRENGTHS = ("mild", "moderate", "severe")
MEDICAL = (
    "dr diabetic retinopathy proliferative eye fundus retina macula disc with and shows has few several many "
    "microaneurysms haemorrhages exudates cotton wool spots new vessels none which grade what is found the "
    "an in lesions seen patient report question answer signs mean"
)
PAD, START, MASK, END = "[pad]", "[start]", "[mask]", "[end]"


def prompts(prompt: str, grades: Sequence[Sequence[str]] | None = None) -> list[str]:
    """Return the text of each class.

    Args:
        prompt: I or II.
        grades: names of the classes in both; None: those of the paper.
    """
    names = (grades or GRADES)[("I", "II").index(prompt)]
    return [TEMPLATE.format(name) for name in names]


class Words:
    """A closed vocabulary of words; the end has the highest number, as in CLIP's."""

    def __init__(self) -> None:
        known = [*f"a photo of on no small large {MEDICAL}".split(), *COLOURS, *SHAPES, *STRENGTHS]
        self.words = [PAD, START, MASK, *dict.fromkeys(known), END]
        self.numbers = {word: number for number, word in enumerate(self.words)}
        self.start, self.end, self.mask = (self.numbers[word] for word in (START, END, MASK))

    def __len__(self) -> int:
        return len(self.words)

    def __call__(self, texts: Sequence[str], length: int) -> Tensor:
        """Return the numbers (n, length) of texts: a start, the words, an end, and padding.

        Raises:
            InputError: a word is unknown, or a text too long.
        """
        rows = torch.zeros(len(texts), length, dtype=torch.long)
        for row, text in zip(rows, texts):
            own = text.lower().split()
            if lost := [word for word in own if word not in self.numbers]:
                raise InputError(
                    f"config key task.grades: '{lost[0]}' is no word of the stand-in's vocabulary; use "
                    "published weights, which read any text"
                )
            if len(own) + 2 > length:
                raise InputError(f"config key net.text.length is {length}; '{text}' needs {len(own) + 2}")
            numbers = [self.start, *(self.numbers[word] for word in own), self.end]
            row[: len(numbers)] = torch.tensor(numbers)
        return rows


class PublishedWords:
    """The tokenizer that lies beside published weights."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            said = str(error).splitlines()[0][:120]
            raise InputError(
                f"{folder}: has no tokenizer that can be read ({said}); add its files"
            ) from error

    def __call__(self, texts: Sequence[str], length: int) -> Tensor:
        """Return the numbers (n, length) of texts.

        Raises:
            InputError: a text is too long.
        """
        rows = self.tokenizer(list(texts), padding="max_length", max_length=length)["input_ids"]
        if (longest := max(map(len, rows))) > length:
            raise InputError(f"a prompt has {longest} tokens, the text encoder reads {length}; shorten it")
        return torch.tensor(rows)
