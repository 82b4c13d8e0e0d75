"""Each loss against values worked out by hand."""

import math

import pytest
import torch

from mlmi2023.papers.unoranic.losses import consistency, reconstruction

#: codes of two images in three variants
CODES = [
    torch.tensor(rows)
    for rows in ([[0.0, 0.0], [1.0, 1.0]], [[3.0, 4.0], [1.0, 1.0]], [[0.0, 0.0], [1.0, 3.0]])
]


def test_consistency_is_the_mean_over_pairs():
    # pairs (1, 2): 25 and 0; (1, 3): 0 and 4; (2, 3): 25 and 4; over two numbers, two images, three pairs
    assert consistency(CODES).item() == pytest.approx((25 + 0 + 0 + 4 + 25 + 4) / (2 * 2 * 3))
    norms = (5 + 0) / 2 + (0 + 2) / 2 + (5 + 2) / 2
    assert consistency(CODES, "norm").item() == pytest.approx(norms / 3, abs=1e-4)
    assert consistency([CODES[0]] * 3).item() == 0


def test_consistency_pulls_codes_together():
    codes = [code.clone().requires_grad_() for code in CODES]
    consistency(codes).backward()
    moved = [code.detach() - 0.1 * code.grad for code in codes]
    assert consistency(moved) < consistency(CODES)


@pytest.mark.parametrize("distance", ["mean_square", "norm"])
def test_reconstruction(distance):
    wanted = torch.zeros(2, 1, 2, 3)
    found = wanted.clone()
    found[0, 0, 0, 0], found[0, 0, 1, 2], found[1, 0, 0, 0] = 3.0, -4.0, 2.0
    by_hand = {"mean_square": (9 + 16 + 4) / 12, "norm": (5 / 6 + 2 / 6) / 2}
    assert reconstruction(found, wanted, distance).item() == pytest.approx(by_hand[distance], abs=1e-5)


def test_the_printed_norm_has_a_slope_at_nothing():
    same = torch.zeros(2, 3, requires_grad=True)
    consistency([same, torch.zeros(2, 3)], "norm").backward()
    assert math.isfinite(float(same.grad.abs().sum()))
