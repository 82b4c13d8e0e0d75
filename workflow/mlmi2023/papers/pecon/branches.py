"""The two trainable branches: projection heads f_c and f_e (Sect. 2, 3.2) and their classifiers."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def projection(sizes: Sequence[int], dropout: float) -> nn.Sequential:
    """Return an MLP: linear layers with ReLU between, dropout after the first; He initialisation.

    Args:
        sizes: of input, hidden layers and output.
        dropout: probability.
    """
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(pairwise(sizes)):
        linear = nn.Linear(before, after)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        layers.append(linear)
        if number < len(sizes) - 2:
            layers.append(nn.ReLU())
            if number == 0:
                layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers)


class Branches(nn.Module):
    """f_c: CT features -> embedding, f_e: record -> embedding, and a linear classifier on each.

    Args:
        ct_features: length of the mean feature vector of a scan (2048 in the paper).
        ehr_features: columns of the record.
        ct_hidden: hidden layers of f_c (512, 256).
        ehr_hidden: hidden layers of f_e (128).
        embedding: length of z (128).
        ct_dropout: after the first layer of f_c.
        ehr_dropout: after the first layer of f_e.
    """

    def __init__(
        self,
        ct_features: int,
        ehr_features: int,
        ct_hidden: Sequence[int] = (512, 256),
        ehr_hidden: Sequence[int] = (128,),
        embedding: int = 128,
        ct_dropout: float = 0.5,
        ehr_dropout: float = 0.4,
    ) -> None:
        super().__init__()
        self.f_c = projection([ct_features, *ct_hidden, embedding], ct_dropout)
        self.f_e = projection([ehr_features, *ehr_hidden, embedding], ehr_dropout)
        self.head_c = nn.Linear(embedding, 2)
        self.head_e = nn.Linear(embedding, 2)
        # log of the inverse temperature; trained by the release's loss alone
        self.log_scale = nn.Parameter(torch.tensor(1 / 0.07).log())

    def embed(self, ct: Tensor, ehr: Tensor) -> tuple[Tensor, Tensor]:
        """Return z of both, (B, embedding) each, of unit length."""
        return F.normalize(self.f_c(ct), dim=1), F.normalize(self.f_e(ehr), dim=1)

    def forward(self, ct: Tensor, ehr: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of both classifiers, (B, 2) each."""
        return self.head_c(self.f_c(ct)), self.head_e(self.f_e(ehr))


def build_branches(options: Mapping[str, Any], ct_features: int, ehr_features: int) -> Branches:
    """Return the branches that the key ``branches`` of a method's options describes."""
    return Branches(ct_features, ehr_features, **options.get("branches", {}))
