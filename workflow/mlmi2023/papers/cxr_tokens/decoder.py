"""The decoder of all rows: word by word from a source, all at once to learn, step by step to write."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from mlmi2023.papers.cxr_tokens.attention import DecoderLayer, Norm, Pair
from mlmi2023.papers.cxr_tokens.memories import RelationalMemory, SharedMemory
from mlmi2023.papers.cxr_tokens.network_options import Meshed, Plain, Relational


@dataclass
class Source:
    """What an encoder says.

    Attributes:
        levels: (B, S, W) after each of its layers.
        mask: (B, S) bool, where there is something.
    """

    levels: list[Tensor]
    mask: Tensor


@dataclass
class Written:
    """How far a text is written.

    Attributes:
        sources: keys and values of the encoder's levels, by decoder layer.
        mask: (B, S).
        past: keys and values of words so far, by decoder layer.
        place: of the next word.
        memory: of R2Gen's decoder.
    """

    sources: list[list[Pair]]
    mask: Tensor
    past: list[Pair | None] = field(default_factory=list)
    place: int = 0
    memory: Tensor | None = None

    def keep(self, rows: Tensor) -> None:
        """Go on with these texts, in this order; each stays with its own image."""
        self.past = [tuple(one[rows] for one in pair) if pair else None for pair in self.past]  # type: ignore[misc]
        self.memory = self.memory[rows] if self.memory is not None else None


class Decoder(nn.Module):
    """Words and their places, layers, and a dense layer to the vocabulary.

    Args:
        net: sizes, and which kind it is.
        words: V of the vocabulary.
        most: words of a text.
        shared: R2GenCMN's memory, which the encoder has too.
    """

    def __init__(self, net: Plain, words: int, most: int, shared: SharedMemory | None = None) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, net.width, padding_idx=0), nn.Embedding(most, net.width)
        self.norm, self.dropout, self.shared = Norm(net.width), nn.Dropout(net.dropout), shared
        slots = net.slots if isinstance(net, Relational) else 0
        self.relational = RelationalMemory(net.width, slots, net.heads) if slots else None
        levels = net.layers if isinstance(net, Meshed) else 1
        self.layers = nn.ModuleList(
            DecoderLayer(net.width, net.heads, net.inner, net.dropout, levels, slots * net.width)
            for _ in range(net.layers)
        )
        self.out = nn.Linear(net.width, words)

    def _embedded(self, words: Tensor, place: int) -> Tensor:
        at = torch.arange(place, place + words.shape[1], device=words.device)
        x = self.dropout(self.norm(self.words(words) + self.places(at)))
        return x if self.shared is None else self.shared(x)

    def sources(self, source: Source) -> list[list[Pair]]:
        """Return keys and values for each layer, of all levels of the encoder where it looks at them."""
        levels = [source.levels if layer.gates else source.levels[-1:] for layer in self.layers]  # type: ignore[union-attr]
        return [[layer.cross.keys(x) for x in own] for layer, own in zip(self.layers, levels, strict=True)]  # type: ignore[union-attr, operator]

    def forward(self, words: Tensor, source: Source) -> Tensor:
        """Return logits (B, T, V) of the word after each of ``words`` (B, T)."""
        x = self._embedded(words, 0)
        condition = self.relational(x)[0] if self.relational is not None else None
        for layer, own in zip(self.layers, self.sources(source), strict=True):
            x, _ = layer(x, own, source.mask, None, condition)
        return self.out(x)

    def begin(self, source: Source, copies: int = 1) -> Written:
        """Return a text of no word for each image, ``copies`` times in a row."""
        sources = [
            [tuple(one.repeat_interleave(copies, 0) for one in pair) for pair in own]
            for own in self.sources(source)
        ]
        return Written(sources, source.mask.repeat_interleave(copies, 0), [None] * len(self.layers))  # type: ignore[arg-type]

    def step(self, words: Tensor, written: Written) -> Tensor:
        """Return logits (B, V) of the word after ``words`` (B,), and move ``written`` on by one."""
        x = self._embedded(words[:, None], written.place)
        condition = None
        if self.relational is not None:
            condition, written.memory = self.relational(x, written.memory)
        for number, layer in enumerate(self.layers):
            x, written.past[number] = layer(
                x, written.sources[number], written.mask, written.past[number], condition
            )
        written.place += 1
        return self.out(x[:, 0])
