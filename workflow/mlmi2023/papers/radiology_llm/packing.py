"""Sequences side by side in rows of tokens, so that little of a batch is padding.

Sequences of a row do not see each other: attention is causal within each, and places begin at 0 in each.
"""

from collections.abc import Sequence as Several
from typing import NamedTuple

import torch
from torch import Tensor

from mlmi2023.papers.radiology_llm.prompts import Sequence

#: a label that does not count
IGNORED = -100


class Rows(NamedTuple):
    """A batch of R rows of L tokens.

    Attributes:
        tokens: (R, L).
        places: of each token in its sequence, (R, L).
        owner: number of the sequence in its row, from 1; 0 is padding, (R, L).
        labels: the token that follows in the same sequence, where it counts; else IGNORED, (R, L).
    """

    tokens: Tensor
    places: Tensor
    owner: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> "Rows":
        """Return the rows on a device."""
        return Rows(*(tensor.to(device) for tensor in self))

    @property
    def mask(self) -> Tensor:
        """Which token sees which, (R, 1, L, L) bool; padding sees itself."""
        length = self.tokens.shape[1]
        same = self.owner[:, :, None] == self.owner[:, None, :]
        causal = torch.ones(length, length, dtype=torch.bool, device=self.tokens.device).tril()
        alone = torch.eye(length, dtype=torch.bool, device=self.tokens.device)
        return ((same & causal & (self.owner > 0)[:, None, :]) | alone)[:, None]


def pack(sequences: Several[Sequence], room: int, pad: int) -> Rows:
    """Put sequences into rows of at most ``room`` tokens, each where the first row has room, longest first.

    Args:
        sequences: of the batch.
        room: tokens of a row; 0, or fewer than a sequence has: that one has a row of its own.
        pad: token of padding.
    """
    rows: list[list[Sequence]] = []
    taken: list[int] = []
    for sequence in sorted(sequences, key=lambda own: -len(own.tokens)):
        size = len(sequence.tokens)
        free = next((row for row, used in enumerate(taken) if used + size <= room), None)
        if free is None:
            rows.append([sequence])
            taken.append(size)
        else:
            rows[free].append(sequence)
            taken[free] += size
    shape = (len(rows), max(taken))
    tokens, labels = torch.full(shape, pad), torch.full(shape, IGNORED)
    places, owner = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    for row, members in enumerate(rows):
        start = 0
        for number, (own, counted) in enumerate(members, 1):
            stop = start + len(own)
            values = torch.tensor(own)
            tokens[row, start:stop], owner[row, start:stop] = values, number
            places[row, start:stop] = torch.arange(len(own))
            first = max(counted, 1)
            labels[row, start + first - 1 : stop - 1] = values[first:]
            start = stop
    return Rows(tokens, places, owner, labels)
