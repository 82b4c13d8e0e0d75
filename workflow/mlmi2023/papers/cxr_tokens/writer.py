"""Encoder-decoder transformers from an image, and a text where there is one, to a text (Sect. 3.2, Eq. 3)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mlmi2023.papers.cxr_tokens.attention import EncoderLayer, Norm
from mlmi2023.papers.cxr_tokens.cnn import Places
from mlmi2023.papers.cxr_tokens.decoder import Decoder, Source
from mlmi2023.papers.cxr_tokens.memories import SharedMemory
from mlmi2023.papers.cxr_tokens.network_options import Cnn, CrossModal, Meshed, Plain
from mlmi2023.papers.cxr_tokens.words import PAD

#: segments
VISUAL, TEXT = 0, 1


class Sizes(NamedTuple):
    """What a writer must know of its data.

    Attributes:
        words: of the vocabulary.
        size: side of an image.
        tokens: regions and width of stored tokens.
        text: longest input text; 0: there is none.
        most: words that are written.
    """

    words: int
    size: int
    tokens: tuple[int, int] = (0, 0)
    text: int = 0
    most: int = 100


class Writer(nn.Module):
    """The sum of token, position and segment embeddings goes into the encoder; the decoder looks at it.

    Visual tokens stand in the fixed order of regions (or of places of the CNN's map), each at its own
    position; the text follows. A missing region's token is zero and keeps its place.

    Args:
        net: sizes, and which kind it is.
        sizes: of the data.
        cnn: sizes of a CNN that sees the image; None: visual input is stored tokens.
    """

    def __init__(self, net: Plain, sizes: Sizes, cnn: Cnn | None = None) -> None:
        super().__init__()
        self.cnn = Places(cnn) if cnn else None
        count, width = (self.cnn.count(sizes.size), self.cnn.width) if self.cnn else sizes.tokens
        self.project = nn.Sequential(nn.Linear(width, net.width), nn.LayerNorm(net.width))
        self.words = nn.Embedding(sizes.words, net.width, padding_idx=PAD) if sizes.text else None
        self.places = nn.Embedding(count + sizes.text, net.width)
        self.segments = nn.Embedding(2, net.width)
        self.norm, self.dropout = Norm(net.width), nn.Dropout(net.dropout)
        shared = (
            SharedMemory(net.width, net.entries, net.nearest, net.heads)
            if isinstance(net, CrossModal)
            else None
        )
        slots = net.slots if isinstance(net, Meshed) else 0
        self.layers = nn.ModuleList(
            EncoderLayer(net.width, net.heads, net.inner, net.dropout, slots) for _ in range(net.layers)
        )
        self.decoder = Decoder(net, sizes.words, sizes.most + 1, shared)

    def encode(self, visual: Tensor, text: Tensor | None = None) -> Source:
        """Return what the encoder says.

        Args:
            visual: tokens (B, R, D), or images (B, 1, S, S).
            text: (B, L), padded with 0.
        """
        if self.cnn is not None:
            visual = self.cnn(visual)
        x = self.project(visual) + self.segments.weight[VISUAL]
        mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        if self.words is not None and text is not None:
            x = torch.cat([x, self.words(text) + self.segments.weight[TEXT]], 1)
            mask = torch.cat([mask, text != PAD], 1)
        x = self.dropout(self.norm(x + self.places.weight[: x.shape[1]]))
        if self.decoder.shared is not None:
            x = self.decoder.shared(x)
        levels = []
        for layer in self.layers:
            x = layer(x, mask)
            levels.append(x)
        return Source(levels, mask)

    def forward(self, visual: Tensor, text: Tensor | None, words: Tensor) -> Tensor:
        """Return logits (B, T, V) of the word after each of ``words`` (B, T)."""
        return self.decoder(words, self.encode(visual, text))


class RegionWriter(nn.Module):
    """Sentences of each region from its own token alone, and whether there are any (RGRG).

    Args:
        net: sizes of the decoder.
        sizes: of the data.
    """

    def __init__(self, net: Plain, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.tokens[1]
        self.project = nn.Sequential(nn.Linear(width, net.width), nn.LayerNorm(net.width))
        self.choose = nn.Sequential(
            nn.Linear(width, net.width), nn.ReLU(), nn.Dropout(net.dropout), nn.Linear(net.width, 1)
        )
        self.decoder = Decoder(net, sizes.words, sizes.most + 1)

    def chosen(self, tokens: Tensor) -> Tensor:
        """Return logits (B, R) of whether something is written about each region."""
        return self.choose(tokens)[..., 0]

    def encode(self, token: Tensor) -> Source:
        """Return single tokens (B, D) as a source of one place."""
        x = self.project(token)[:, None]
        return Source([x], torch.ones(x.shape[:2], dtype=torch.bool, device=x.device))

    def forward(self, token: Tensor, words: Tensor) -> Tensor:
        """Return logits (B, T, V) of the word after each of ``words`` (B, T)."""
        return self.decoder(words, self.encode(token))
