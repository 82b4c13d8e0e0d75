"""nio_reg on chests: nobody is learned from and tested, one network per fold, regions, landmarks, Fig. 3."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mlmi2023.cohorts.forms.phased_scans.reader import open_phased
from mlmi2023.core.jobs import Job, Used
from mlmi2023.papers.nio_reg import evaluate
from mlmi2023.papers.nio_reg.cases import groups
from mlmi2023.papers.nio_reg.instance import refine_field, refine_network
from mlmi2023.papers.nio_reg.networks import Kept, build_network
from mlmi2023.papers.nio_reg.objective import Deformation, Objective
from mlmi2023.papers.nio_reg.train import Training, plan
from mlmi2023.tasks import chain
from mlmi2023.training.loop.device import lay_out
from mlmi2023.training.loop.weights import load_weights
from phases_data import packed_phases

NET = {"kind": "lapirn", "channels": 4, "blocks": 1, "code": 8}
TASK = {
    "kind": "breathing",
    "image": "CT",
    "roi": True,
    "deformation": {"bspline": True, "affine": 0.01},
    "loss": {"window": 5, "weight": 0.4},
    "near": 1.2,
    "metrics": ["tre", "within", "std_jac", "t_test"],
}
TRAIN = {"steps": 4, "epoch_steps": 2, "level_steps": [1, 1], "learning_rate": 0.003, "decay": "cosine"}


@pytest.fixture(scope="module")
def data():
    return packed_phases()


def job_of(data, kind="learned", used=None, method="m", task=TASK, **options):
    given = {
        "paper": "nio_reg",
        "dataset": "dirlab",
        "seed": 0,
        "device": "cpu",
        "data": data,
        "train": TRAIN,
    }
    uses = {"lapirn": Used(Path("predictions"), used)} if used else {}
    return Job(
        **given, task=task, method=method, method_options={"kind": kind, "net": NET, **options}, used=uses
    )


def test_a_patient_is_tested_by_a_network_that_has_not_seen_him(data):
    cohort = open_phased(data)
    found = groups(cohort, TASK)
    assert len(found) == 3
    for group in found:
        trained = {cohort.patients[row] for pair in group.train for row in pair}
        held = [
            {cohort.patients[r] for c in cases for r in (c.moving, c.fixed)}
            for cases in (group.val, group.test)
        ]
        assert not trained & held[0] and not trained & held[1] and not held[0] & held[1]
        assert all(cohort.patients[m] == cohort.patients[f] and m != f for m, f in group.train)
        for case in group.test:
            assert (cohort.phases[case.moving], cohort.phases[case.fixed]) == (cohort.exhale, cohort.inhale)
            assert case.label == f"case{cohort.patients[case.moving]}"
    tested = [c.label for group in found for c in group.test]
    assert sorted(tested) == sorted(f"case{p}" for p in cohort.everybody)
    assert groups(cohort, {**TASK, "folds": [1]}) == found[1:2]


def test_the_rate_falls_anew_in_each_fold(data):
    module = plan(job_of(data, task={**TASK, "folds": [0, 1]})).module
    assert [module.rate_at(step) for step in (0, 2, 4, 6)] == pytest.approx([1, 0.5, 1, 0.5])


def test_only_lungs_are_seen(data):
    cohort = open_phased(data)
    image, labels = evaluate.volumes_of(cohort, job_of(data)).array(0, "CT"), np.asarray(cohort.labels[0])
    assert (image[labels == 0] == 0).all() and (image[labels > 0] > 0).mean() > 0.9
    whole = evaluate.volumes_of(cohort, job_of(data, task={**TASK, "roi": False}))
    assert (whole.array(0, "CT")[labels == 0] > 0).any()


def test_each_fold_learns_from_the_same_start_and_stops_do_no_harm(data, tmp_path, monkeypatch):
    job = job_of(data, task={**TASK, "folds": [0, 1]})
    begun = []
    step = Training.training_step

    def watch(self, batch, number):
        if self._step(number) == 0:
            begun.append(self.live.levels[0].down.weight.detach().clone())
        return step(self, batch, number)

    monkeypatch.setattr(Training, "training_step", watch)
    whole = chain.train(job, tmp_path / "a", tmp_path / "whole")
    assert len(begun) == 2 and torch.equal(*begun)
    seen = []

    def stop(self, batch, number):
        seen.append(number)
        if len(seen) == 6:  # in the second fold
            raise RuntimeError("killed")
        return step(self, batch, number)

    monkeypatch.setattr(Training, "training_step", stop)
    with pytest.raises(RuntimeError, match="killed"):
        chain.train(job, tmp_path / "b", tmp_path / "broken")
    monkeypatch.setattr(Training, "training_step", step)
    assert chain.train(job, tmp_path / "b", tmp_path / "broken")["weights_hash"] == whole["weights_hash"]
    assert len(plan(job).module.net.nets) == 2


def test_from_training_to_rows_by_case_and_the_figure(data, tmp_path):
    task = {**TASK, "folds": [2]}
    chain.train(job_of(data, task=task), tmp_path / "runs", tmp_path / "out")
    weights = tmp_path / "out/weights.safetensors"
    jobs = {
        "initial": job_of(data, "identity", task=task),
        "lapirn": job_of(data, task=task, method="lapirn"),
        "io200": job_of(data, "io", weights, task=task, iterations=15, rates=[0.1]),
        "nio_m": job_of(data, "nio", weights, task=task, method="nio_m", iterations=[10, 5, 5], rate=0.003),
        "truth": job_of(data, "truth", task=task),
    }
    found = {}
    for name, job in jobs.items():
        evaluate.predict(job, weights if name == "lapirn" else None, tmp_path / name)
        rows = chain.tidy(job, evaluate.score(job, tmp_path / name))
        found[name] = np.mean([r["value"] for r in rows if (r["metric"], r["label"]) == ("tre", "mean")])
    assert found["truth"] == 0 < found["initial"] and min(found["io200"], found["nio_m"]) > 0
    # what is optimised is the loss of lungs alone, of splines, from the fold's own weights
    cohort = open_phased(data)
    [group] = groups(cohort, task)
    [pair] = group.test
    images = evaluate.volumes_of(cohort, jobs["nio_m"]).arrays(pair)
    images = tuple(torch.from_numpy(image)[None, None] for image in images)
    kept = Kept(build_network(NET, cohort.shape), 1)
    load_weights(kept, weights)
    lay_out(kept, torch.device("cpu"))  # sums in the same order
    objective, deformation = Objective(task["loss"]), Deformation(task["deformation"])
    start = {name: value.clone() for name, value in kept.nets[0].state_dict().items()}
    with torch.no_grad():
        begin = kept.nets[0](*images)
    wanted = {
        "lapirn": deformation.smooth(begin),
        "io200": refine_field(begin, images, objective, 15, 0.1, deformation),
        "nio_m": refine_network(kept.nets[0], start, images, objective, [10, 5, 5], 0.003, deformation),
    }
    for name, u in wanted.items():
        stored = np.load(tmp_path / name / f"{pair.case}.npz")["displacement"]
        np.testing.assert_array_equal(stored, u[0].numpy().astype(np.float16), name)
    own, improved = (float(objective(wanted[name], *images)) for name in ("lapirn", "io200"))
    assert improved < own - 0.005
    marks = [r for r in rows if r["metric"] == "tre" and r["label"].startswith("case")]
    assert len(marks) == 80 and len({r["case"] for r in marks}) == 80
    assert [r["value"] for r in rows if r["metric"] == "within"] == [100.0]
    [case] = json.loads((tmp_path / "nio_m/cases.json").read_text())
    assert case["label"] == marks[0]["label"]
    shown = {m: jobs[m] for m in ("lapirn", "nio_m")}
    runs = shown, {}, {m: tmp_path / m for m in shown}, {m: m for m in shown}
    chain.draw("fig3", *runs, tmp_path / "fig3")
    assert (tmp_path / "fig3.png").stat().st_size > 5000
