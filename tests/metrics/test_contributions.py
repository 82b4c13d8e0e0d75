"""Contributions of cases: their mean is the score, their spread that of DeLong and of the delta method."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from mlmi2023.metrics import contributions


@pytest.fixture
def scored():
    rng = np.random.default_rng(3)
    labels = (rng.random(160) < 0.4).astype(int)
    return labels, np.round(rng.standard_normal(160) + 1.2 * labels, 1)  # rounded: with ties


def test_means_are_the_scores(scored):
    labels, scores = scored
    found = (scores > 0.5).astype(int)
    assert contributions.auroc(labels, scores).mean() == pytest.approx(roc_auc_score(labels, scores))
    assert contributions.f1(labels, found).mean() == pytest.approx(f1_score(labels, found))
    assert contributions.accuracy(labels, found).mean() == pytest.approx((labels == found).mean())


def test_f1_by_hand():
    # one hit, one miss, one false alarm, one rightly left: F1 = 2 / 4; b = 2, 1, 1, 0 with mean 1
    got = contributions.f1(np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0]))
    assert got.tolist() == [0.5 + (2 - 0.5 * 2), 0.5 - 0.5, 0.5 - 0.5, 0.5]


def test_auroc_by_hand():
    # positives 3 and 1, negatives 2 and 0: 3 beats both, 1 beats one; area 3/4
    got = contributions.auroc(np.array([1, 1, 0, 0]), np.array([3.0, 1.0, 2.0, 0.0]))
    assert got == pytest.approx([0.75 + 2 * 0.25, 0.75 - 2 * 0.25, 0.75 - 2 * 0.25, 0.75 + 2 * 0.25])


def test_swapped_labels_turn_the_area_around(scored):
    labels, scores = scored
    area = contributions.auroc(labels, scores).mean()
    assert contributions.auroc(1 - labels, scores).mean() == pytest.approx(1 - area)
    assert area > 0.7


def test_spread_is_delong_s(scored):
    labels, scores = scored
    positive, negative = scores[labels == 1], scores[labels == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    m, n = wins.shape
    biased = wins.mean(1).var() / m + wins.mean(0).var() / n
    values = contributions.auroc(labels, scores)
    assert values.var() / len(values) == pytest.approx(biased)


def test_spread_of_f1_is_that_of_a_bootstrap(scored):
    labels, scores = scored
    found = (scores > 0.5).astype(int)
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(labels), (2000, len(labels)))
    boot = [f1_score(labels[d], found[d]) for d in draws]
    values = contributions.f1(labels, found)
    assert values.std() / np.sqrt(len(values)) == pytest.approx(np.std(boot), rel=0.1)


def test_one_class_has_no_area_and_no_positive_no_f1():
    assert np.isnan(contributions.auroc(np.ones(3), np.arange(3.0))).all()
    assert contributions.f1(np.zeros(3), np.zeros(3)).tolist() == [0, 0, 0]
