"""The loss of language models."""

import torch.nn.functional as F
from torch import Tensor

from mlmi2023.papers.radiology_llm.packing import IGNORED


def next_token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the sum of the cross-entropy of each next token that counts.

    Args:
        logits: (R, L, V).
        labels: the next tokens, IGNORED where none counts, (R, L).
    """
    return F.cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum"
    )


def right(logits: Tensor, labels: Tensor) -> Tensor:
    """Return how many of the next tokens that count are the likeliest."""
    return ((logits.argmax(-1) == labels) & (labels != IGNORED)).sum()
