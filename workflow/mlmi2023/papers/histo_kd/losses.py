"""What trains the embeddings of both branches: VICReg (Bardes et al., 2022), SimCLR (Chen et al., 2020)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.papers.histo_kd.options import Simclr, Vicreg

#: added to variances before the root
EPSILON = 1e-5


class Terms(NamedTuple):
    """VICReg's terms, without weights."""

    invariance: Tensor
    variance: Tensor
    covariance: Tensor


def variance_term(z: Tensor) -> Tensor:
    """Return how far the spread of each number falls short of 1, a mean; z is (B, d), B at least 2."""
    return F.relu(1 - torch.sqrt(z.var(dim=0) + EPSILON)).mean()


def covariance_term(z: Tensor) -> Tensor:
    """Return the sum of squared covariances of different numbers, by d; z is (B, d), B at least 2."""
    centred = z - z.mean(dim=0)
    covariance = centred.T @ centred / (len(z) - 1)
    squares = covariance.square()
    return (squares.sum() - torch.diagonal(squares).sum()) / z.shape[1]


def vicreg_terms(a: Tensor, b: Tensor) -> Terms:
    """Return the terms of embeddings (B, d), row by row partners; the last two are sums over branches."""
    return Terms(
        F.mse_loss(a, b),
        variance_term(a) + variance_term(b),
        covariance_term(a) + covariance_term(b),
    )


def vicreg(a: Tensor, b: Tensor, own: Vicreg) -> Tensor:
    """Return VICReg's loss of embeddings (B, d), row by row partners."""
    terms = vicreg_terms(a, b)
    invariance = own.invariance * (2 if own.twice else 1)
    return invariance * terms.invariance + own.variance * terms.variance + own.covariance * terms.covariance


def nt_xent(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """Return SimCLR's loss of embeddings (B, d), row by row partners.

    The partner of each of the 2B embeddings is to be told, by cosine, from the 2B - 2 that are neither it nor
    the embedding itself.
    """
    z = F.normalize(torch.cat([a, b]), dim=1)
    count = len(a)
    itself = torch.eye(2 * count, dtype=torch.bool, device=z.device)
    similarity = (z @ z.T / temperature).masked_fill(itself, float("-inf"))
    partner = torch.arange(2 * count, device=z.device).roll(count)
    return F.cross_entropy(similarity, partner)


def loss_of(a: Tensor, b: Tensor, own: Vicreg | Simclr) -> Tensor:
    """Return the loss that a method's options name."""
    return vicreg(a, b, own) if isinstance(own, Vicreg) else nt_xent(a, b, own.temperature)


def found_partners(a: Tensor, b: Tensor, own: Vicreg | Simclr) -> Tensor:
    """Return which of a batch's first views have their own partner nearest, (B,) bool.

    Near is what the loss calls so: a small distance with VICReg, a large cosine with SimCLR. Where an
    embedding is as near to others as to its partner, the partner is not found.
    """
    if isinstance(own, Vicreg):
        near = -torch.cdist(a.float(), b.float(), compute_mode="donot_use_mm_for_euclid_dist")
    else:
        near = F.normalize(a.float(), dim=1) @ F.normalize(b.float(), dim=1).T
    others = near.clone().fill_diagonal_(float("-inf"))
    return torch.diagonal(near) > others.amax(dim=1)
