"""Coarse labels and losses against values worked out otherwise."""

import numpy as np
import pytest
import torch

from mlmi2023.papers.prostate_cancer_ms.dpm import coarse_labels
from mlmi2023.papers.prostate_cancer_ms.losses import DetectionLoss, class_weights, pixel_loss
from mlmi2023.papers.prostate_cancer_ms.model import Answer


def labels(seed=0, size=32):
    """Two slices: a gland in the middle with some cancer, and one without."""
    rng = np.random.default_rng(seed)
    found = np.full((2, size, size), -1)
    found[:, 8:26, 6:27] = 0
    found[0, 9:12, 7:10] = 1
    found[0, 11:14, 9:13] = 2
    found[0, 20 + rng.integers(3), 20] = 1
    return torch.from_numpy(found)


def by_loops(maps, side):
    """The largest label of each patch, of numpy labels (B, H, W)."""
    count, rows, columns = maps.shape
    found = np.zeros((count, rows // side, columns // side), int)
    for b in range(count):
        for r in range(rows // side):
            for c in range(columns // side):
                patch = maps[b, side * r : side * (r + 1), side * c : side * (c + 1)]
                found[b, r, c] = max(patch[patch >= 0], default=-1)
    return found


def cross_entropy(logits, target):
    """Of each pixel, numpy: minus the logarithm of the true class's softmax."""
    power = np.exp(logits.detach().numpy().astype(float))
    chance = power / power.sum(1, keepdims=True)
    return -np.log(np.take_along_axis(chance, target[:, None], 1)[:, 0])


def test_coarse_labels_are_the_largest_of_each_patch():
    own = labels()
    quarter, sixteenth, whole = coarse_labels(own, outside="ignore")
    assert np.array_equal(quarter.numpy(), by_loops(own.numpy(), 4))
    assert np.array_equal(sixteenth.numpy(), by_loops(own.numpy(), 16))
    assert whole.flatten().tolist() == [2, 0]
    normal = coarse_labels(own)
    assert np.array_equal(normal[0].numpy(), np.maximum(by_loops(own.numpy(), 4), 0))
    assert (quarter == -1).any() and (normal[0] >= 0).all()
    # the patch with both kinds of cancer keeps the worse one, of pixels and gland the cancer
    assert quarter[0, 2, 2] == 2 and quarter[0, 2, 1] == 1 and quarter[0, 2, 4] == 0
    assert len(coarse_labels(own, 2)) == 2


def test_a_slice_without_any_gland_is_normal_or_nothing():
    none = torch.full((1, 32, 32), -1)
    assert [own.unique().tolist() for own in coarse_labels(none)] == [[0], [0], [0]]
    assert [own.unique().tolist() for own in coarse_labels(none, outside="ignore")] == [[-1], [-1], [-1]]
    logits, weights = torch.randn(1, 3, 32, 32), torch.ones(3)
    assert pixel_loss(logits, none, weights) == 0
    answer = Answer(logits, [], [torch.randn(1, 3, 8, 8), torch.randn(1, 3, 2, 2), torch.randn(1, 3, 1, 1)])
    assert DetectionLoss(weights, outside="ignore")(answer, none) == 0
    assert DetectionLoss(weights)(answer, none) > 0


def test_weights_of_classes_are_the_inverse_of_their_share():
    assert class_weights([600, 300, 100]).tolist() == pytest.approx([1000 / 600, 1000 / 300, 10])
    assert class_weights([50, 0, 50]).tolist() == [2, 0, 2]


def test_the_pixel_loss_is_the_weighted_mean_over_the_gland():
    torch.manual_seed(0)
    own, logits = labels(), torch.randn(2, 3, 32, 32)
    weights = class_weights(np.bincount(own[own >= 0].numpy()).tolist())
    inside = own.numpy() >= 0
    cost = cross_entropy(logits, np.maximum(own.numpy(), 0))
    wanted = (weights.numpy()[np.maximum(own.numpy(), 0)] * cost)[inside].mean()
    assert float(pixel_loss(logits, own, weights)) == pytest.approx(wanted, rel=1e-5)
    # what lies outside the gland has no say
    other = logits.clone()
    other[:, :, ~torch.from_numpy(inside[0])] += 5 * torch.randn(3, 1)
    assert float(pixel_loss(other, own, weights)) == pytest.approx(wanted, rel=1e-5)


def test_the_whole_loss_is_pixels_and_sides_and_half_of_the_decisions():
    torch.manual_seed(0)
    own, weights = labels(), class_weights([10, 3, 1])
    logits, side = torch.randn(2, 2, 3, 32, 32)
    coarse = [torch.randn(2, 3, side, side) for side in (8, 2, 1)]
    decisions = [
        cross_entropy(maps, np.maximum(by_loops(own.numpy(), size), 0)).mean()
        for maps, size in zip(coarse, (4, 16, 32))
    ]
    pixels, beside = (float(pixel_loss(maps, own, weights)) for maps in (logits, side))
    found = float(DetectionLoss(weights)(Answer(logits, [side], coarse), own))
    assert found == pytest.approx(pixels + beside + 0.5 * sum(decisions), rel=1e-5)
    keys = {"decision": 2.0, "scales": (1.0, 0.5, 0.0), "sides": 0.25}
    found = float(DetectionLoss(weights, **keys)(Answer(logits, [side], coarse), own))
    wanted = pixels + 0.25 * beside + 2 * (decisions[0] + 0.5 * decisions[1])
    assert found == pytest.approx(wanted, rel=1e-5)
    assert float(DetectionLoss(weights)(Answer(logits, [], []), own)) == pytest.approx(pixels, rel=1e-5)
    # fewer layers have the finest labels
    found = float(DetectionLoss(weights)(Answer(logits, [], coarse[:1]), own))
    assert found == pytest.approx(pixels + 0.5 * decisions[0], rel=1e-5)


def test_a_certain_and_right_answer_costs_nothing_and_swapped_classes_much():
    own = labels()
    right = torch.nn.functional.one_hot(own.clamp_min(0), 3).movedim(-1, 1).float() * 60
    coarse = [torch.nn.functional.one_hot(m, 3).movedim(-1, 1).float() * 60 for m in coarse_labels(own)]
    loss = DetectionLoss(class_weights([10, 3, 1]))
    assert float(loss(Answer(right, [right], coarse), own)) < 1e-6
    swapped = torch.tensor([0, 2, 1])
    assert float(loss(Answer(right[:, swapped], [], []), own)) > 1
    assert float(loss(Answer(right, [], [m[:, swapped] for m in coarse]), own)) > 0.1
    assert float(loss(Answer(right.roll(3, 2), [], []), own)) > 1
