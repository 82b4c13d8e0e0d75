"""Language scores of written reports: BLEU and METEOR, by NLTK.

Texts are words with blanks between, cut in one way for all methods.
"""

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError

#: longest runs of words that BLEU counts
ORDERS = (1, 2, 3, 4)


def bleu(found: Sequence[str], truth: Sequence[str]) -> dict[int, float]:
    """Return BLEU-1 to BLEU-4 of a whole set of texts with one reference each (Papineni et al. 2002).

    Without smoothing: 0 where no run of so many words is right.
    """
    from nltk.translate.bleu_score import corpus_bleu

    references, texts = [[text.split()] for text in truth], [text.split() for text in found]
    weights = [tuple([1 / order] * order) for order in ORDERS]
    # NLTK returns tiny numbers, and warns, where runs of an order have no match
    return {order: _bleu(corpus_bleu, references, texts, own) for order, own in zip(ORDERS, weights)}


def _bleu(corpus_bleu: Any, references: Any, texts: Any, weights: tuple[float, ...]) -> float:
    order = len(weights)
    matched = any(
        set(_runs(text, order)) & set(_runs(own[0], order))
        for text, own in zip(texts, references, strict=True)
    )
    return float(corpus_bleu(references, texts, weights)) if matched else 0.0


def _runs(words: Sequence[str], order: int) -> list[tuple[str, ...]]:
    return [tuple(words[place : place + order]) for place in range(len(words) - order + 1)]


class NoSynonyms:
    """In the place of WordNet where its data are not there: no word has a synonym."""

    def synsets(self, word: str) -> list[Any]:
        """Return nothing."""
        return []


@cache
def _wordnet(folder: str | None) -> Any:
    if folder is None:
        return NoSynonyms()
    import nltk
    from nltk.corpus import wordnet

    nltk.data.path.insert(0, os.path.expandvars(os.path.expanduser(folder)))
    try:
        wordnet.ensure_loaded()
    except LookupError as error:
        raise InputError(
            f"{folder}: holds no WordNet (corpora/wordnet); put NLTK's data there, or leave 'wordnet' out to "
            "match exact words and stems alone"
        ) from error
    return wordnet


def meteor(found: Sequence[str], truth: Sequence[str], wordnet: str | None = None) -> np.ndarray:
    """Return METEOR of each text, (n,) (Banerjee and Lavie 2005).

    Args:
        found: written texts.
        truth: their references.
        wordnet: folder of NLTK's data, for synonyms; None: exact words and stems alone.

    Raises:
        InputError: there is no WordNet in that folder.
    """
    from nltk.translate.meteor_score import single_meteor_score

    words = _wordnet(wordnet)
    return np.array(
        [
            single_meteor_score(one.split(), text.split(), wordnet=words) if text else 0.0
            for text, one in zip(found, truth, strict=True)
        ]
    )
