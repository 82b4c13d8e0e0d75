"""STEGO (Hamilton et al. 2022): codes of patches correspond where features of a frozen encoder do."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import ViTModel

from mlmi2023.papers.ocm_vit.vit import patch_features


class StegoNet(nn.Module):
    """A frozen encoder, a head that makes short codes of its features, and clusters of codes.

    Args:
        vit: the encoder.
        code: width of the codes.
        clusters: how many.
    """

    def __init__(self, vit: ViTModel, code: int, clusters: int) -> None:
        super().__init__()
        self.vit = vit.requires_grad_(False)
        width = int(vit.config.hidden_size)
        self.straight = nn.Conv2d(width, code, 1)
        self.bent = nn.Sequential(nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, code, 1))
        self.centres = nn.Parameter(torch.randn(clusters, code))

    def features(self, image: Tensor) -> Tensor:
        """Return the encoder's features (B, D, h, w)."""
        with torch.no_grad():
            return patch_features(self.vit, image)

    def codes(self, features: Tensor) -> Tensor:
        """Return the codes (B, code, h, w) of features."""
        return self.straight(features) + self.bent(features)  # type: ignore[no-any-return]

    def forward(self, image: Tensor) -> Tensor:
        """Return likenesses to the clusters (B, clusters, H, W), at the size of the image."""
        alike = cosines_to(self.codes(self.features(image)), self.centres)
        return F.interpolate(alike, size=image.shape[2:], mode="bilinear", align_corners=False)


def cosines_to(codes: Tensor, centres: Tensor) -> Tensor:
    """Return cosines (B, K, h, w) of codes (B, C, h, w) to centres (K, C)."""
    return torch.einsum("bchw,kc->bkhw", F.normalize(codes, dim=1), F.normalize(centres, dim=1))


def correspondence(first: Tensor, second: Tensor) -> Tensor:
    """Return cosines (B, P, Q) between the columns of (B, C, P) and of (B, C, Q)."""
    return torch.einsum("bcp,bcq->bpq", F.normalize(first, dim=1), F.normalize(second, dim=1))


def correspondence_loss(features: Tensor, codes: Tensor, shift: float) -> Tensor:
    """Return minus the mean of (F - b) S: codes are drawn together where features correspond by more than b.

    F is centred over the second image's places, so that no place corresponds to all; S is cut at 0.

    Args:
        features: (B, P, Q), how features correspond.
        codes: the same of codes.
        shift: b.
    """
    return -(codes.clamp_min(0) * (centred(features) - shift)).mean()


def centred(features: Tensor) -> Tensor:
    """Return correspondences (B, P, Q) less each place's mean, with the mean of all as it was."""
    found = features - features.mean(2, keepdim=True)
    return found - found.mean() + features.mean()


def best_loss(features: Tensor, shift: float) -> Tensor:
    """Return the lowest loss of any codes: S is 1 where features correspond by more than b, else 0."""
    return -(centred(features) - shift).clamp_min(0).mean()


def cluster_loss(codes: Tensor, centres: Tensor) -> Tensor:
    """Return minus the mean cosine of codes (B, C, h, w) to the nearest of the centres (K, C)."""
    return -cosines_to(codes.detach(), centres).amax(1).mean()
