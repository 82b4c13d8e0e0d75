"""The CNN of rows without regions: a map of features read place by place (Sect. 4.2, CNN baselines)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.resnet import ResNet
from mlmi2023.nets.pretrained import load_pretrained
from mlmi2023.papers.cxr_tokens.network_options import Cnn


class Places(nn.Module):
    """A ResNet; each place of its last map is a vector.

    Args:
        own: its sizes, and weights to begin with.
    """

    def __init__(self, own: Cnn) -> None:
        super().__init__()
        self.encoder = ResNet(1, own.depths, own.width)
        self.width = self.encoder.channels[-1]
        #: by how much the last map is smaller than the image
        self.stride = 2 ** (len(own.depths) + 1)
        if own.pretrained:
            load_pretrained(self.encoder, vars(own.pretrained))

    def count(self, size: int) -> int:
        """Return how many places an image of ``size`` x ``size`` has."""
        return (-(-size // self.stride)) ** 2

    def forward(self, image: Tensor) -> Tensor:
        """Return vectors (B, P, C) of images (B, 1, S, S), row by row."""
        return self.encoder(image)[-1].flatten(2).transpose(1, 2)


class FindingClassifier(nn.Module):
    """The CNN with one dense layer over the mean of its places: findings of the whole image."""

    def __init__(self, own: Cnn, findings: int) -> None:
        super().__init__()
        self.places = Places(own)
        self.head = nn.Linear(self.places.width, findings)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, F)."""
        return self.head(self.places(image).mean(1))


def finding_loss(logits: Tensor, truth: Tensor, weight: Tensor, negatives: bool = True) -> Tensor:
    """Return the weighted binary cross-entropy of Eq. 2, a mean over vectors and findings.

    Args:
        logits: (..., F).
        truth: (..., F), 0 or 1.
        weight: (F,), of what is present.
        negatives: whether what is absent counts, with weight 1; Eq. 2 as printed has no such term.
    """
    truth = truth.to(logits.dtype)
    loss = -weight * truth * F.logsigmoid(logits)
    if negatives:
        loss = loss - (1 - truth) * F.logsigmoid(-logits)
    return loss.mean()


def rarity_weights(findings: Tensor, exponent: float) -> Tensor:
    """Return w_m = (1 / nu_m)^alpha, (F,), from findings (..., F) of training; nu of none is that of one."""
    flat = findings.reshape(-1, findings.shape[-1])
    often = flat.sum(0, dtype=torch.float64).clamp_min(1) / max(1, len(flat))
    return torch.pow(1 / often, exponent).float()
