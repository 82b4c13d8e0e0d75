"""Losses and measures by hand, the parts of a fold, inputs by name, the paired test."""

import numpy as np
import pytest
import torch

from bad_inputs import said
from mlmi2023.core.jobs import Used
from mlmi2023.core.options import options
from mlmi2023.losses.segmentation import DeepSupervision, build_loss
from mlmi2023.papers.prostate_mpmri import evaluate
from mlmi2023.papers.prostate_mpmri.cases import Glands
from mlmi2023.papers.prostate_mpmri.comparing import paired_t
from mlmi2023.papers.prostate_mpmri.measures import gland_scores
from mlmi2023.papers.prostate_mpmri.options import Network
from mlmi2023.papers.prostate_mpmri.train import plan
from prostate_mpmri_data import TASK, glands, job


def test_measures_of_shifted_boxes_are_those_of_the_hand():
    truth, found = np.zeros((12, 10, 10), bool), np.zeros((12, 10, 10), bool)
    truth[2:6, 2:6, 2:6], found[4:10, 2:6, 2:6] = True, True
    own = gland_scores(found, truth, (1.0, 1.0, 1.0))
    assert own["dsc"] == pytest.approx(2 * 2 * 16 / (64 + 96)) and own["ravd"] == pytest.approx(0.5)
    assert own["hd"] == pytest.approx(4.0)  # the far face of what was found lies 4 voxels beyond the truth's
    # along an axis of 3 mm, the same in mm
    assert gland_scores(found, truth, (3.0, 1.0, 1.0))["hd"] == pytest.approx(12.0)
    same = gland_scores(truth, truth, (2.0, 2.0, 2.0))
    assert same == {"dsc": 1.0, "hd": 0.0, "assd": 0.0, "ravd": 0.0}


def test_surface_distance_is_the_mean_over_both_surfaces():
    truth, found = np.zeros((9, 9, 9), bool), np.zeros((9, 9, 9), bool)
    truth[4, 4, 4], found[4, 4, 4:7] = True, True
    # distances of what was found: 0, 1, 2; of the truth: 0
    assert gland_scores(found, truth, (1.0, 1.0, 1.0))["assd"] == pytest.approx(3 / 4)
    assert gland_scores(found, truth, (1.0, 1.0, 1.0))["ravd"] == pytest.approx(2.0)


def test_nothing_found_has_no_distance_and_no_overlap():
    truth = np.zeros((6, 6, 6), bool)
    truth[2:4, 2:4, 2:4] = True
    own = gland_scores(np.zeros_like(truth), truth, (1.0, 1.0, 1.0))
    assert own["dsc"] == 0 and own["ravd"] == 1 and np.isnan(own["hd"]) and np.isnan(own["assd"])


def test_the_loss_is_dice_and_cross_entropy_at_each_resolution():
    loss = DeepSupervision(build_loss({"kind": "dice_cross_entropy"}), [1.0, 0.5])
    target = torch.zeros(1, 4, 4, 4)
    target[:, :2] = 1.0
    fine = torch.where(target > 0, 2.0, -1.0)[:, None]
    coarse = torch.full((1, 1, 2, 2, 2), 0.5)
    half = torch.zeros(1, 2, 2, 2)
    half[:, 0] = 1.0  # the mask by its nearest voxels

    def by_hand(logits, truth):
        p = 1 / (1 + np.exp(-logits.numpy()[:, 0].astype(float)))
        t = truth.numpy().astype(float)
        overlap = 1 - (2 * (p * t).sum() + 1e-5) / (p.sum() + t.sum() + 1e-5)
        return overlap - (t * np.log(p) + (1 - t) * np.log(1 - p)).mean()

    expected = (by_hand(fine, target) + 0.5 * by_hand(coarse, half)) / 1.5
    assert float(loss([fine, coarse], target)) == pytest.approx(expected, rel=1e-5)
    # more of the gland found is less loss; the sign matters
    assert float(loss([3 * fine, coarse], target)) < float(loss([fine, coarse], target))
    assert float(loss([-fine, coarse], target)) > float(loss([fine, coarse], target))


