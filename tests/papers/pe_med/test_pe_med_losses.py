"""The normalised focal loss by hand, against another way to write it, and its gradient."""

import math

import pytest
import torch

from mlmi2023.papers.pe_med.losses import NormalisedFocalLoss


def test_the_loss_by_hand():
    # probabilities of the object 0.8 and 0.4; the first pixel is object, the second is not
    logits = torch.tensor([0.8, 0.4]).logit().view(1, 1, 1, 2)
    target = torch.tensor([[[True, False]]])
    focus = (0.2**2, 0.4**2)
    wanted = -(0.5 * focus[0] * math.log(0.8) + 0.5 * focus[1] * math.log(0.6)) / sum(focus)
    assert float(NormalisedFocalLoss()(logits, target)) == pytest.approx(wanted, rel=1e-5)
    weighted = -(0.7 * focus[0] * math.log(0.8) + 0.3 * focus[1] * math.log(0.6)) / sum(focus)
    assert float(NormalisedFocalLoss(0.7)(logits, target)) == pytest.approx(weighted, rel=1e-5)


def test_the_loss_is_cross_entropy_scaled_by_a_factor_of_each_image():
    torch.manual_seed(0)
    logits, target = torch.randn(3, 1, 6, 6, requires_grad=True), torch.rand(3, 6, 6) > 0.6
    p = torch.sigmoid(logits[:, 0])
    right = torch.where(target, p, 1 - p)
    factor = (36 / ((1 - right) ** 2).sum((1, 2), keepdim=True)).detach()
    wanted = (-0.5 * factor * (1 - right) ** 2 * right.log()).mean()
    found = NormalisedFocalLoss()(logits, target)
    torch.testing.assert_close(found, wanted)
    own, other = (torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in (found, wanted))
    torch.testing.assert_close(own, other)


def test_the_loss_falls_to_nothing_for_what_is_right_and_for_nothing_else():
    target = torch.zeros(1, 4, 4, dtype=torch.bool)
    target[0, 1:3] = True
    right = torch.where(target[:, None], 20.0, -20.0)
    loss = NormalisedFocalLoss()
    assert float(loss(right, target)) < 1e-6 < 5 < float(loss(-right, target))
    assert torch.isfinite(loss(10 * right, target))
