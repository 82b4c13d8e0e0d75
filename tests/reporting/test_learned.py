"""Learned or not: the status of a training by its curve, and that of a row by its trainings."""

import json

import numpy as np
import pytest

from mlmi2023.core.errors import InputError
from mlmi2023.reporting.learned import combine, gather_learned, read_learned, write_learned
from mlmi2023.training.loop.plan import Plan, Schedule
from mlmi2023.training.loop.status import (
    NOT_KNOWN,
    NOT_LEARNED,
    RISING,
    SETTLED,
    TRAIN_LOSS,
    Measure,
    judge,
    mean_over_repeats,
)

DICE = Measure("val_dice", floor=0.0)
LOSS = Measure("loss", "lower", ceiling=0.0)


def curve(values, name="val_dice", every=25):
    return [{"step": every * k, name: v} for k, v in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "measure", "status"),
    [
        ([0.0, 0.6, 0.7, 0.72, 0.72], DICE, SETTLED),
        ([0.0, 0.2, 0.4, 0.6, 0.8], DICE, RISING),
        ([0.0, 0.0, 0.0, 0.0, 0.8], DICE, RISING),
        ([0.0, 0.003, 0.001, 0.002, 0.003], DICE, NOT_LEARNED),
        ([0.1, 0.1, 0.1, 0.1, 0.1], DICE, NOT_LEARNED),
        # 0.049 and 0.051 of the way from the value before the first step, which beats the control's 0
        ([0.5, 0.5245, 0.5245, 0.5245, 0.5245], DICE, NOT_LEARNED),
        ([0.5, 0.5255, 0.5255, 0.5255, 0.5255], DICE, SETTLED),
        # a tenth of the gain in the last quarter is not more than a tenth
        ([0.0, 0.4, 0.45, 0.45, 0.4999], DICE, SETTLED),
        ([0.0, 0.4, 0.44, 0.44, 0.5], DICE, RISING),
        # what was gained and lost again was gained
        ([0.0, 0.8, 0.3, 0.1, 0.2], DICE, SETTLED),
        ([2.0, 0.5, 0.3, 0.29, 0.3], LOSS, SETTLED),
        ([2.0, 1.7, 1.4, 1.1, 0.8], LOSS, RISING),
        ([2.0, 1.95, 1.95, 1.93, 1.92], LOSS, NOT_LEARNED),
        ([2.0, 2.5, 3.0, 2.2, 2.1], LOSS, NOT_LEARNED),
        ([2.0, np.nan, 0.3, np.nan, 0.29], LOSS, SETTLED),
        ([2.0, np.nan, np.nan, np.nan, np.nan], LOSS, NOT_KNOWN),
        ([np.nan, 0.5, 0.3, 0.3, 0.3], LOSS, NOT_KNOWN),
        ([0.0, 0.0, 0.0, 0.0, 0.0], LOSS, NOT_KNOWN),  # nowhere to go
    ],
)
def test_status_of_a_curve(values, measure, status):
    found = judge(curve(values, measure.name), measure, 100)
    assert found.status == status, found
    assert bool(found.why) == (status == NOT_KNOWN)


def test_a_curve_without_a_beginning_or_with_nothing_after_it_says_nothing():
    assert judge([], DICE, 100).why == "its curve has no val_dice"
    assert judge(curve([0.5]), DICE, 100).status == NOT_KNOWN
    late = judge(curve([0.5, 0.6])[1:], DICE, 25)
    assert (late.status, late.why) == (NOT_KNOWN, "no val_dice before the first step")


def test_one_validation_at_the_end_is_a_straight_line():
    found = judge([{"step": 0, "val_dice": 0.0}, {"step": 100, "val_dice": 0.8}], DICE, 100)
    assert (found.status, found.late) == (RISING, pytest.approx(0.25))


def test_the_floor_is_the_better_of_the_control_and_the_beginning():
    low = judge(curve([0.01, 0.5, 0.5, 0.5, 0.5]), DICE, 100)
    assert (low.before, low.floor, low.end, low.ceiling) == (0.01, 0.01, 0.5, 1.0)
    given = Measure("loss", "lower", ceiling=0.0, floor=lambda: 0.7)
    # from 3 to the loss of predicting the shares of labels: much gained, nothing learned
    shares = judge(curve([3.0, 0.9, 0.7, 0.69, 0.69], "loss"), given, 100)
    assert (shares.status, shares.floor) == (NOT_LEARNED, 0.7)


def test_what_is_written_is_json_without_nan():
    text = json.dumps(judge(curve([0.1, 0.1]), DICE, 25).about(), allow_nan=False)
    assert json.loads(text)["late"] is None and json.loads(text)["status"] == NOT_LEARNED


