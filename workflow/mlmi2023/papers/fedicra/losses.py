"""The local objective (Eqs. 2, 5, 8, 9): partial cross-entropy, site contrast, tree energy, gated CRF."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.papers.fedicra.gated_crf import gated_crf
from mlmi2023.papers.fedicra.model import Seen, SiteUnet
from mlmi2023.papers.fedicra.options import Task, Weights
from mlmi2023.papers.fedicra.tree import tree_energy


def partial_cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Return the mean cross-entropy of labelled pixels (Eq. 5); 0 where nothing is labelled.

    Args:
        logits: (B, K, H, W).
        label: (B, H, W), class + 1; 0: no label.
    """
    if not bool((label > 0).any()):
        return logits.sum() * 0
    return F.cross_entropy(logits, label.long() - 1, ignore_index=-1)


def site_contrast(net: SiteUnet, seen: Seen, site: int) -> Tensor:
    """Return L_con (Eq. 2): minus the mean distance of the site's attention to those of other codes.

    Distances are means over channels and images; others' attentions pass no gradient on.
    """
    assert net.scr is not None and seen.attention is not None
    others = [number for number in range(net.scr.sites) if number != site]
    if not others:
        return seen.attention.sum() * 0
    with torch.no_grad():
        attentions = [net.scr(seen.bottom, number) for number in others]
    return -torch.stack([(seen.attention - other).abs().mean() for other in attentions]).mean()


def local_loss(
    net: SiteUnet, seen: Seen, image: Tensor, label: Tensor, site: int, weights: Weights, task: Task
) -> dict[str, Tensor]:
    """Return the parts of a site's objective, each with its weight (Eqs. 8 and 9); their sum is L_i.

    Args:
        net: that has seen the images.
        seen: what it left.
        image: (B, channels, H, W) in [0, 1].
        label: (B, H, W), class + 1; 0: no label.
        site: number of the site.
        weights: lambda 1 to 3.
        task: sizes of tree and CRF.
    """
    parts = {"pce": partial_cross_entropy(seen.logits, label)}
    if weights.tree:
        high = (seen.stages[1], seen.stages[2])
        parts["tree"] = weights.tree * tree_energy(seen.logits, image, high, label > 0, task.tree)
    if weights.crf:
        parts["crf"] = weights.crf * gated_crf(seen.logits.softmax(1), image, task.crf)
    if weights.con:
        parts["con"] = weights.con * site_contrast(net, seen, site)
    return parts
