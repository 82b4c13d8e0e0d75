"""CLIP's two encoders and a second text encoder, as the paper takes them apart: f_I, p, f_t."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertConfig, BertModel, CLIPConfig, CLIPModel

from mlmi2023.papers.clip_dr.options import ClipNet
from mlmi2023.papers.clip_dr.options import Reader as ReaderOptions
from mlmi2023.papers.clip_dr.published import folder_of, load_folder
from mlmi2023.papers.clip_dr.words import PublishedWords, Words


def build_clip(net: ClipNet, size: int) -> Any:
    """Return CLIP of these sizes for images of ``size`` x ``size``, with random weights."""
    words = net.text.words or len(Words())
    return CLIPModel(
        CLIPConfig(
            projection_dim=net.projection,
            vision_config={**_sizes(net.vision), "image_size": size, "patch_size": net.vision.patch},
            text_config={
                **_sizes(net.text),
                "vocab_size": words,
                "max_position_embeddings": net.text.length,
                "eos_token_id": words - 1,
                "bos_token_id": words - 2 if net.text.words else Words().start,
                "pad_token_id": words - 1 if net.text.words else 0,
            },
        )
    )


def _sizes(own: Any) -> dict[str, int]:
    return {
        "hidden_size": own.width,
        "num_hidden_layers": own.layers,
        "num_attention_heads": own.heads,
        "intermediate_size": own.mlp,
    }


def see(clip: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return f_I(x), (B, d_I), and V = p f_I(x), (B, d), for images (B, 3, H, W)."""
    inner: Tensor = clip.vision_model(pixel_values=x).pooler_output
    return inner, clip.visual_projection(inner)


def read(clip: Any, ids: Tensor) -> Tensor:
    """Return text features (n, d) of numbers (n, L)."""
    return _feature(clip, clip.text_model.embeddings(input_ids=ids), _ends(clip, ids))


def read_with(clip: Any, ids: Tensor, tokens: Tensor, place: str) -> Tensor:
    """Return text features (n, d) of texts with further tokens (Eq. 1).

    Tokens have no position. The text's feature is read where it ends, and attention is causal: what stands
    behind the end has no part in it.

    Args:
        clip: the network.
        ids: (n, L) numbers.
        tokens: (n, N_p, width).
        place: ``before_end`` of the text, or ``released``, behind all L.
    """
    own, ends = clip.text_model.embeddings(input_ids=ids), _ends(clip, ids)
    if place == "released":
        return _feature(clip, torch.cat([own, tokens], 1), ends)
    count = tokens.shape[1]
    at = torch.arange(own.shape[1] + count, device=ids.device)[None] - ends[:, None]  # (n, L + N_p)
    rows = torch.arange(len(ids), device=ids.device)[:, None]
    before = torch.where(at < 0, at, at - count) + ends[:, None]
    inside = (at >= 0) & (at < count)
    text = own[rows, before.clamp(0, own.shape[1] - 1)]
    return _feature(
        clip, torch.where(inside[..., None], tokens[rows, at.clamp(0, count - 1)], text), ends + count
    )


def _ends(clip: Any, ids: Tensor) -> Tensor:
    """Return where each text ends, (n,): at the first end, since padding may be the same number."""
    return (ids == clip.config.text_config.eos_token_id).int().argmax(1)


def _feature(clip: Any, embedded: Tensor, ends: Tensor) -> Tensor:
    length = embedded.shape[1]
    hidden = torch.full((length, length), float("-inf"), device=embedded.device, dtype=embedded.dtype).triu(1)
    text = clip.text_model
    states = text.encoder(inputs_embeds=embedded, attention_mask=hidden[None, None]).last_hidden_state
    ended = text.final_layer_norm(states)[torch.arange(len(ends), device=ends.device), ends]
    return clip.text_projection(ended)  # type: ignore[no-any-return]


class Reader(nn.Module):
    """A text encoder in BERT's form; a text's feature is the mean over its tokens."""

    def __init__(self, own: ReaderOptions) -> None:
        super().__init__()
        self.length = min(own.length, 64)  # prompts are short
        if own.pretrained:
            self.bert = load_folder(BertModel, own.pretrained.path, add_pooling_layer=False)
            self.words: Any = PublishedWords(folder_of(own.pretrained.path))
            self.pad = int(self.bert.config.pad_token_id or 0)
            return
        self.words, self.pad = Words(), 0
        config = BertConfig(
            **_sizes(own), vocab_size=own.words or len(self.words), max_position_embeddings=own.length
        )
        self.bert = BertModel(config, add_pooling_layer=False)

    def states(self, ids: Tensor) -> Tensor:
        """Return the states (n, L, width) of numbers (n, L)."""
        there = (ids != self.pad).long()
        return self.bert(input_ids=ids, attention_mask=there).last_hidden_state  # type: ignore[no-any-return]

    def forward(self, ids: Tensor) -> Tensor:
        """Return text features (n, width)."""
        there = (ids != self.pad)[..., None]
        return (self.states(ids) * there).sum(1) / there.sum(1)


def unit(x: Tensor) -> Tensor:
    """Return vectors of length 1."""
    return F.normalize(x, dim=-1)