def test_repeats_of_a_schedule_are_averaged():
    rows = [{"step": 0, "loss": 2.0}]
    rows += [{"step": s, "loss": v} for s, v in ((5, 1.0), (10, 0.4), (15, 0.6), (20, 0.2))]
    mean = mean_over_repeats(rows, 10)
    assert [row["step"] for row in mean] == [0, 5, 10]
    assert [row["loss"] for row in mean] == pytest.approx([2.0, 0.8, 0.3])


def test_a_plan_without_a_measure_takes_the_monitor_or_the_training_loss():
    plan = Plan(None, None)
    best = plan.learned_by(Schedule(10, 5, monitor="val_dice"))
    assert (best.name, best.better, best.ceiling) == ("val_dice", "higher", 1.0)
    least = plan.learned_by(Schedule(10, 5, monitor="val_loss", mode="min"))
    assert (least.name, least.better, least.ceiling) == ("val_loss", "lower", 0.0)
    assert plan.learned_by(Schedule(10, 5)).name == TRAIN_LOSS
    assert Plan(None, None, measure=DICE).learned_by(Schedule(10, 5, monitor="val_loss")) is DICE


@pytest.mark.parametrize(
    ("statuses", "row"),
    [
        ([SETTLED] * 3, SETTLED),
        ([SETTLED] * 3 + [NOT_LEARNED], SETTLED),
        ([SETTLED] * 2 + [RISING], RISING),
        ([SETTLED] * 2 + [NOT_LEARNED], NOT_LEARNED),
        ([SETTLED, RISING, RISING, NOT_LEARNED], RISING),
        ([NOT_LEARNED], NOT_LEARNED),
        ([SETTLED] * 9 + [NOT_KNOWN], NOT_KNOWN),
        ([], ""),
    ],
)
def test_a_row_has_what_three_quarters_have_reached(statuses, row):
    assert combine(statuses) == row


def run(method, status, dataset="d1", **more):
    return {"dataset": dataset, "method": method, "learned": {"status": status}, **more}


def test_rows_count_what_their_methods_use(tmp_path):
    runs = [run("net", SETTLED), run("net", SETTLED), run("poor", NOT_LEARNED), run("net", RISING, "d2")]
    uses = {"d1": {"merged": ["net"], "fused": ["merged", "poor"], "syn": []}, "d2": {"merged": ["net"]}}
    write_learned(gather_learned(runs, uses), tmp_path / "learned.csv")
    found = read_learned(tmp_path / "learned.csv")
    assert found == {
        ("d1", "net"): SETTLED,
        ("d1", "poor"): NOT_LEARNED,
        ("d1", "merged"): SETTLED,
        ("d1", "fused"): NOT_LEARNED,  # two of three are settled, less than three quarters
        ("d2", "net"): RISING,
        ("d2", "merged"): RISING,
    }
    old = {"dataset": "d1", "method": "old"}
    assert read_learned_of([old]) == {("d1", "old"): NOT_KNOWN}
    (tmp_path / "learned.csv").write_text("dataset,method\nd1,net\n")
    with pytest.raises(InputError, match="delete it and run again"):
        read_learned(tmp_path / "learned.csv")


def test_a_row_counts_the_trainings_that_it_shares():
    runs = [{**run("net", SETTLED), "stage": "main"}, {**run("net", NOT_LEARNED), "stage": "pretrain"}]
    frame = gather_learned(runs, {"d2": {"fused": ["twin"]}}, {"d2": {"twin": [["d1", "net", "main"]]}})
    found = {(row.dataset, row.method): row.learned for row in frame.itertuples()}
    assert found["d2", "twin"] == found["d2", "fused"] == SETTLED and found["d1", "net"] == NOT_LEARNED


def read_learned_of(runs):
    frame = gather_learned(runs, {})
    return {(row.dataset, row.method): row.learned for row in frame.itertuples()}


def test_a_paper_without_trainings_has_an_empty_list(tmp_path):
    write_learned(gather_learned([], {"d1": {"syn": []}}), tmp_path / "learned.csv")
    assert read_learned(tmp_path / "learned.csv") == {}


def test_predicting_the_frequencies_of_labels_is_the_floor_of_a_segmentation_loss():
    import torch

    from mlmi2023.losses.segmentation import SegmentationLoss
    from mlmi2023.tasks.segmentation.module import constant_loss

    targets = torch.zeros(2, 4, 4, dtype=torch.long)
    targets[:, 0] = 1  # a quarter
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    for channels in (1, 2):
        assert constant_loss(SegmentationLoss("cross_entropy"), targets, channels) == pytest.approx(entropy)
    assert constant_loss(SegmentationLoss("dice_cross_entropy"), targets, 2) > entropy
