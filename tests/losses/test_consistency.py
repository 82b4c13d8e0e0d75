"""Losses without labels, by values made by hand."""

import math

import pytest
import torch

from mlmi2023.losses.consistency import agreement, entropy, pseudo_labels, ramp_up


def test_entropy_is_nought_where_a_network_is_sure_and_log_c_where_it_is_not():
    even = torch.zeros(1, 4, 2, 2)
    assert entropy(even).item() == pytest.approx(math.log(4))
    sure = even.clone()
    sure[:, 1] = 60
    assert entropy(sure).item() == pytest.approx(0, abs=1e-6)
    halves = torch.tensor([0.25, 0.75]).log().view(1, 2, 1)
    assert entropy(halves).item() == pytest.approx(-0.25 * math.log(0.25) - 0.75 * math.log(0.75))


def test_agreement_is_the_mean_square_of_chances_and_moves_one_side_alone():
    logits = torch.tensor([0.25, 0.75]).log().view(1, 2, 1).requires_grad_()
    chances = torch.tensor([0.5, 0.5]).view(1, 2, 1).requires_grad_()
    loss = agreement(logits, chances)
    assert loss.item() == pytest.approx(0.0625)
    loss.backward()
    assert chances.grad is None and logits.grad[0, 0, 0] < 0  # towards more of the first class


def test_pseudo_labels_are_the_likeliest_classes_of_the_other():
    logits = torch.tensor([[0.2, 0.8], [0.9, 0.1]]).log()[:, :, None].requires_grad_()
    other = torch.tensor([[1.0, 3.0], [0.0, 2.0]])[:, :, None].requires_grad_()
    loss = pseudo_labels(logits, other)
    assert loss.item() == pytest.approx(-(math.log(0.8) + math.log(0.1)) / 2)
    loss.backward()
    assert other.grad is None


def test_the_weight_rises_to_one():
    values = [ramp_up(step, 100) for step in range(0, 130, 10)]
    assert (
        values == sorted(values)
        and values[0] == pytest.approx(math.exp(-5))
        and values[5] == pytest.approx(math.exp(-1.25))
    )
    assert values[10:] == [1, 1, 1] and ramp_up(0, 0) == 1
