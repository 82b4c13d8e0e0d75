"""IA-GCN from table to scores: inputs, folds, no leak of test labels, resume, every kind of method."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from mlmi2023.cohorts.formats.tables import write_tidy
from mlmi2023.cohorts.forms.table.form import pack
from mlmi2023.cohorts.forms.table.reader import open_table
from mlmi2023.cohorts.sources.simulators.tables.cohort import make_table
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.ia_gcn import evaluate
from mlmi2023.papers.ia_gcn.inputs import choose
from mlmi2023.papers.ia_gcn.train import plan
from mlmi2023.tasks.chain import tidy
from mlmi2023.tasks.classification import read_answers
from mlmi2023.tasks.runs import settings
from mlmi2023.training.data.tabular import folds, standardise
from mlmi2023.training.loop.fit import fit
from mlmi2023.training.loop.optimisers import adam
from reseal import reseal

OPTIONS = {
    "blocks": {
        "cognitive": {"features": 6, "kind": "ordinal", "missing": 0.05},
        "mri": {"features": 18, "factors": 2, "absent": 0.1},
        "demographic": {"features": 6},
    },
    "community": {"count": 6, "dims": 3, "spread": 0.3, "block": "demographic", "features": 4, "noise": 0.3},
    "targets": {
        "stage": {
            "classes": {"CN": 2, "MCI": 4, "AD": 1},
            "shared": 0.5,
            "signals": [
                {"block": "cognitive", "features": 3, "correlation": 0.95},
                {"block": "mri", "features": 4, "correlation": 0.3},
            ],
            "copies": 2,
            "copy_correlation": 0.9,
        }
    },
}
COHORT = {
    "kind": "simulated",
    "form": "table",
    "seed": 3,
    "subjects": {"all": 84},
    "options": OPTIONS,
    "folds": {"count": 2, "seed": 0},
    "read": {"classes": {"stage": ["CN", "MCI", "AD"]}},
}
NET = {"kind": "learned_graph", "attention": {"start": 0.0}}
LOSS = {"alpha_ce": 0.6, "alpha_mask": 0.4, "alpha1": 0.5, "alpha2": 0.5}
TRAIN = {"steps": 40, "epoch_steps": 20, "learning_rate": 0.03, "mask_learning_rate": 0.15}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    root = tmp_path_factory.mktemp("table")
    write_tidy(make_table(COHORT), root / "raw")
    pack(COHORT, root / "raw", root / "packed", "tiny")
    return root / "packed"


def job(packed, method="ia_gcn", **options):
    return Job(
        paper="ia_gcn",
        dataset="tadpole",
        method=method,
        seed=0,
        data=packed,
        task={"kind": "classification", "target": "stage", "select": 3},
        method_options=options or {"kind": "learned", "net": NET, "loss": LOSS},
        train=TRAIN,
        device="cpu",
    )


def trained(work, out, **changes):
    torch.manual_seed(0)
    changed = replace(work, **changes)
    return fit(changed, plan(changed), out / "runs", out, "hash")


# the stand-in


def test_the_same_configuration_gives_the_same_table_and_another_seed_another():
    one, two, other = make_table(COHORT), make_table(COHORT), make_table({**COHORT, "seed": 4})
    np.testing.assert_array_equal(one.features, two.features)
    assert one.targets == two.targets and one.targets != other.targets


def test_a_stand_in_contains_what_it_promises():
    table = make_table({**COHORT, "subjects": {"all": 1400}})
    severity = np.array([float(v) for v in table.truth["severity_stage"]])
    assert severity.std() == pytest.approx(1, abs=0.1)
    labels = np.array([["CN", "MCI", "AD"].index(v) for v in table.targets["stage"]])
    assert np.bincount(labels).tolist() == [400, 800, 200]
    assert severity[labels == 0].max() <= severity[labels == 1].min()
    r = [abs(np.corrcoef(c[~np.isnan(c)], severity[~np.isnan(c)])[0, 1]) for c in table.features.T]
    kinds = [c.informative for c in table.columns]
    strong = [x for x, c in zip(r, table.columns) if "stage" in c.informative and c.group == "cognitive"]
    noise = [x for x, k in zip(r, kinds) if k == ()]
    assert len(strong) >= 3 and min(strong) > 0.8 and max(noise) < 0.25
    assert sum("stage" in k for k in kinds) == 9 and sum("population" in k for k in kinds) == 4
    community = np.array(table.truth["community"])
    between = np.var([severity[community == c].mean() for c in np.unique(community)])
    assert 0.35 < between < 0.65
    missing = np.isnan(table.features[:, 6:24])
    assert missing.all(axis=1).mean() == pytest.approx(0.1, abs=0.03)


def test_communities_can_be_told_by_their_features_and_not_by_all():
    from mlmi2023.papers.ia_gcn.graphs import nearest

    noise = {"features": 150, "factors": 4, "factor_share": 0.6}
    options = {**OPTIONS, "blocks": {**OPTIONS["blocks"], "mri": noise}}
    table = make_table({**COHORT, "subjects": {"all": 600}, "options": options})
    community = np.array(table.truth["community"])
    x = torch.from_numpy(standardise(table.features, np.arange(600)))
    markers = [i for i, c in enumerate(table.columns) if "population" in c.informative]
    by_markers, by_all = (
        (community[nearest(part, 5).numpy()] == community[:, None]).mean() for part in (x[:, markers], x)
    )
    assert by_markers > 2 * by_all and by_markers > 0.5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"blocks": {**OPTIONS["blocks"], "mri": {"features": 3}}}, "block 'mri' has 3 features, 4 bear"),
        ({"extra": 1}, "unknown key 'options.extra'"),
        ({"community": {**OPTIONS["community"], "number": 3}}, "unknown key 'options.community.number'"),
        ({"targets": {"stage": {**OPTIONS["targets"]["stage"], "shared": 2}}}, "stage.shared"),
    ],
)
def test_mistakes_in_a_stand_in_are_one_line(change, says):
    with pytest.raises(InputError, match=says):
        make_table({**COHORT, "options": {**OPTIONS, **change}})


# inputs


def test_gaps_and_scales_come_from_the_training_rows_alone():
    features = np.array([[1.0, 5, np.nan], [3.0, 5, np.nan], [np.nan, 5, np.nan], [100.0, 7, 1]], np.float32)
    x = standardise(features, np.array([0, 1, 2]))
    # the median of 1 and 3 fills the gap
    assert x[:3, 0].tolist() == pytest.approx([-1.2247449, 1.2247449, 0])
    assert x[3, 0] == pytest.approx(98 / np.std([1, 3, 2]), rel=1e-5)
    assert (x[:, 1:] == 0).all()
    features[3] = 0
    np.testing.assert_array_equal(standardise(features, np.array([0, 1, 2]))[:3], x[:3])


def test_the_four_columns_of_table_3():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    x = rng.normal(size=(60, 8)).astype(np.float32)
    x[:, 5] += labels == 1
    x[:, 2] += 2 * (labels == 2)
    weights = np.array([0.1, 0.9, 0, 0, 0.8, 0, 0, 0.05])
    assert choose("all", x, labels, 2).tolist() == list(range(8))
    assert choose("ridge", x, labels, 2).tolist() == [2, 5]
    assert choose("attended", x, labels, 2, weights).tolist() == [1, 4]
    assert choose("without_attended", x, labels, 2, weights).tolist() == [0, 2, 3, 5, 6, 7]
    with pytest.raises(InputError, match="stage 'mask'"):
        choose("attended", x, labels, 2)
    with pytest.raises(InputError, match=r"task.select is 8"):
        choose("ridge", x, labels, 8)
    with pytest.raises(InputError, match="lasso"):
        choose("lasso", x, labels, 2)


def test_settings_lay_their_keys_on_the_method():
    options = {
        "kind": "learned",
        "loss": LOSS,
        "settings": {"alpha_0": {"loss": {"alpha_ce": 0.0}}, "rest": None},
    }
    found = settings(options)
    assert found["alpha_0"]["loss"] == {**LOSS, "alpha_ce": 0.0} and found["rest"]["loss"] == LOSS
    assert list(settings({"kind": "majority"})) == [""]


def test_labels_outside_the_training_rows_are_hidden(packed):
    table = open_table(packed)
    truth = table.labels("stage")
    for fold in folds(table, {"target": "stage", "validation": 0.1}):
        assert (fold.labels[fold.train] == truth[fold.train]).all()
        hidden = np.setdiff1d(np.arange(84), fold.train)
        assert (fold.labels[hidden] == -1).all() and len(fold.val) > 0
        assert sorted([*fold.train, *fold.val, *fold.test]) == list(range(84))


# training


def other_labels(packed, tmp_path, rows_of):
    """Copy a packed table and deal the classes of some rows anew."""
    copy = tmp_path / "copy"
    shutil.copytree(packed, copy)
    targets = np.load(copy / "targets.npy")
    rows = rows_of(open_table(packed))
    targets[rows] = (targets[rows] + 1) % 3
    np.save(copy / "targets.npy", targets)
    reseal(copy)
    return copy


@pytest.mark.parametrize("inputs", ["all", "ridge"])
def test_test_labels_change_nothing_and_training_labels_do(packed, tmp_path, inputs):
    work = job(packed, kind="learned", net=NET, loss=LOSS, inputs=inputs)
    changed = other_labels(packed, tmp_path, lambda t: t.split("stage", 0)[1])

    def first_fold(data, out):
        trained(work, out, data=data)
        from safetensors.torch import load_file

        return {k: v for k, v in load_file(out / "weights.safetensors").items() if k.startswith(("0.", "1."))}

    one, two = first_fold(packed, tmp_path / "a"), first_fold(changed, tmp_path / "b")
    assert all(torch.equal(one[k], two[k]) for k in one if k.startswith("0."))
    # the rows are training rows of the second fold, where they must matter
    assert not all(torch.equal(one[k], two[k]) for k in one if k.startswith("1."))


@pytest.mark.parametrize("kind", ["ridge", "logistic", "boosting", "majority"])
def test_classical_methods_see_no_test_label_either(packed, tmp_path, kind):
    changed = other_labels(packed, tmp_path, lambda t: t.split("stage", 0)[1])
    frames = []
    for place, data in (("a", packed), ("b", changed)):
        evaluate.predict(job(data, kind, kind=kind), None, tmp_path / place)
        frames.append(read_answers(tmp_path / place)[0].probabilities("test"))
    np.testing.assert_array_equal(*frames)


def test_folds_trained_side_by_side_equal_folds_trained_alone(packed):
    """Members share a process and nothing else."""
    work = job(packed)
    together = plan(work).module
    [optimiser], _ = together.configure_optimizers()
    for _ in range(3):
        optimiser.zero_grad()
        for place in range(2):
            together.member_loss(place).backward()
        optimiser.step()
    alone = plan(work).module
    params = list(alone.net[1].parameters())
    masks = [p for n, p in alone.net[1].named_parameters() if n.endswith("attention.mask")]
    others = [p for p in params if all(p is not m for m in masks)]
    optimiser = adam([{"params": others, "lr": 0.03}, {"params": masks, "lr": 0.15}])
    for _ in range(3):
        optimiser.zero_grad()
        alone.member_loss(1).backward()
        optimiser.step()
    for a, b in zip(together.net[1].parameters(), alone.net[1].parameters()):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def test_a_run_gives_the_same_bytes_twice_and_after_a_kill(packed, tmp_path):
    one = trained(job(packed), tmp_path / "a")
    again = trained(job(packed), tmp_path / "b")
    assert one["weights_hash"] == again["weights_hash"]
    work = job(packed)
    killed = plan(work)
    original = killed.module.training_step

    def dies(batch, batch_idx):
        if killed.module.trainer.current_epoch == 1:
            raise KeyboardInterrupt
        return original(batch, batch_idx)

    killed.module.training_step = dies
    with pytest.raises((KeyboardInterrupt, InputError, SystemExit)):
        fit(work, killed, tmp_path / "c/runs", tmp_path / "c", "hash")
    resumed = trained(work, tmp_path / "c")
    assert resumed["weights_hash"] == one["weights_hash"]


def test_the_attention_learns_and_settings_differ(tmp_path):
    # with the 84 subjects of the other tests the penalties win: every weight goes to 0
    cohort = {**COHORT, "subjects": {"all": 280}}
    write_tidy(make_table(cohort), tmp_path / "raw")
    pack(cohort, tmp_path / "raw", tmp_path / "packed", "larger")
    sweep = {"alpha_0": {"loss": {"alpha_ce": 0.0, "alpha_mask": 1.0}}, "alpha_0.6": {}}
    work = job(tmp_path / "packed", "ia_gcn_alpha", kind="learned", net=NET, loss=LOSS, settings=sweep)
    work = replace(
        work, train={"steps": 150, "epoch_steps": 75, "learning_rate": 0.02, "mask_learning_rate": 0.1}
    )
    trained(work, tmp_path)
    evaluate.predict(work, tmp_path / "weights.safetensors", tmp_path / "predictions")
    rows = tidy(work, evaluate.score(work, tmp_path / "predictions"))
    values = {}
    for row in rows:
        values.setdefault((row["setting"], row["metric"]), []).append(row["value"])
    mean = {key: np.mean(own) for key, own in values.items()}
    # the mask alone lets all features go; with the cross-entropy some stay, the others go
    assert mean["alpha_0", "avg4"] == pytest.approx(mean["alpha_0", "avgo"], abs=1e-3)
    assert mean["alpha_0", "avg4"] < 0.01 and mean["alpha_0.6", "avgo"] < 0.03
    assert mean["alpha_0.6", "avg4"] > 10 * mean["alpha_0", "avg4"]
    assert mean["alpha_0.6", "auc"] > 60
    assert len(values["alpha_0.6", "acc"]) == 2 and len(values["alpha_0.6", "auc_all"]) == 1


def test_attended_features_are_chosen_inside_the_fold(packed, tmp_path):
    options = {
        "kind": "learned",
        "net": {"kind": "chebyshev"},
        "settings": {"c": {"inputs": "without_attended"}, "d": {"inputs": "attended"}},
        "selector": {"net": NET, "loss": LOSS},
    }
    work = job(packed, "gcn", **options)
    trained(work, tmp_path / "mask", stage="mask")
    previous = tmp_path / "mask/weights.safetensors"
    trained(work, tmp_path / "main", previous=previous)
    evaluate.predict(work, tmp_path / "main/weights.safetensors", tmp_path / "predictions")
    with np.load(tmp_path / "predictions/inside.npz") as inside:
        without, only = inside["columns:c"], inside["columns:d"]
    from safetensors.torch import load_file

    state = load_file(previous)
    for fold in range(2):
        top = np.argsort(-state[f"{fold}.net.attention.mask"][0].numpy(), kind="stable")[:3]
        assert sorted(top) == only[fold].tolist()
        assert sorted([*without[fold], *only[fold]]) == list(range(30))
    chosen = [v for v in evaluate.score(work, tmp_path / "predictions") if v.metric == "chosen"]
    assert len(chosen) == 4


# scores


@pytest.mark.parametrize(("kind", "acc", "auc"), [("truth", 100, 100), ("majority", 57.14, 50)])
def test_controls_are_floor_and_ceiling(packed, tmp_path, kind, acc, auc):
    work = job(packed, kind, kind=kind, settings={"": {}, "a": {}})
    evaluate.predict(work, None, tmp_path / "p")
    rows = tidy(work, evaluate.score(work, tmp_path / "p"))
    assert {r["setting"] for r in rows} == {"", "a"}
    for metric, value in (("acc", acc), ("auc", auc)):
        own = [r["value"] for r in rows if r["metric"] == metric]
        assert len(own) == 4 and np.mean(own) == pytest.approx(value, abs=0.01)


def test_a_shifted_label_costs_the_truth_its_score(packed, tmp_path):
    work = job(packed, "truth", kind="truth")
    evaluate.predict(work, None, tmp_path / "p")
    shifted = other_labels(packed, tmp_path, lambda t: np.arange(len(t)))
    rows = evaluate.score(replace(work, data=shifted), tmp_path / "p")
    assert max(value.value for value in rows if value.metric == "acc") == 0


def test_unknown_kinds_and_missing_weights_are_named(packed, tmp_path):
    with pytest.raises(InputError, match=r"kind is 'forest'.*boosting"):
        evaluate.predict(job(packed, kind="forest"), None, tmp_path / "p")
    with pytest.raises(InputError, match="give the weights"):
        evaluate.predict(job(packed), None, tmp_path / "p")
    assert not (tmp_path / "p").exists()
    with pytest.raises(InputError, match="has no target 'sex'"):
        plan(replace(job(packed), task={"target": "sex"}))
