"""Losses against values worked out by hand, and what the released form's loss is."""

import math

import torch
import torch.nn.functional as F

from mlmi2023.papers.clip_dr.losses import contrast, naive


def test_contrast_of_two_pairs_by_hand():
    own = torch.eye(2)
    assert math.isclose(contrast(own, own, 1.0).item(), 2 * math.log(1 + math.exp(-1)), rel_tol=1e-6)
    # one text for both, logits [[1, 1], [0, 0]]: images see equal texts; both texts see [1, 0], where the
    # first image is right for the first of them alone
    images, texts = math.log(2), (math.log(1 + math.exp(-1)) + math.log(1 + math.e)) / 2
    assert math.isclose(contrast(own, own[[0, 0]], 1.0).item(), images + texts, rel_tol=1e-6)


def test_a_wrong_partner_costs_more():
    own = torch.eye(3)
    assert contrast(own, own, 5.0) < contrast(own, own[[1, 2, 0]], 5.0) - 5


def test_where_images_share_their_class_s_text_the_direction_of_images_is_balanced_softmax():
    torch.manual_seed(0)
    classes = torch.tensor([0, 0, 0, 2, 2, 4])
    visual = F.normalize(torch.randn(6, 8), dim=1).requires_grad_()
    texts = F.normalize(torch.randn(5, 8), dim=1)
    logits = 7 * visual @ texts.T
    pairs = 7 * visual @ texts[classes].T
    images = F.cross_entropy(pairs, torch.arange(6))
    adjusted = naive(logits, classes, adjust=True)
    counts = torch.bincount(classes, minlength=5)[classes].float()
    torch.testing.assert_close(images - adjusted, counts.log().mean())
    one, other = (torch.autograd.grad(loss, visual, retain_graph=True)[0] for loss in (images, adjusted))
    torch.testing.assert_close(one, other)
    assert not torch.allclose(one, torch.autograd.grad(naive(logits, classes), visual)[0])


def test_naive_by_hand():
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]])
    classes = torch.tensor([1, 1])
    assert math.isclose(naive(logits, classes).item(), (math.log(4 / 3) + math.log(2)) / 2, rel_tol=1e-6)
    # class 0 is not in the batch, so nothing can be mistaken for it
    assert abs(naive(logits, classes, adjust=True).item()) < 1e-7
