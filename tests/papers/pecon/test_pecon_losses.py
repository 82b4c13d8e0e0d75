"""Losses of PECon against values worked out by hand and against slow loops over their formulas."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from mlmi2023.papers.pecon.losses import barlow_twins, info_nce, supervised_contrastive


def vectors(count, size=5, seed=0):
    return normalize(
        torch.randn(count, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=1
    )


def by_the_letter(z, labels, tau):
    """Eq. 1, index by index."""
    total = 0.0
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        positives = [p for p in others if labels[p] == labels[i]]
        below = sum(math.exp(float(z[i] @ z[a]) / tau) for a in others)
        terms = [math.log(math.exp(float(z[i] @ z[p]) / tau) / below) for p in positives]
        if positives:
            total += -sum(terms) / len(positives)
    return total


def test_equation_1_by_hand():
    # two patients of different class: z of scan and record coincide within a patient, patients are at right
    # angles. Each anchor has one positive (its partner, similarity 1) and two negatives (similarity 0):
    # -log(e / (e + 2)) at tau = 1, four times
    z = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    got = supervised_contrastive(z, torch.tensor([1, 0, 1, 0]), temperature=1.0, reduction="sum")
    assert float(got) == pytest.approx(4 * math.log((math.e + 2) / math.e), rel=1e-6)


def test_equation_1_by_the_letter():
    z, labels = vectors(12), torch.tensor([0, 1, 1, 0, 0, 1] * 2)
    got = supervised_contrastive(z, labels, 0.8, "sum")
    assert float(got) == pytest.approx(by_the_letter(z, labels, 0.8), rel=1e-9)
    assert float(supervised_contrastive(z, labels, 0.8, "mean")) == pytest.approx(float(got) / 12)


def test_both_modalities_of_all_patients_of_a_class_are_positives():
    # moving the record of one patient towards the scan of ANOTHER of its class must lower the loss
    apart = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
    closer = apart.clone()
    closer[3] = normalize(torch.tensor([[1.0, 0, 1.0]], dtype=torch.float64), dim=1)
    labels = torch.tensor([1, 1, 0, 1])
    assert supervised_contrastive(closer, labels) < supervised_contrastive(apart, labels)
    # and with the other label it must raise it
    labels = torch.tensor([1, 1, 0, 0])
    assert supervised_contrastive(closer, labels) > supervised_contrastive(apart, labels)


def test_swapping_classes_changes_nothing_and_shifting_labels_does():
    z, labels = vectors(8), torch.tensor([0, 1, 1, 0, 0, 0, 1, 0])
    assert torch.isclose(supervised_contrastive(z, labels), supervised_contrastive(z, 1 - labels))
    assert not torch.isclose(supervised_contrastive(z, labels), supervised_contrastive(z, labels.roll(1)))


def test_descent_separates_classes():
    z = torch.randn(16, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
    labels = torch.tensor([0, 1] * 8)
    optimiser = torch.optim.SGD([z], 1.0)
    for _ in range(100):
        optimiser.zero_grad()
        supervised_contrastive(normalize(z, dim=1), labels, 0.5).backward()
        optimiser.step()
    similarity = normalize(z, dim=1) @ normalize(z, dim=1).T
    same = labels[:, None] == labels[None]
    assert similarity[same].min() > similarity[~same].max()


def test_lonely_anchors_add_nothing():
    z = vectors(3)
    assert float(supervised_contrastive(z, torch.tensor([0, 1, 2]))) == 0
    assert float(supervised_contrastive(z[:1], torch.tensor([0]))) == 0
    two = supervised_contrastive(z, torch.tensor([1, 1, 0]), 0.8, "sum")
    assert float(two) == pytest.approx(by_the_letter(z, [1, 1, 0], 0.8))
    assert float(supervised_contrastive(z, torch.tensor([1, 1, 0]), 0.8)) == pytest.approx(float(two) / 2)


def test_info_nce_by_hand():
    # orthogonal pairs that coincide: both directions are log(1 + e^-2) at scale 2
    z = torch.eye(2)
    assert float(info_nce(z, z, 2.0)) == pytest.approx(math.log(1 + math.exp(-2)))
    assert float(info_nce(z, z.flip(0), 2.0)) == pytest.approx(math.log(1 + math.exp(2)))


def test_info_nce_weighs_its_directions():
    a, b = vectors(4, seed=2), vectors(4, seed=3)
    forth, back = info_nce(a, b, 1.0, 1.0), info_nce(a, b, 1.0, 0.0)
    assert not torch.isclose(forth, back)
    assert torch.isclose(info_nce(a, b, 1.0, 0.75), 0.75 * forth + 0.25 * back)
    assert torch.isclose(info_nce(b, a, 1.0, 0.0), forth)


def test_info_nce_pushes_patients_of_one_class_apart():
    # the labels do not enter: a neighbour of the same class is a negative, which is what the paper criticises
    z = vectors(4)
    alike = z.clone()
    alike[1] = alike[0]
    assert info_nce(alike, alike, 5.0) > info_nce(z, z, 5.0)


def test_barlow_twins_by_hand():
    # columns with correlation 1 and 0: two perfectly decorrelated features that agree
    a = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert float(barlow_twins(a, a)) == pytest.approx(0, abs=1e-6)
    # anticorrelated twins: (1 - -1)^2 per feature; off the diagonal 0
    assert float(barlow_twins(a, -a)) == pytest.approx(8, rel=1e-5)
    # two equal features: nothing on the diagonal, two ones off it
    twin = a[:, [0, 0]]
    assert float(barlow_twins(twin, twin, off_diagonal=0.25)) == pytest.approx(0.5, rel=1e-4)
