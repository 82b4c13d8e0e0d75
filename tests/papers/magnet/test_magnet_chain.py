"""From packed scans and patients to scores and figures; folds, repeats, and runs that are killed."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
import torch

from bad_inputs import said
from magnet_data import CLASSIFY, OPTIONS, SEGMENT, SIDE, class_job, job, patients, scans
from mlmi2023.core.files import read_json
from mlmi2023.core.tidy import read_metrics
from mlmi2023.papers.magnet.acn import CoTraining
from mlmi2023.papers.magnet.evaluate import scan_values, score
from mlmi2023.papers.magnet.methylation import FoldTraining, least, turns
from mlmi2023.papers.magnet.module import SubsetTraining
from mlmi2023.papers.magnet.networks import keys_of
from mlmi2023.papers.magnet.patients import Patients
from mlmi2023.papers.magnet.scans import MultiModal, region, regions
from mlmi2023.papers.magnet.train import plan
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.chain import draw, evaluate, train
from mlmi2023.training.loop.weights import read_weights

FULL = "flair+t1+t1c+t2"
SEGMENTERS = ["magnet", "u_hemis", "u_hved", "acn", "background", "truth"]
CLASSIFIERS = ["magnet", "resnet50", "eff3d", "observer", "majority", "truth"]


def own_job(method, classify=False):
    if not classify:
        return job(method)
    previous = ran("magnet") / "main/weights.safetensors" if method == "magnet" else None
    return class_job(method, previous=previous)


@cache
def ran(method, classify=False):
    """Train, predict and score a method; return the folder of all it leaves."""
    place = Path(mkdtemp(prefix="magnet-run-"))
    own, weights = own_job(method, classify), None
    if OPTIONS[method]["kind"] == "learned":
        train(own, place / "runs", place / "main")
        weights = place / "main/weights.safetensors"
    evaluate(own, weights, place / "predictions", place / "scores.csv")
    return place


@pytest.mark.parametrize("method", SEGMENTERS)
def test_every_segmenter_is_scored_for_its_subsets(method):
    found = read_metrics(ran(method) / "scores.csv")
    dice = found[found["metric"] == "dsc"]
    settings = {FULL, "t1c", "flair+t2"} if method == "acn" else set(MultiModal(job()).settings)
    assert set(dice["setting"]) == settings and len(settings) == (3 if method == "acn" else 15)
    assert len(dice) == 2 * len(settings) * 4 and set(dice["label"]) == {"wt", "tc", "et", "avg"}
    assert ("dsc15" in set(found["metric"])) == (method != "acn")
    if method in ("truth", "background"):
        assert set(dice["value"]) == {100.0 if method == "truth" else 0.0}
        assert (found[found["metric"] == "sd15"]["value"] == 0).all()
    else:
        report = read_json(ran(method) / "main/train.json")
        assert report["learned"]["measure"] == "val_dice" and "parameters" in set(found["metric"])
        assert report["steps"] == (8 if method == "acn" else 4)
    memory = found[found["metric"] == "memory_mb"]
    assert len(memory) == (4 if method in ("magnet", "u_hemis", "u_hved") else 0)


@pytest.mark.parametrize("method", CLASSIFIERS)
def test_every_classifier_is_scored_in_every_fold_and_setting(method):
    found = read_metrics(ran(method, True) / "scores.csv")
    right = found[found["metric"] == "acc"]
    assert len(right) == 12 * 2 and set(right["setting"]) == {"t1c", FULL}
    for _, own in right.groupby("setting"):
        assert set(own["fold"]) == {0, 1} and own["case"].nunique() == 12, "each patient is tested once"
    mean = right["value"].mean()
    assert method not in ("truth", "observer") or mean == 1
    assert method != "majority" or mean == 0.5
    if OPTIONS[method]["kind"] == "learned":
        report = read_json(ran(method, True) / "main/train.json")
        assert report["learned"]["measure"] == "val_loss"
        assert report["learned"]["floor"] == pytest.approx(np.log(2), abs=1e-6)
        assert report["learned"]["ceiling"] == pytest.approx(-np.log(0.8), abs=1e-6)
        assert report["steps"] == 4 * (2 if method == "magnet" else 4)


def test_folds_are_apart_and_every_network_sees_its_own():
    own = Patients(class_job("resnet50"))
    tested = []
    for fold in range(own.folds):
        train_, held, test = own.divided(fold)
        assert not set(train_) & set(held) and not set(test) & {*train_, *held}
        assert set(own.labels[held]) == {0, 1} and len(train_) + len(held) + len(test) == 12
        tested += test.tolist()
    assert sorted(tested) == list(range(12))
    assert len(turns(keys_of(class_job("resnet50")), own)) == 4
    module = plan(class_job("resnet50")).module
    seen = []
    module.source.forward = lambda rows, draw=None: (
        seen.extend(rows.tolist())
        or (
            module.source.images[rows].float(),
            module.source.labels[rows],
        )
    )
    batch = {"place": torch.arange(3), "present": torch.ones(3, 4, dtype=torch.bool), "draw": None}
    module.training_step(batch, 0)
    assert set(seen) <= set(own.divided(0)[0].tolist()) and len(seen) == 3


def test_the_classifier_begins_with_the_encoders_that_segment():
    weights = read_weights(ran("magnet") / "main/weights.safetensors")
    module = plan(own_job("magnet", True)).module
    for net in module.net:
        state = net.encoders.state_dict()
        assert all(torch.equal(value, weights[f"encoders.{name}"]) for name, value in state.items())
    fresh = plan(class_job("magnet")).module.net[0].encoders.state_dict()
    assert any(not torch.equal(value, weights[f"encoders.{name}"]) for name, value in fresh.items())


def test_the_least_loss_is_the_observers_where_there_is_one():
    assert least(Patients(class_job())) == pytest.approx(-np.log(0.8), abs=1e-6)
    unknown = class_job("observer", patients(False))
    assert least(Patients(unknown)) == 0
    said(lambda: evaluate(unknown, None, Path("/nowhere"), Path("/nowhere")), "observer", "leave it out")


@pytest.mark.parametrize(("kind", "method", "classify"), [(SubsetTraining, "magnet", False),
                                                        (CoTraining, "acn", False),
                                                        (FoldTraining, "eff3d", True)])  # fmt: skip
def test_a_killed_run_ends_like_an_unbroken_one(kind, method, classify, tmp_path, monkeypatch):
    step, seen = kind.training_step, []

    def stop(self, batch, number):
        if len(seen) == 3:
            raise RuntimeError("killed")
        seen.append(number)
        return step(self, batch, number)

    monkeypatch.setattr(kind, "training_step", stop)
    with pytest.raises(RuntimeError, match="killed"):
        train(own_job(method, classify), tmp_path / "runs", tmp_path / "main")
    monkeypatch.setattr(kind, "training_step", step)
    resumed = train(own_job(method, classify), tmp_path / "runs", tmp_path / "main")
    whole = read_json(ran(method, classify) / "main/train.json")
    assert resumed["weights_hash"] == whole["weights_hash"]


def test_a_missing_image_leaves_out_the_subsets_that_need_it(tmp_path):
    own = job("truth", scans("T1c"))
    evaluate(own, None, tmp_path / "predictions", tmp_path / "scores.csv")
    found = read_metrics(tmp_path / "scores.csv")
    dice = found[found["metric"] == "dsc"].groupby("case")["setting"].nunique()
    assert sorted(dice) == [7, 15]
    assert set(found[found["metric"] == "dsc15"]["case"]) == {"p7"}
    cases = MultiModal(own)
    assert cases.available(6).tolist() == [True, True, False, True]
    shares = cases.samples("val", None).train
    torch.manual_seed(0)
    assert all(item["present"].any() for item in (shares[n] for n in range(len(shares))))


def stored(place, change):
    cases = MultiModal(job("truth"))
    kept = [(row, {FULL: change(cases.truth(row))}) for row in cases.rows("test")]
    segmentation.write(place, cases, kept, {})
    values = [v for v in score(job("truth"), place) if v.metric in ("dsc", "hd")]
    names = ("wt", "tc", "et")
    return {
        (m, n): np.mean([v.value for v in values if (v.metric, v.label) == (m, n)])
        for m in ("dsc", "hd") for n in names
    }  # fmt: skip


def test_shifted_and_swapped_labels_cost_what_they_must(tmp_path):
    moved = stored(tmp_path / "moved", lambda truth: np.roll(truth, 2, axis=0))
    assert moved["hd", "tc"] == pytest.approx(2, abs=1) and moved["dsc", "et"] < moved["dsc", "wt"] < 95
    swapped = stored(tmp_path / "swapped", lambda truth: np.array([0, 3, 2, 1], np.uint8)[truth])
    assert swapped["dsc", "wt"] == swapped["dsc", "tc"] == 100 and swapped["dsc", "et"] == 0
    swollen = stored(tmp_path / "swollen", lambda truth: np.array([0, 2, 1, 3], np.uint8)[truth])
    assert swollen["dsc", "wt"] == swollen["dsc", "et"] == 100 > swollen["dsc", "tc"]


def test_regions_are_nested_and_brats_values_are_read():
    cases = MultiModal(job())
    truth = cases.truth(0)
    raw = np.asarray(cases.cohort.labels(0))
    for name, values in {"wt": (1, 2, 4), "tc": (1, 4), "et": (4,)}.items():
        assert np.array_equal(region(truth, name), np.isin(raw, values))
    both = regions(torch.from_numpy(truth)[None])[0].numpy()
    assert all(np.array_equal(both[k], region(truth, n)) for k, n in enumerate(("wt", "tc", "et")))
    other = job(task={**SEGMENT, "labels": {"enhancing": 3}})
    said(lambda: MultiModal(other), "label 4", "'labels'")


def test_what_is_nowhere_is_left_out_and_what_is_wrongly_found_is_far():
    truth, found = np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)
    truth[1:3, 1:3, 1:3] = found[1:3, 1:3, 1:3] = 2
    alone = {(v.metric, v.label): v.value for v in scan_values(found, truth, (1, 1, 1))}
    assert alone == {("dsc", "wt"): 100, ("hd", "wt"): 0, ("dsc", "avg"): 100}
    found[1, 1, 1] = 3
    more = {(v.metric, v.label): v.value for v in scan_values(found, truth, (1, 1, 2))}
    assert more["dsc", "et"] == 0 and more["hd", "et"] == pytest.approx(np.linalg.norm([4, 4, 8]))


def test_scans_of_another_size_come_back_to_their_own_grid():
    cases = MultiModal(job(task={**SEGMENT, "size": [24, 24, 24]}))
    assert cases.image(0).shape == (4, 24, 24, 24) and cases.targets(0).shape == (1, 24, 24, 24)
    one_hot = torch.nn.functional.one_hot(cases.targets(0).long(), 4).movedim(-1, 1).float()
    back = cases.restored(one_hot, 0)
    assert back.shape == (SIDE,) * 3 and (back == cases.truth(0)).mean() > 0.97


def test_mistakes_are_one_line():
    said(lambda: plan(job("resnet50")), "methods.resnet50", "classifies")
    said(lambda: plan(class_job("u_hved")), "methods.u_hved", "segments")
    said(lambda: plan(job(task={**SEGMENT, "validated": ["t1+t3"]})), "'t3'", "known: flair, t1")
    said(lambda: MultiModal(job(data=patients())), "another form than scans")
    said(lambda: Patients(class_job(data=scans())), "scans")
    said(lambda: Patients(class_job(task={**CLASSIFY, "modalities": ["FLAIR", "T1", "T2", "T1d"]})), "T1d")
    said(lambda: MultiModal(job(task={**SEGMENT, "shares": [0.5, 0.5]})), "shares has 2 numbers")
    said(lambda: MultiModal(job(task={**SEGMENT, "shares": [0.1, 0.1, 0.1, 0.1]})), "0.4, not 1")


def test_figures_are_drawn(tmp_path):
    names = {method: method for method in OPTIONS}
    for figure, methods in {"fig3": ["magnet"], "fig_subsets": ["magnet", "acn"],
                            "fig_learning": ["magnet", "acn"]}.items():  # fmt: skip
        draw(
            figure,
            {method: job(method) for method in methods},
            {method: ran(method) / "main/weights.safetensors" for method in methods},
            {method: ran(method) / "predictions" for method in methods},
            names,
            tmp_path / figure,
        )
        assert (tmp_path / f"{figure}.png").stat().st_size > 3000 and (tmp_path / f"{figure}.svg").exists()
