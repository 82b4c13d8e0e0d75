"""The classification protocol against scikit-learn and values worked out by hand."""

import numpy as np
import pytest
from sklearn import metrics as reference

from mlmi2023.metrics.classification import (
    auroc,
    bootstrap_interval,
    brier,
    calibration_error,
    decide,
    delong,
    delong_interval,
    delong_test,
    in_percent,
    measure,
    youden_threshold,
)


def scores(classes, n=120, seed=0, sharpness=1.5):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    logits = rng.normal(size=(n, classes)) + sharpness * np.eye(classes)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return labels, np.round(probabilities[:, :-1], 2), probabilities


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_all_scores_equal_those_of_scikit_learn(classes):
    labels, _, probabilities = scores(classes)
    found = measure(labels, probabilities)
    argmax = probabilities.argmax(axis=1)
    assert found["acc"] == pytest.approx(reference.accuracy_score(labels, argmax))
    assert found["f1"] == pytest.approx(reference.f1_score(labels, argmax, average="macro"))
    one = probabilities[:, 1] if classes == 2 else probabilities
    assert found["auc"] == pytest.approx(
        reference.roc_auc_score(labels, one, multi_class="ovr", average="macro")
    )
    assert found["brier"] == pytest.approx(reference.brier_score_loss(labels, one))
    onehot = np.eye(classes)[labels]
    columns = [1] if classes == 2 else range(classes)
    pr = np.mean([reference.average_precision_score(onehot[:, c], probabilities[:, c]) for c in columns])
    assert found["auprc"] == pytest.approx(pr)
    recall = [reference.recall_score(labels == c, argmax == c) for c in columns]
    spec = [reference.recall_score(labels != c, argmax != c) for c in columns]
    assert found["sens"] == pytest.approx(np.mean(recall)) and found["spec"] == pytest.approx(np.mean(spec))


def test_auroc_counts_ties_half():
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.5, 0.5], [0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])
    assert auroc(labels, probabilities) == pytest.approx((0.5 + 1 + 1 + 1) / 4)
    assert auroc(labels, probabilities[:, ::-1]) == pytest.approx(0.125)
    assert np.isnan(auroc(np.zeros(4, int), probabilities))


def test_delong_variance_is_that_of_the_definition():
    labels, _, probabilities = scores(2, n=40)
    truth, score = labels == 1, np.round(probabilities[:, 1], 1)
    area, covariance = delong(truth, score)
    pairs = (score[truth][:, None] > score[~truth]) + 0.5 * (score[truth][:, None] == score[~truth])
    assert area[0] == pytest.approx(pairs.mean())
    by_hand = pairs.mean(axis=1).var(ddof=1) / truth.sum() + pairs.mean(axis=0).var(ddof=1) / (~truth).sum()
    assert covariance[0, 0] == pytest.approx(by_hand)


def test_delong_interval_covers_at_its_level_and_agrees_with_the_bootstrap():
    rng = np.random.default_rng(1)
    from scipy.stats import norm

    true_area = norm.cdf(1 / np.sqrt(2))
    truth = np.arange(120) < 50
    inside = 0
    for _ in range(300):
        _, low, high = delong_interval(truth, rng.normal(size=120) + truth)
        inside += low <= true_area <= high
    assert 0.91 <= inside / 300 <= 0.985
    score = rng.normal(size=120) + truth
    area, low, high = delong_interval(truth, score)
    drawn = bootstrap_interval(
        lambda rows: float(delong(truth[rows], score[rows])[0][0]),
        truth.astype(int),
        np.arange(120),
        resamples=600,
    )
    assert low < area < high
    np.testing.assert_allclose(drawn, (low, high), atol=0.03)


def test_delong_test_sees_a_difference_only_where_there_is_one():
    rng = np.random.default_rng(2)
    truth = np.arange(200) < 100
    signal = rng.normal(size=200)
    good, same, bad = (
        signal + 2 * truth,
        signal + 2 * truth + 0.01 * rng.normal(size=200),
        rng.normal(size=200),
    )
    assert delong_test(truth, good, bad) < 1e-4
    assert delong_test(truth, good, same) > 0.05
    assert delong_test(truth, good, good) == 1.0


def test_the_bootstrap_draws_subjects_whole():
    subjects = np.repeat(np.arange(20), 5)
    labels = (subjects < 10).astype(int)

    def fives(rows):
        assert (np.bincount(subjects[rows], minlength=20) % 5 == 0).all() and len(rows) == 100
        return 0.0

    assert bootstrap_interval(fives, labels, subjects, resamples=20) == (0.0, 0.0)


def test_calibration_error_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    labels = np.array([0, 1, 1, 1])
    # bins: 0.9 twice (one right), 0.8 (right), 0.6 (right)
    assert calibration_error(labels, probabilities) == pytest.approx((abs(1 - 1.8) + 0.2 + 0.4) / 4)
    assert calibration_error(np.array([0, 1]), np.eye(2)) == 0.0
    assert brier(labels, probabilities) == pytest.approx((0.01 + 0.81 + 0.04 + 0.16) / 4)


def test_the_operating_point_comes_from_validation_and_moves_the_decision():
    labels = np.array([0, 0, 0, 1, 1, 1])
    score = np.array([0.1, 0.2, 0.25, 0.3, 0.35, 0.9])
    cut = youden_threshold(labels, score)
    assert cut == pytest.approx(0.275)
    probabilities = np.stack([1 - score, score], axis=1)
    assert measure(labels, probabilities)["sens"] == pytest.approx(1 / 3)
    moved = measure(labels, probabilities, cut)
    assert moved["sens"] == moved["spec"] == moved["acc"] == 1.0
    assert decide(probabilities, 0.9).tolist() == [0, 0, 0, 0, 0, 1]
    with pytest.raises(ValueError, match="both classes"):
        youden_threshold(np.ones(3), score[:3])
    with pytest.raises(ValueError, match="two classes"):
        decide(np.eye(3), 0.5)


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [
        ([0, 1], [[0.5, 0.5]]),
        ([0], [[np.nan, 1.0]]),
        ([0], [[0.7, 0.7]]),
        ([2], [[0.5, 0.5]]),
        ([], np.zeros((0, 2))),
    ],
)
def test_broken_input_is_refused(labels, probabilities):
    with pytest.raises(ValueError):
        measure(np.array(labels), np.array(probabilities))


def test_swapped_classes_are_seen():
    labels, _, probabilities = scores(2, n=300, sharpness=3)
    right, wrong = measure(labels, probabilities), measure(labels, probabilities[:, ::-1])
    assert right["auc"] == pytest.approx(1 - wrong["auc"]) and right["acc"] == pytest.approx(1 - wrong["acc"])


def test_scores_are_in_percent_and_without_nan():
    found = in_percent({"acc": 0.5, "auc": float("nan"), "brier": 0.25})
    assert found == {"acc": 50.0, "brier": 0.25}
