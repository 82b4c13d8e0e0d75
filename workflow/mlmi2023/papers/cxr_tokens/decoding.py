"""Texts from a decoder: the likeliest word at each step, the best of several beams, or words by chance."""

import torch
from torch import Tensor

from mlmi2023.papers.cxr_tokens.decoder import Decoder, Source
from mlmi2023.papers.cxr_tokens.words import BEGIN, END, PAD, UNKNOWN

#: words that are never written
BANNED = [PAD, BEGIN, UNKNOWN]


def _said(decoder: Decoder, words: Tensor, written: object) -> Tensor:
    logits = decoder.step(words, written).float()  # type: ignore[arg-type]
    logits[:, BANNED] = float("-inf")
    return logits.log_softmax(-1)


def greedy(decoder: Decoder, source: Source, most: int, chance: bool = False) -> Tensor:
    """Return texts (B, n): the likeliest word at each step, or with ``chance`` one by its probability.

    A text ends with the number of the end, and is padded behind it.
    """
    count, device = len(source.mask), source.mask.device
    words = torch.full((count,), BEGIN, device=device)
    written, found = decoder.begin(source), []
    open_ = torch.ones(count, dtype=torch.bool, device=device)
    for _ in range(most):
        scores = _said(decoder, words, written)
        words = torch.multinomial(scores.exp(), 1)[:, 0] if chance else scores.argmax(-1)
        words = torch.where(open_, words, PAD)
        found.append(words)
        open_ = open_ & (words != END)
        if not open_.any():
            break
    return torch.stack(found, 1)


def beam_search(decoder: Decoder, source: Source, most: int, beams: int) -> Tensor:
    """Return texts (B, n), of each image the one of ``beams`` with the highest mean log-probability."""
    if beams == 1:
        return greedy(decoder, source, most)
    count, device = len(source.mask), source.mask.device
    written = decoder.begin(source, beams)
    words = torch.full((count * beams,), BEGIN, device=device)
    scores = torch.full((count, beams), float("-inf"), device=device)
    scores[:, 0] = 0.0
    texts = torch.empty((count, beams, 0), dtype=torch.long, device=device)
    ended = torch.zeros((count, beams), dtype=torch.bool, device=device)
    first = torch.arange(count, device=device)[:, None] * beams
    for _ in range(most):
        said = _said(decoder, words, written).unflatten(0, (count, beams))
        # a text that has ended stays as it is, at no cost
        said[ended] = float("-inf")
        said[..., PAD] = torch.where(ended, 0.0, said[..., PAD])
        scores, best = (scores[..., None] + said).flatten(1).topk(beams)
        from_, word = best // said.shape[-1], best % said.shape[-1]
        texts = torch.cat([texts.gather(1, from_[..., None].expand_as(texts)), word[..., None]], 2)
        ended = ended.gather(1, from_) | (word == END)
        if ended.all():
            break
        written.keep((first + from_).flatten())
        words = word.flatten()
    lengths = (texts != PAD).sum(-1).clamp_min(1)
    chosen = (scores / lengths).argmax(-1)
    return texts[torch.arange(count, device=device), chosen]
