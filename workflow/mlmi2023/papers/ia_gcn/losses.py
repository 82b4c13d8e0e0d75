"""The loss of Eq. 1: cross-entropy, and the entropy and size of the feature mask (Sect. 2.4).

Printed is L = (1 - alpha) L_c + alpha (alpha_1 F_MEL + alpha_2 F_MSL), but Table 2 has it the other way round:
at its alpha = 0 all weights vanish and the accuracy is that of the largest class, as if nothing but the mask
were trained, and at alpha = 1 the mask is not sparse. So the tabulated alpha weighs the cross-entropy. Here the
two weights have names of their own, ``alpha_ce`` and ``alpha_mask``.
"""

import torch
from torch import Tensor

LEAST = 1e-12  # keeps the logarithm finite; the entropy of such a weight is 4e-11


def mask_entropy(weights: Tensor) -> Tensor:
    """Return F_MEL = -sum m' log2 m' of weights (D,) in [0, 1].

    It has no part in 1 - m', as printed: 0 at both ends and largest at 1/e, not at 1/2.
    """
    kept = weights.clamp_min(LEAST)
    return -(kept * torch.log2(kept)).sum()


def mask_size(weights: Tensor) -> Tensor:
    """Return F_MSL = sum m' of weights (D,)."""
    return weights.sum()


def total_loss(
    cross_entropy: Tensor,
    weights: Tensor,
    alpha_ce: float,
    alpha_mask: float,
    alpha1: float,
    alpha2: float,
    per_feature: bool = True,
) -> Tensor:
    """Return Eq. 1.

    Args:
        cross_entropy: L_c, a scalar.
        weights: M', (D,).
        alpha_ce: weight of L_c; 1 - alpha of Eq. 1, alpha of Table 2.
        alpha_mask: weight of the mask's terms; alpha of Eq. 1, 1 - alpha of Table 2.
        alpha1: weight of the entropy F_MEL.
        alpha2: weight of the size F_MSL.
        per_feature: divide ``alpha1`` and ``alpha2`` by the number of features D, so that the same numbers
            mean the same for tables of any width.
    """
    scale = 1 / weights.numel() if per_feature else 1.0
    mask = alpha1 * mask_entropy(weights) + alpha2 * mask_size(weights)
    return alpha_ce * cross_entropy + alpha_mask * scale * mask
