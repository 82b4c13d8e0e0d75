"""Losses of the pretraining: the paper's (Eq. 1) and those that it is compared with (Table 3)."""

import torch
import torch.nn.functional as F
from torch import Tensor


def supervised_contrastive(
    z: Tensor, labels: Tensor, temperature: float = 0.8, reduction: str = "mean"
) -> Tensor:
    """Return Eq. 1 over the embeddings of both modalities.

    Each embedding is pulled to all others of its label, whichever modality and exam they come from, its own
    partner among them, and pushed from all others. An embedding without any other of its label adds nothing.

    Args:
        z: (M, d) of unit length; M is 2B, less where a modality is missing.
        labels: (M,).
        temperature: tau.
        reduction: ``sum`` over anchors as printed, or their ``mean``.
    """
    if len(z) < 2:
        return z.sum() * 0.0
    similarity = z @ z.T / temperature
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    log_share = similarity - torch.logsumexp(
        similarity.masked_fill(itself, float("-inf")), dim=1, keepdim=True
    )
    count = positive.sum(dim=1)
    per_anchor = -(log_share * positive).sum(dim=1) / count.clamp_min(1)
    if reduction == "sum":
        return per_anchor.sum()
    return per_anchor.sum() / (count > 0).sum().clamp_min(1)


def info_nce(z_c: Tensor, z_e: Tensor, scale: Tensor | float, weight: float = 0.5) -> Tensor:
    """Return the bidirectional loss of ConVIRT and of CLIP: only the partner is a positive.

    Args:
        z_c: (B, d) of unit length.
        z_e: (B, d) of unit length, row by row the partners.
        scale: inverse temperature.
        weight: of the direction CT to record; the other has 1 - ``weight``.
    """
    similarity = z_c @ z_e.T * scale
    partner = torch.arange(len(z_c), device=z_c.device)
    forth, back = F.cross_entropy(similarity, partner), F.cross_entropy(similarity.T, partner)
    return weight * forth + (1 - weight) * back


def barlow_twins(a: Tensor, b: Tensor, off_diagonal: float = 0.005) -> Tensor:
    """Return Barlow Twins' loss: the cross-correlation of the two embeddings should be the identity.

    Args:
        a: (B, d), B at least 2.
        b: (B, d), row by row the partners.
        off_diagonal: weight of the redundancy term.
    """
    a, b = ((x - x.mean(dim=0)) / (x.std(dim=0, correction=0) + 1e-6) for x in (a, b))
    correlation = a.T @ b / len(a)
    diagonal = torch.diagonal(correlation)
    squares = correlation.square()
    return (1 - diagonal).square().sum() + off_diagonal * (squares.sum() - torch.diagonal(squares).sum())


def prevalence_loss(train: Tensor, judged: Tensor) -> float:
    """Return the mean cross-entropy on labels ``judged`` of predicting the share of ones in ``train``."""
    share = float(train.float().mean().clamp(1e-3, 1 - 1e-3))
    return float(F.binary_cross_entropy(torch.full(judged.shape, share), judged.cpu().float()))