def test_of_the_other_folds_a_share_validates_and_none_is_tested(tmp_path):
    data = glands(tmp_path, 20, folds=5)
    tested, seen = [], []
    for fold in range(5):
        cases = Glands(job(data, task={**TASK, "val_share": 0.15}, fold=fold))
        parts = {part: cases.rows(part) for part in ("train", "val", "test")}
        assert [len(parts[p]) for p in ("train", "val", "test")] == [14, 2, 4]
        assert sorted(row for rows in parts.values() for row in rows) == list(range(20))
        other = Glands(job(data, method="other", task={**TASK, "val_share": 0.15}, fold=fold))
        assert other.rows("val") == parts["val"]
        tested += parts["test"]
        seen.append(tuple(parts["val"]))
    assert sorted(tested) == list(range(20)) and len(set(seen)) == 5
    # without the share, the next fold validates
    assert len(Glands(job(data, fold=1)).rows("val")) == 4
    said(lambda: Glands(job(data, task={**TASK, "val_share": 0.15}, fold=7)).rows("val"), "5 folds, fold 7")


def test_inputs_are_chosen_by_name_and_in_order(tmp_path):
    data = glands(tmp_path)
    both = Glands(job(data, inputs=("blank", "seen")))
    seen = Glands(job(data, inputs=("seen",)))
    row = seen.rows("test")[0]
    assert both.channels == 2 and seen.channels == 1
    assert np.array_equal(both.inputs(row)[..., 1], seen.inputs(row)[..., 0])
    assert not np.array_equal(both.inputs(row)[..., 0], seen.inputs(row)[..., 0])
    said(lambda: Glands(job(data, inputs=("sean",))), "methods.ax.inputs", "did you mean 'seen'")
    said(lambda: Glands(job(data, inputs=("seen", "seen"))), "once")


def test_a_network_learns_the_gland_from_the_image_that_shows_it(tmp_path):
    data = glands(tmp_path)
    made = plan(job(data, inputs=("seen", "blank")))
    torch.manual_seed(0)
    module = made.module.train()
    batch = next(iter(torch.utils.data.DataLoader(made.train, batch_size=4)))
    optimiser = torch.optim.Adam(module.net.parameters(), 0.02)
    losses = []
    for _ in range(15):
        optimiser.zero_grad()
        losses.append(module.training_step(batch, 0))
        losses[-1].backward()
        optimiser.step()
    # the same seed and thread count give the same numbers: 1.70 becomes 1.18
    assert float(losses[-1]) < 0.8 * float(losses[0])


def test_the_paired_test_is_students(tmp_path):
    ours, other = np.array([0.9, 0.8, 0.95, 0.7]), np.array([0.8, 0.75, 0.9, 0.72])
    gap = ours - other
    t, p = paired_t(ours, other)
    assert t == pytest.approx(gap.mean() / (gap.std(ddof=1) / 2)) and 0 < p < 1
    assert paired_t(other, ours)[0] == pytest.approx(-t)
    assert np.isnan(paired_t(ours, ours)).all()


def test_tests_compare_methods_by_their_kept_answers(tmp_path):
    data = glands(tmp_path)
    used = {}
    for kind in ("truth", "prior", "background"):
        evaluate.predict(job(data, method=kind, method_options={"kind": kind}), None, tmp_path / kind)
        used[kind] = Used(predictions=tmp_path / kind)
    dice = [v.value for v in evaluate.score(job(data, method_options={"kind": "truth"}), tmp_path / "truth")]
    assert dice[0] == 1.0 and len(dice) == 8
    prior = [v.value for v in evaluate.score(job(data, method_options={"kind": "prior"}), tmp_path / "prior")
             if v.metric == "dsc"]  # fmt: skip
    assert 0 < np.mean(prior) < 1
    own = job(data, method_options={"kind": "paired_tests", "against": "truth"}, used=used)
    evaluate.predict(own, None, tmp_path / "tests")
    found = {(v.setting, v.metric): v.value for v in evaluate.score(own, tmp_path / "tests")}
    assert set(found) == {(m, k) for m in ("prior", "background") for k in ("t", "p")}
    assert found["prior", "t"] > 0


def test_networks_that_cannot_be_are_one_line():
    said(lambda: options(Network, {"name": "dospy_residual_usenet", "features": [4, 8]}, "c"), "reduction")
    said(lambda: options(Network, {"name": "dospy_residual_usenet", "bins": [1, 2]}, "c"), "fall")
    said(lambda: options(Network, {"name": "dospy_residual_usenet", "features": [16]}, "c"), "two levels")
