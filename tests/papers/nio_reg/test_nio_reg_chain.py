"""nio_reg from pairs to scores: schedule of levels, choices by validation, controls, no labels in tests."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mlmi2023.cohorts.forms import open_cohort
from mlmi2023.cohorts.forms.volumes.reader import open_packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job, Used
from mlmi2023.nets.registration.lapirn import LapIRN
from mlmi2023.papers.nio_reg import evaluate
from mlmi2023.papers.nio_reg.cases import groups
from mlmi2023.papers.nio_reg.networks import Kept, build_network
from mlmi2023.papers.nio_reg.objective import Objective
from mlmi2023.papers.nio_reg.train import Training, phase_starts, plan
from mlmi2023.tasks import chain
from mlmi2023.tasks.registration.pairs import Pair
from mlmi2023.training.loop.weights import load_weights
from nio_reg_data import ACROSS, make_joined
from reseal import reseal

NET = {"kind": "lapirn", "channels": 4, "blocks": 1, "code": 8}
TRAIN = {"steps": 8, "epoch_steps": 2, "level_steps": [2, 2], "freeze_steps": 1, "learning_rate": 0.003}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_joined(tmp_path_factory.mktemp("cohorts"))


def job_of(data, kind="learned", task=ACROSS, train=TRAIN, used=None, method="m", **options):
    if kind in ("learned", "io", "nio"):
        options = {"net": NET, **options}
    given = {"paper": "nio_reg", "dataset": "a_to_b", "seed": 0, "device": "cpu", "data": data, "task": task}
    uses = {"lapirn": Used(Path("predictions"), used)} if used else {}
    return Job(**given, method=method, method_options={"kind": kind, **options}, train=train, used=uses)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lapirn")
    long = {**TRAIN, "steps": 90, "epoch_steps": 15, "level_steps": [30, 30], "learning_rate": 0.005}
    chain.train(job_of(data, train=long), folder / "runs", folder / "out")
    return folder / "out/weights.safetensors"


def run(job, folder, weights=None):
    evaluate.predict(job, weights, folder)
    return chain.tidy(job, evaluate.score(job, folder))


def mean(rows, metric, label="mean"):
    return np.mean([r["value"] for r in rows if (r["metric"], r["label"]) == (metric, label)])


def fields(folder):
    return {f.name: np.load(f)["displacement"] for f in sorted(folder.glob("*.npz"))}


# --- training ------------------------------------------------------------------------------------


def test_levels_join_rest_and_wake(data):
    module = plan(job_of(data)).module
    assert module.begins == [0, 2, 4] and [module.depth_at(s) for s in range(6)] == [1, 1, 2, 2, 3, 3]
    awake = []
    adam = torch.optim.Adam(module.live.parameters())
    alone = {"trainer": SimpleNamespace(optimizers=[adam]), "current_epoch": 0}
    module.__class__ = type("Alone", (Training,), alone)
    for step in range(6):
        module.on_train_batch_start(None, step)
        awake.append([all(p.requires_grad for p in level.parameters()) for level in module.live.levels])
    # a new level learns alone for one step
    assert awake == [
        [True, False, False], [True, False, False], [False, True, False],
        [True, True, False], [False, False, True], [True, True, True],
    ]  # fmt: skip


def test_schedules_that_do_not_fit_are_one_line(data):
    assert phase_starts({}, 10, 1) == [0]
    for change, said in (({"level_steps": [2]}, "level_steps"), ({"level_steps": [4, 4]}, "less than"),
                         ({"monitor": "val_score"}, "monitor")):  # fmt: skip
        with pytest.raises(InputError, match=said) as error:
            plan(job_of(data, train={**TRAIN, **change}))
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=r"net\.kind"):
        plan(job_of(data, net={"kind": "unet"}))


def test_bytes_repeat_and_a_stopped_run_ends_like_an_unbroken_one(data, tmp_path, monkeypatch):
    job = job_of(data)
    whole = chain.train(job, tmp_path / "a", tmp_path / "whole")
    step, seen = Training.training_step, []

    def stop(self, batch, number):
        seen.append(number)
        if len(seen) == 6:
            raise RuntimeError("killed")
        return step(self, batch, number)

    monkeypatch.setattr(Training, "training_step", stop)
    with pytest.raises(RuntimeError, match="killed"):
        chain.train(job, tmp_path / "b", tmp_path / "broken")
    monkeypatch.setattr(Training, "training_step", step)
    resumed = chain.train(job, tmp_path / "b", tmp_path / "broken")
    assert resumed["weights_hash"] == whole["weights_hash"]
    assert whole["parameters"] == sum(p.numel() for p in LapIRN(channels=4, blocks=1, code=8).parameters())


def test_what_is_tested_does_not_change_what_is_learned(data, tmp_path):
    """So that tasks that learn on the same scans may share one training."""
    job = job_of(data)
    other = replace(job, dataset="a_to_a", task={**ACROSS, "test": "a"})
    hashes = [chain.train(j, tmp_path / "runs", tmp_path / j.dataset)["weights_hash"] for j in (job, other)]
    assert hashes[0] == hashes[1]


def test_the_best_validated_weights_are_kept():
    net = Kept(torch.nn.Linear(2, 2), 2)
    live = torch.nn.Linear(2, 2)
    net.keep(1, live, 0.5)
    kept = live.weight.detach().clone()
    torch.nn.init.ones_(live.weight)
    net.keep(1, live, 0.4)
    assert torch.equal(net.nets[1].weight, kept) and torch.isnan(net.scores[0])
    net.keep(1, live, 0.6)
    assert net.nets[1].weight.min() == 1 and net.scores[1] == pytest.approx(0.6)


@pytest.mark.parametrize(
    "net", [{"kind": "ulae", "channels": 2, "levels": 2},
            {"kind": "mpr", "features": [2, 2], "estimate": [4], "context": [4], "squarings": 2}]
)  # fmt: skip
def test_the_baselines_train_and_predict_but_are_no_pyramids(data, tmp_path, net):
    job = job_of(data, net=net)
    report = chain.train(job, tmp_path / "runs", tmp_path / "out")
    weights = tmp_path / "out/weights.safetensors"
    rows = run(job, tmp_path / "plain", weights)
    assert report["parameters"] > 0 and 0 < mean(rows, "dsc") < 1 and mean(rows, "std_jac", "") > 0
    with pytest.raises(InputError, match="pyramid"):
        own = job_of(data, "nio", used=weights, net=net, iterations=[1], rate=0.1)
        evaluate.predict(own, None, tmp_path / "nio")


# --- test time -----------------------------------------------------------------------------------


def loss_of(packed, u, moving, fixed):
    """Eq. 3 of a pair of rows for a field (3, X, Y, Z), or one that depends on the images."""
    rows = (np.asarray(packed.images("T1w")[row], np.float32) for row in (moving, fixed))
    images = [torch.from_numpy(image)[None, None] for image in rows]
    field = u(*images).detach() if callable(u) else torch.as_tensor(u, dtype=torch.float32)[None]
    return float(Objective(ACROSS["loss"])(field, *images))


def test_controls_bracket_and_optimisation_lowers_the_loss(data, trained, tmp_path):
    """In training that of its own pairs, at test time that of each pair; overlap need not follow."""
    packed = open_cohort(data)
    [group] = groups(packed, ACROSS)
    kept = Kept(build_network(NET, packed.shape), 1)
    load_weights(kept, trained)
    still = np.zeros((3, *packed.shape))
    learnt, before = ([loss_of(packed, u, *pair) for pair in group.train] for u in (kept.nets[0], still))
    assert np.mean(learnt) < np.mean(before) - 0.01
    floor = run(job_of(data, "identity"), tmp_path / "floor")
    learned = run(job_of(data), tmp_path / "learned", trained)
    ceiling = run(job_of(data, "truth"), tmp_path / "ceiling")
    nio = run(job_of(data, "nio", used=trained, iterations=[15, 10, 10], rate=0.005), tmp_path / "nio")
    for pair in group.test:
        found = [fields(tmp_path / name)[f"{pair.case}.npz"] for name in ("learned", "nio")]
        own, adapted = (loss_of(packed, u, pair.moving, pair.fixed) for u in found)
        assert adapted < own - 0.01
    assert 0 < mean(floor, "dsc") < mean(ceiling, "dsc") == 1
    assert 0 < mean(learned, "dsc") < 1 and 0 < mean(nio, "dsc") < 1
    assert mean(floor, "std_jac", "") == 0 < mean(nio, "std_jac", "")
    assert mean(learned, "dsc30", "") <= mean(learned, "dsc")
    assert mean(ceiling, "tre") == 0 < mean(learned, "tre")
    assert mean(nio, "t_test", "") > 0 and not [r for r in floor if r["metric"] == "t_test"]


def test_test_pairs_know_nothing_of_labels_or_of_each_other(data, trained, tmp_path):
    options = {"used": trained, "iterations": [2, 1, 1], "rate": 0.01}
    evaluate.predict(job_of(data, "nio", **options), None, tmp_path / "nio")
    # the same pairs without labels, and in the other order
    shutil.copytree(data, tmp_path / "bare")
    about = json.loads((data / "cohort.json").read_text())
    maps = np.load(data / "labels.npy")
    tested = [i for i, row in enumerate(about["subjects"]) if row["split"] == "b-test"]
    maps[tested] = 1002
    np.save(tmp_path / "bare/labels.npy", maps)
    rows = [*about["subjects"][:-2], *reversed(about["subjects"][-2:])]
    images = np.load(data / "T1w.npy")
    images[[-2, -1]] = images[[-1, -2]]
    np.save(tmp_path / "bare/T1w.npy", images)
    reseal(tmp_path / "bare", subjects=rows)
    evaluate.predict(job_of(tmp_path / "bare", "nio", **options), None, tmp_path / "nio-bare")
    first, second = fields(tmp_path / "nio"), fields(tmp_path / "nio-bare")
    assert len(first) == 2 and list(first) == list(second)
    assert all((first[name] == second[name]).all() for name in first)


def test_the_rate_of_io_is_chosen_on_validation_pairs(data, trained, tmp_path):
    options = {"used": trained, "iterations": 10, "rates": [0.01, 50.0]}
    evaluate.predict(job_of(data, "io", **options), None, tmp_path / "io")
    [chosen] = json.loads((tmp_path / "io/chosen.json").read_text())
    assert chosen["rate"] == 0.01 and chosen["scores"]["0.01"] > chosen["scores"]["50"]
    assert not (fields(tmp_path / "io").popitem()[1] == 0).all()
    alone = {**options, "rates": [0.02]}
    evaluate.predict(job_of(data, "io", **alone), None, tmp_path / "alone")
    assert json.loads((tmp_path / "alone/chosen.json").read_text()) == [{"rate": 0.02}]


def test_niftyreg_has_no_row_where_it_is_not(data, tmp_path):
    assert run(job_of(data, "niftyreg", folder=str(tmp_path)), tmp_path / "nothing") == []


def test_what_cannot_be_run_is_one_line(data, trained, tmp_path):
    for job, said in (
        (job_of(data, "guess"), "kind"),
        (job_of(data, "nio", iterations=[1, 1, 1], rate=0.1), "uses"),
        (job_of(data), "weights"),
        (job_of(data, "nio", used=trained, iterations=[1], rate=0.1), "iterations"),
        (job_of(data, "io", used=trained, iterations=3, rates=[1e30]), "diverged"),
    ):
        with pytest.raises(InputError, match=said) as error:
            evaluate.predict(job, None, tmp_path / "out")
        assert "\n" not in str(error.value) and not (tmp_path / "out").exists()
    with pytest.raises(InputError, match=r"task\.metrics"):
        list(evaluate.score(job_of(data, task={**ACROSS, "metrics": ["hd"]}), tmp_path))


def test_regions_hide_what_is_outside(data):
    packed = open_packed(data)
    own = evaluate.volumes_of(packed, job_of(data, task={"image": "T1w", "roi": True}))
    inside = np.asarray(packed.labels[9]) > 0
    moving, fixed = own.arrays(Pair("x", 9, 8))
    assert (moving[~inside] == 0).all() and (moving[inside] == packed.images("T1w")[9][inside]).all()
    taken = own.images(torch.tensor([9]), torch.tensor([8]), torch.device("cpu"))
    assert (taken[0][0, 0].numpy() == moving).all() and (taken[1][0, 0].numpy() == fixed).all()


def test_figures_are_drawn(data, trained, tmp_path):
    jobs = {"lapirn": job_of(data, method="lapirn"), "nio_m": job_of(
        data, "nio", used=trained, iterations=[1, 1, 1], rate=0.01, method="nio_m")}  # fmt: skip
    for method, job in jobs.items():
        evaluate.predict(job, trained if method == "lapirn" else None, tmp_path / method)
    runs = jobs, {}, {m: tmp_path / m for m in jobs}, {m: m for m in [*jobs, "syn"]}
    for figure in ("fig2", "fig3"):
        chain.draw(figure, *runs, tmp_path / figure)
        assert (tmp_path / f"{figure}.png").stat().st_size > 5000
    with pytest.raises(InputError, match="fig9"):
        chain.draw("fig9", *runs, tmp_path / "fig9")
