"""Losses of masks and distances, and the sums that networks are trained with (Eqs. 6 to 10)."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.papers.echo_myocardium import flow_losses as flows
from mlmi2023.papers.echo_myocardium.discriminator import LABELLED, UNLABELLED, of_kind
from mlmi2023.papers.echo_myocardium.distances import distances_of
from mlmi2023.papers.echo_myocardium.model import Answer, channels_of, myocardium_of
from mlmi2023.papers.echo_myocardium.options import FlowLosses, Shape

#: share of all steps in which the weight of the discriminator rises, its end, and how steeply (SASSNet)
STEEP = 5.0


def dice_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Return 1 - soft Dice with squares below, as V-Net has it, the mean over frames and both channels.

    Args:
        logits: (B, 2, H, W).
        masks: the same, 0 or 1.
    """
    chance = torch.sigmoid(logits)
    overlap = 2 * (chance * masks).sum((2, 3)) + 1e-5
    return 1 - (overlap / (chance.square().sum((2, 3)) + masks.square().sum((2, 3)) + 1e-5)).mean()


def hybrid_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Return cross-entropy + (1 - SSIM) + (1 - IoU), the loss of BASNet; MONAI's SSIM sees 11 pixels."""
    from monai.losses import SSIMLoss

    chance = torch.sigmoid(logits)
    overlap = (chance * masks).sum((2, 3))
    union = chance.sum((2, 3)) + masks.sum((2, 3)) - overlap
    alike = SSIMLoss(spatial_dims=2, data_range=1.0)
    return (  # type: ignore[no-any-return]
        F.binary_cross_entropy_with_logits(logits, masks)
        + alike(chance, masks)
        + 1
        - ((overlap + 1e-5) / (union + 1e-5)).mean()
    )


LOSSES = {"dice": dice_loss, "hybrid": hybrid_loss}


def supervised(kind: str, logits: Sequence[Tensor], labels: Tensor) -> Tensor:
    """Return the sum of the losses of a network's outputs, all at the size of the labels.

    U2-Net and BASNet weight each output by 1. In a mean the final one would have a seventh of the weight that
    each direction of Eq. 5 has on the same masks.

    Args:
        kind: of the loss.
        logits: (M, 2, H, W) each, of frames that have labels.
        labels: (M, H, W).
    """
    masks = channels_of(labels)
    return torch.stack([LOSSES[kind](own, masks) for own in logits]).sum()


def distance_loss(found: Tensor, labels: Tensor) -> Tensor:
    """Return the mean square difference of answered distances (M, 1, H, W) to those of labels (Eq. 8)."""
    return F.mse_loss(found, distances_of(labels))


def critic_weight(keys: Shape, done: float) -> float:
    """Return lambda_d after a share of the training: a sigmoid-shaped rise as in SASSNet (Eq. 8)."""
    left = 1 - min(1.0, done / keys.ramp) if keys.ramp else 0.0
    return keys.weight * math.exp(-STEEP * left * left)


def fooling(critic: Any, images: Tensor, distances: Tensor) -> Tensor:
    """Return the loss of frames without labels that are to pass for labelled ones (Eq. 9)."""
    return of_kind(critic(images, distances), LABELLED)


def telling_apart(critic: Any, labelled: tuple[Tensor, Tensor], unlabelled: tuple[Tensor, Tensor]) -> Tensor:
    """Return the discriminator's loss (Eq. 10); each pair is (images, distances)."""
    return of_kind(critic(*labelled), LABELLED) + of_kind(critic(*unlabelled), UNLABELLED)


def flow_terms(keys: FlowLosses, clip: Tensor, answer: Answer, done: float) -> Tensor:
    """Return the loss of optical flow (Eq. 6) of all neighbouring frames of clips.

    Args:
        keys: weights, and which terms see the heat map.
        clip: (B, N, 1, H, W) in 0 to 1.
        answer: of the network.
        done: share of the training that is behind.
    """
    assert answer.forward is not None and answer.back is not None
    one, two = clip[:, :-1].flatten(0, 1), clip[:, 1:].flatten(0, 1)
    forward, back = answer.forward.flatten(0, 1), answer.back.flatten(0, 1)
    seen, seen_back = flows.visible(forward, back).detach(), flows.visible(back, forward).detach()
    first, second = one, two
    weight, weight_back = seen, seen_back
    if keys.heat:
        # without a gradient: else the network shrinks its masks to have less to explain
        heat = myocardium_of(answer.logits[0]).detach()
        hot, hot_next = heat[:, :-1].flatten(0, 1), heat[:, 1:].flatten(0, 1)
        first, second = one * hot, two * hot_next
        weight = seen * torch.maximum(hot, flows.warp(hot_next, forward.detach()))
        weight_back = seen_back * torch.maximum(hot_next, flows.warp(hot, back.detach()))
    total = clip.new_zeros(())
    for share, loss in ((keys.photometric, flows.photometric), (keys.census, flows.census)):
        if share:
            there, here = loss(first, second, forward, weight), loss(second, first, back, weight_back)
            total = total + share * (there + here) / 2
    if keys.smoothness:
        rising = keys.smoothness * (1 + keys.rising * keys.epochs * done)
        total = total + rising * (flows.smoothness(one, forward) + flows.smoothness(two, back)) / 2
    if keys.dice and done >= keys.warm_up:
        chance = torch.sigmoid(answer.logits[0])
        pair = chance[:, :-1].flatten(0, 1), chance[:, 1:].flatten(0, 1)
        total = total + keys.dice * flows.flow_dice(*pair, forward, back)
    if keys.orientation:
        total = total + keys.orientation * flows.incongruence(answer.forward)
    return total
