"""The classification family on made-up data: controls, operating point, folds, and what breaks it."""

import numpy as np
import pytest

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.classification import measure
from mlmi2023.tasks.classification import (
    Answer,
    case_by_case,
    operating_point,
    pair,
    predict,
    prevalence,
    read_answers,
    rounded,
    score,
    truth,
)

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 2
CASES = [f"c{k}" for k in range(59)] + ["NA"]
VAL, TEST = np.arange(20), np.arange(20, 60)
#: well sorted, but all below 1/2: at 1/2 nobody would be positive
P = 0.1 + 0.2 * LABELS + 0.12 * RNG.random(60)


def job():
    return Job("p", "d", "m", 0, "nowhere", device="cpu")


def answer(p=P, **changes):
    return Answer(pair(p), TEST, VAL)._replace(**changes)


def scores(out, labels=LABELS, **kind):
    found = {}
    for value in score(job(), out, labels, cases=CASES, **kind):
        found.setdefault(value.metric, []).append(value.value)
    return {metric: np.mean(values) for metric, values in found.items()}


def predicted(tmp_path, *answers, **more):
    predict(job(), answers or [answer()], tmp_path / "out", CASES, **more)
    return tmp_path / "out"


def test_probabilities_come_back_as_they_were(tmp_path):
    ehr = np.where(LABELS == 1, P, np.nan)
    out = predicted(tmp_path, answer(columns={"ehr": ehr}), files={"z.npz": {"z": P}}, about={"lambda": 0.5})
    [stored] = read_answers(out, CASES)
    assert (stored.setting, stored.fold) == ("", None)
    assert np.array_equal(stored.probabilities("test"), pair(P)[TEST])
    assert np.array_equal(stored.rows("val"), VAL) and stored.of("test")["case"].iloc[-1] == "NA"
    assert np.array_equal(stored.of("test")["ehr"], ehr[TEST], equal_nan=True)
    assert (out / "z.npz").exists() and (out / "about.json").exists()
    assert rounded(np.array([[1 / 3, np.nan]]), 3).tolist()[0][0] == 0.333


def test_the_operating_point_is_that_of_held_out_cases(tmp_path):
    with_val = scores(predicted(tmp_path / "a"))
    assert with_val["acc"] == with_val["sens"] == 1
    without = scores(predicted(tmp_path / "b", answer(val=np.arange(0))))
    assert without["acc"] == 0.5 and without["sens"] == 0


def test_test_labels_do_not_move_the_threshold_and_validation_labels_do(tmp_path):
    [stored] = read_answers(predicted(tmp_path))
    threshold = stored.threshold(LABELS)
    assert 0.22 < threshold < 0.3
    for rows, same in ((TEST, True), (VAL, False)):
        changed = LABELS.copy()
        changed[rows] = 1 - changed[rows]
        assert (stored.threshold(changed) == threshold) == same
    # test scores far from those of validation must not draw the threshold to them
    shifted = P.copy()
    shifted[TEST] += 0.5
    [moved] = read_answers(predicted(tmp_path / "moved", answer(shifted)))
    assert moved.threshold(LABELS) == threshold


@pytest.mark.parametrize("measures", [measure, case_by_case])
def test_swapped_classes_turn_the_scores_around(tmp_path, measures):
    noise = np.clip(0.5 + 0.2 * (LABELS - 0.5) + 0.3 * RNG.standard_normal(60), 0.01, 0.99)
    area = "auc" if measures is measure else "auroc"
    right = scores(predicted(tmp_path / "a", answer(noise)), measures=measures)
    wrong = scores(predicted(tmp_path / "b", answer(1 - noise)), measures=measures)
    assert right[area] > 0.6 and wrong[area] == pytest.approx(1 - right[area])
    swapped = LABELS.copy()
    swapped[TEST] = 1 - swapped[TEST]
    other = scores(tmp_path / "a" / "out", swapped, measures=measures)
    assert other["acc"] == pytest.approx(1 - right["acc"])


