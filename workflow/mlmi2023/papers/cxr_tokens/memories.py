"""Memories of the baselines: of R2Gen's decoder, and of R2GenCMN, which image and text share."""

import torch
from torch import Tensor, nn

from mlmi2023.papers.cxr_tokens.attention import Attention


class RelationalMemory(nn.Module):
    """Slots that change with every word: M_t from M_(t-1) and the word before (Chen et al. 2020).

    Attention of the slots to themselves and the word, a perceptron around a skip, and gates that forget and
    let in, which see the word and the old slots.

    Args:
        width: W of a slot and of a word.
        slots: how many.
        heads: of attention.
    """

    def __init__(self, width: int, slots: int, heads: int) -> None:
        super().__init__()
        self.slots = slots
        self.attention = Attention(width, heads, 0.0)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.word, self.old = nn.Linear(width, 2 * width), nn.Linear(width, 2 * width)

    def start(self, count: int, like: Tensor) -> Tensor:
        """Return slots (B, S, W) that differ from each other: the first rows of a unit matrix."""
        own = torch.eye(self.slots, like.shape[-1], device=like.device, dtype=like.dtype)
        return own.expand(count, -1, -1)

    def step(self, word: Tensor, memory: Tensor) -> Tensor:
        """Return the next slots (B, S, W) after a word (B, W)."""
        pair = self.attention.keys(torch.cat([memory, word[:, None]], 1))
        looked = memory + self.attention(memory, pair)
        looked = looked + self.mlp(looked)
        forget, let_in = (self.word(word)[:, None] + self.old(torch.tanh(memory))).chunk(2, -1)
        return torch.sigmoid(let_in) * torch.tanh(looked) + torch.sigmoid(forget) * memory

    def forward(self, words: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the slots after each of some words (B, T, W) as conditions (B, T, S W), and the last."""
        memory = self.start(len(words), words) if memory is None else memory
        found = []
        for word in words.unbind(1):
            memory = self.step(word, memory)
            found.append(memory.flatten(1))
        return torch.stack(found, 1), memory


class SharedMemory(nn.Module):
    """A matrix of entries; each place reads the nearest ones and adds what they say (Chen et al. 2021).

    Args:
        width: W.
        entries: rows of the matrix.
        nearest: entries that a place reads in each head.
        heads: of reading.
    """

    def __init__(self, width: int, entries: int, nearest: int, heads: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(entries, width) * width**-0.5)
        self.nearest = min(nearest, entries)
        self.reading = Attention(width, heads, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return places (B, T, W) with the responses of the memory."""
        key, value = self.reading.keys(self.matrix[None])
        query = self.reading.split(self.reading.query(x))
        scores = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5
        least = scores.topk(self.nearest, dim=-1).values[..., -1:]
        weights = scores.masked_fill(scores < least, float("-inf")).softmax(-1)
        return x + self.reading.out((weights @ value).transpose(1, 2).flatten(2))