def test_scores_case_by_case_have_the_score_as_their_mean(tmp_path):
    out = predicted(tmp_path)
    whole, each = scores(out), scores(out, measures=case_by_case)
    assert each["acc"] == pytest.approx(whole["acc"]) and each["auroc"] == pytest.approx(whole["auc"])
    found = [v for v in score(job(), out, LABELS, case_by_case) if v.metric == "acc"]
    assert [v.case for v in found] == [CASES[row] for row in TEST]
    assert {v.case for v in score(job(), out, LABELS, case_by_case) if v.metric == "brier"} == {""}


def test_controls_are_floor_and_ceiling(tmp_path):
    floor, ceiling = prevalence(LABELS, np.arange(3), 2), truth(LABELS, 2)
    assert floor.shape == ceiling.shape == (60, 2) and floor[7] == pytest.approx([2 / 3, 1 / 3])
    low = scores(predicted(tmp_path / "low", answer()._replace(probabilities=floor)))
    high = scores(predicted(tmp_path / "high", answer()._replace(probabilities=ceiling)))
    assert low["auc"] == 0.5 and low["sens"] == 0 and low["spec"] == 1
    assert high["acc"] == high["auc"] == high["f1"] == 1 and high["brier"] == 0


def test_several_folds_and_settings_in_one_run(tmp_path):
    halves = np.split(np.arange(60), 2)
    answers = [
        Answer(pair(P if setting == "a" else 1 - P), halves[fold], halves[1 - fold][:10], setting, fold)
        for setting in ("a", "b")
        for fold in (0, 1)
    ]
    out = predicted(tmp_path, *answers)
    found = [v for v in score(job(), out, LABELS) if v.metric == "auc"]
    assert [(v.setting, v.case, v.fold) for v in found] == [
        ("a", "fold-00", 0), ("a", "fold-01", 1), ("b", "fold-00", 0), ("b", "fold-01", 1),
    ]  # fmt: skip
    assert [v.value for v in found] == [1, 1, 0, 0]
    assert sorted(np.concatenate([s.rows("test") for s in read_answers(out) if s.setting == "a"])) == [
        *range(60)
    ]


def test_subsets_are_scored_under_their_own_setting(tmp_path):
    early = np.arange(60) < 30
    out = predicted(tmp_path)
    found = list(score(job(), out, LABELS, case_by_case, {"early": early, "late": ~early}))
    cases = {s: {v.case for v in found if v.setting == s and v.metric == "acc"} for s in ("early", "late")}
    assert cases["early"] == {CASES[k] for k in range(20, 30)}
    assert cases["late"] == {CASES[k] for k in range(30, 60)}


def test_operating_points():
    assert operating_point(np.array([0, 1]), np.array([0.4, 0.4])) == 0.5
    close = 0.361 + 1e-11 * np.arange(6)
    assert ((close >= operating_point(np.array([0, 0, 0, 1, 1, 1]), close)) == [0, 0, 0, 1, 1, 1]).all()
    with pytest.raises(InputError, match="both classes"):
        operating_point(np.ones(5), np.arange(5.0))


def test_broken_answers_are_one_line_and_leave_nothing(tmp_path):
    for wrong in (answer(P * np.nan), answer()._replace(probabilities=3 * pair(P))):
        with pytest.raises(InputError, match="diverged"):
            predicted(tmp_path, wrong)
    with pytest.raises(InputError, match="no test cases"):
        predicted(tmp_path, answer(test=np.arange(0)))
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="cannot be read"):
        read_answers(tmp_path)
    out = predicted(tmp_path)
    with pytest.raises(InputError, match="cases of another cohort"):
        read_answers(out, CASES[::-1])
    with pytest.raises(InputError, match="cases of another cohort"):
        read_answers(out, CASES[:10])
