"""PECon from backbone to figures on a tiny cohort: fusion, missing modalities, leakage, scores, heat maps."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from mlmi2023.cohorts.forms.exams.reader import open_exams
from mlmi2023.core.config import SCALES
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Used
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.papers.pecon import inference
from mlmi2023.papers.pecon.branches import build_branches
from mlmi2023.papers.pecon.evaluate import SETTINGS, predict, score
from mlmi2023.papers.pecon.examdata import load_exam_data
from mlmi2023.papers.pecon.features import read_features
from mlmi2023.papers.pecon.fusion import LAMBDAS, choose, fuse
from mlmi2023.papers.pecon.gradcam import Explainer
from mlmi2023.papers.pecon.penet import build_penet
from mlmi2023.papers.pecon.scans import Cut
from mlmi2023.papers.pecon.train import Finetuning, Pretraining
from mlmi2023.tasks.chain import draw, train
from mlmi2023.tasks.classification import operating_point, read_answers
from pecon_data import BRANCHES, PENET, TASK, job, packed_cohort

ROOT = Path(__file__).parents[3]
STEPS = {"steps": 4, "epoch_steps": 2, "batch": 12}
STAGES = {
    "pretrain": {**STEPS, "learning_rate": 0.1, "monitor": "val_loss", "mode": "min"},
    "finetune": {
        **STEPS,
        "rates": {"ct": 0.01, "ehr": 0.1},
        "decay_epochs": {"ct": 20, "ehr": 10},
        "monitor": "",
    },
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Train backbone and fused method a little, run the others; return predictions and weights by method."""
    root = tmp_path_factory.mktemp("pecon")
    left, weights = {}, {}
    rates = {**STEPS, "learning_rate": 0.001, "monitor": "val_loss", "mode": "min"}
    made = job("penet", PENET, train=rates)
    train(made, root / "runs", root / "penet")
    weights["penet"] = root / "penet/weights.safetensors"
    predict(made, weights["penet"], root / "p/penet/s")
    left["penet"] = root / "p/penet/s"
    used = {"penet": Used(left["penet"], weights["penet"])}
    before = None
    options = {**BRANCHES, "explain": {"stages": 1, "tolerance": 1}}
    for stage, settings in STAGES.items():
        made = job("pecon", options, train=settings, stage=stage, previous=before, used=used)
        report = train(made, root / "runs", root / stage)
        before = root / stage / "weights.safetensors"
        assert report["parameters"] > 0
    weights["pecon"] = before
    predict(dataclasses.replace(made, stage="main", previous=None, train={}), before, root / "p/pecon/s")
    left["pecon"] = root / "p/pecon/s"
    simple = {
        "elasticnet": {"kind": "elasticnet", "l1_ratio": 0.5, "strengths": [0.3, 1.0]},
        "radfusion": {"kind": "late_fusion", "ct": "penet", "ehr": "elasticnet"},
        "pecon_ct": {"kind": "branch", "of": "pecon", "branch": "ct"},
        "pecon_ehr": {"kind": "branch", "of": "pecon", "branch": "ehr"},
        "prevalence": {"kind": "prevalence"},
        "truth": {"kind": "truth"},
    }
    for method, own in simple.items():
        used = {name: Used(folder) for name, folder in left.items()}
        predict(job(method, own, used=used), None, root / f"p/{method}/s")
        left[method] = root / f"p/{method}/s"
    return left, weights


def probabilities(folder):
    [stored] = read_answers(folder)
    return stored.table.rename(columns={"p1": "p"})


def means(values, setting="with-subsegmental"):
    frame = pd.DataFrame(values)
    return frame[frame["setting"] == setting].groupby("metric")["value"].mean()


def test_controls_mark_both_ends(chain):
    left, _ = chain
    best, worst = (means(score(job(m), left[m])) for m in ("truth", "prevalence"))
    assert best["acc"] == best["f1"] == best["auroc"] == best["sens"] == best["spec"] == 1
    assert worst["auroc"] == 0.5 and worst["f1"] == 0
    found = means(score(job("pecon"), left["pecon"]))
    assert {"acc", "f1", "auroc", "auprc", "sens", "spec", "brier", "ece", "pointing"} <= set(found.index)


def test_swapped_labels_turn_scores_around(chain, monkeypatch):
    left, _ = chain
    before = means(score(job("pecon"), left["pecon"]))
    exams = open_exams(packed_cohort())
    test = exams.rows("test")
    exams.labels = exams.labels.copy()
    exams.labels[test] = 1 - exams.labels[test]
    monkeypatch.setattr("mlmi2023.papers.pecon.evaluate.open_exams", lambda _: exams)
    after = means(score(job("pecon"), left["pecon"]))
    assert after["auroc"] == pytest.approx(1 - before["auroc"])
    assert after["acc"] == pytest.approx(1 - before["acc"])


def test_the_second_setting_leaves_sub_segmental_exams_out(chain):
    left, _ = chain
    exams = open_exams(packed_cohort())
    frame = pd.DataFrame(score(job("pecon"), left["pecon"]))
    cases = {s: set(frame[(frame["setting"] == s) & (frame["metric"] == "acc")]["case"]) for s in SETTINGS}
    gone = cases["with-subsegmental"] - cases["without-subsegmental"]
    small = {exams.cases[i] for i in exams.rows("test") if exams.types[i] == "subsegmental"}
    assert gone == small and small


def test_branches_are_those_of_the_fused_method(chain):
    left, _ = chain
    fused, ct, ehr = (probabilities(left[m]) for m in ("pecon", "pecon_ct", "pecon_ehr"))
    there = fused["ct"].notna()
    assert np.allclose(ct["p"][there], fused["ct"][there]) and not there.all()
    assert np.allclose(ehr["p"][fused["ehr"].notna()], fused["ehr"].dropna())
    found = json.loads((left["pecon"] / "about.json").read_text())
    both = fused["ct"].notna() & fused["ehr"].notna()
    mixed = found["lambda"] * fused["ct"] + (1 - found["lambda"]) * fused["ehr"]
    assert np.allclose(fused["p"][both], mixed[both], atol=1e-7)


# --- missing modalities ---------------------------------------------------------------------------


def test_fusion_falls_back_on_what_is_there():
    nan = np.nan
    got = fuse(np.array([0.2, 0.2, nan, nan]), np.array([0.8, nan, 0.6, nan]), 0.375, 0.4)
    assert got == pytest.approx([0.375 * 0.2 + 0.625 * 0.8, 0.2, 0.6, 0.4])
    # even where the weight says to listen to the other one alone
    assert fuse(np.array([nan]), np.array([0.9]), 1.0, 0.4) == pytest.approx([0.9])


def test_exams_without_a_modality_are_predicted_from_the_other(chain):
    left, _ = chain
    exams, table = open_exams(packed_cohort()), probabilities(left["pecon"]).set_index("case")
    lone = {
        "ct": [exams.cases[i] for i in exams.rows("val", "test") if not exams.has_scan(i)],
        "ehr": [exams.cases[i] for i in exams.rows("val", "test") if not exams.has_ehr[i]],
    }
    assert lone["ct"] and lone["ehr"], "the tiny cohort has both kinds"
    for gone, other in (("ct", "ehr"), ("ehr", "ct")):
        rows = table.loc[lone[gone]]
        assert rows[gone].isna().all() and np.allclose(rows["p"], rows[other])
    # a model of the record alone has no answer where there is none, and the fusion takes the scan's
    record = probabilities(left["elasticnet"]).set_index("case").loc[lone["ehr"]]
    assert record["ehr"].isna().all()
    fused = probabilities(left["radfusion"]).set_index("case").loc[lone["ehr"]]
    assert fused["ehr"].isna().all() and np.allclose(fused["p"], fused["ct"])


def _loss(name):
    return {"pretraining": {"loss": name}}


def test_a_missing_modality_neither_trains_nor_counts(chain):
    left, weights = chain
    data = load_exam_data(job("pecon", BRANCHES, used={"penet": Used(left["penet"], weights["penet"])}))
    torch.manual_seed(0)
    net = build_branches(BRANCHES, data.ct.shape[2], data.ehr.shape[1]).eval()
    rows = torch.from_numpy(data.rows("train"))
    view = torch.zeros_like(rows)
    assert not data.has_ct[rows].all() or not data.has_ehr[rows].all()
    stages = {
        "supervised_contrastive": lambda own: Pretraining(net, own, _loss("supervised_contrastive"), {}),
        "info_nce": lambda own: Pretraining(net, own, _loss("info_nce"), {}),
        "clip": lambda own: Pretraining(net, own, _loss("clip"), {}),
        "barlow_twins": lambda own: Pretraining(net, own, _loss("barlow_twins"), {}),
        "finetune": lambda own: Finetuning(net, own, {}),
    }
    for name, build in stages.items():
        # modules keep the tensors that they are given, so each gets its own
        module = build(dataclasses.replace(data, ct=data.ct.clone(), ehr=data.ehr.clone()))
        plain = module.loss(rows, view)
        # whatever stands where nothing was measured must not matter
        module.ct[~module.has_ct] = 7.0
        module.ehr[~module.has_ehr] = 7.0
        assert torch.isclose(module.loss(rows, view), plain), name
        # and what was measured must
        module.ehr[module.has_ehr] = 1 - module.ehr[module.has_ehr]
        assert not torch.isclose(module.loss(rows, view), plain), name


# --- leakage --------------------------------------------------------------------------------------


def test_nothing_that_is_chosen_depends_on_test_exams(chain, tmp_path, monkeypatch):
    left, _ = chain
    exams = open_exams(packed_cohort())
    test = exams.rows("test")
    exams.labels = exams.labels.copy()
    exams.labels[test] = 1 - exams.labels[test]
    exams.record = exams.record.copy()
    exams.record[test] = 1e5
    monkeypatch.setattr("mlmi2023.papers.pecon.evaluate.open_exams", lambda _: exams)
    used = {name: Used(left[name]) for name in ("penet", "elasticnet", "pecon")}
    options = {"kind": "late_fusion", "ct": "penet", "ehr": "elasticnet"}
    predict(job("radfusion", options, used=used), None, tmp_path / "fusion")
    both = (left["radfusion"], tmp_path / "fusion")
    assert len({(f / "about.json").read_text() for f in both}) == 1
    assert len({read_answers(f)[0].threshold(exams.labels) for f in both}) == 1
    options = {"kind": "elasticnet", "l1_ratio": 0.5, "strengths": [0.3, 1.0]}
    predict(job("elasticnet", options), None, tmp_path / "elasticnet")
    tables = [probabilities(f).set_index("case") for f in (left["elasticnet"], tmp_path / "elasticnet")]
    val = tables[0]["split"] == "val"
    assert np.array_equal(tables[0]["p"][val], tables[1]["p"][val])


def test_lambda_and_threshold_are_the_best_on_validation():
    rng = np.random.default_rng(0)
    labels = (rng.random(300) < 0.4).astype(int)
    good, bad = (1 / (1 + np.exp(-(k * (2 * labels - 1) + rng.standard_normal(300)))) for k in (1.5, 0.0))
    assert choose(labels, good, bad, 0.4).weight > 0.6 and choose(labels, bad, good, 0.4).weight < 0.4
    found = choose(labels, good, bad, 0.4)
    assert max(row[2] for row in found.sweep) == next(r[2] for r in found.sweep if r[0] == found.weight)
    assert [row[0] for row in found.sweep] == list(LAMBDAS) and 0.375 in LAMBDAS
    with pytest.raises(InputError, match="both classes"):
        choose(np.ones(5), good[:5], bad[:5], 0.4)


# --- the row "as released" ------------------------------------------------------------------------


def finetuning(chain, **settings):
    left, weights = chain
    data = load_exam_data(job("pecon", BRANCHES, used={"penet": Used(left["penet"], weights["penet"])}))
    torch.manual_seed(0)
    return Finetuning(build_branches(BRANCHES, data.ct.shape[2], data.ehr.shape[1]), data, settings), data


def test_released_rates_fall_after_15_epochs_of_the_scan_and_20_of_the_record(chain):
    config = read_yaml(ROOT / "config/papers/pecon.yaml")
    for scale in SCALES:
        own = merge(config["all"], config[scale])["methods"]["release"]["stages"]["finetune"]
        assert own["keep"] == "accuracy" and own["optimiser"] == "adam" and own["monitor"] == ""
        module, _ = finetuning(chain, **{**own, "epoch_steps": 3})
        made = module.configure_optimizers()
        falls = made["lr_scheduler"]["scheduler"].lr_lambdas
        for fall, epochs in zip(falls, (15, 20)):
            steps = (0, 3 * epochs - 1, 3 * epochs, 6 * epochs - 1, 6 * epochs)
            assert [fall(step) for step in steps] == pytest.approx([1, 1, 0.1, 0.1, 0.01])
        assert [group["lr"] for group in made["optimizer"].param_groups] == [0.01, 0.01]


def test_each_branch_keeps_the_epoch_with_its_best_validation_accuracy(chain):
    module, data = finetuning(chain, keep="accuracy")
    net, row = module.net.eval(), torch.from_numpy(data.rows("val"))
    heads = {"ct": net.head_c, "ehr": net.head_e}
    share = {
        name: data.labels[row][has[row]].double().mean().item()
        for name, has in (("ct", data.has_ct), ("ehr", data.has_ehr))
    }
    assert all(0 < value < 0.5 for value in share.values()), "most exams are negative"

    def epoch(ct, ehr):
        """Let each branch call all exams positive (1) or negative (0), with a mark of the epoch."""
        with torch.no_grad():
            for name, answer in (("ct", ct), ("ehr", ehr)):
                heads[name].weight.zero_()
                heads[name].bias.copy_(torch.tensor([0.0, 1.0 if answer else -1.0]) * (2 + len(marks)))
        marks.append(1)
        module.remember(row, torch.zeros_like(row))

    marks: list[int] = []
    epoch(ct=1, ehr=0)
    epoch(ct=0, ehr=1)
    # no better than its best so far: the first of equal ones stays
    epoch(ct=0, ehr=0)
    assert {name: best for name, (best, _) in module.best.items()} == pytest.approx(
        {name: 1 - value for name, value in share.items()}
    )
    saved: dict = {}
    module.on_save_checkpoint(saved)
    resumed, _ = finetuning(chain, keep="accuracy")
    resumed.on_load_checkpoint(saved)
    for own in (module, resumed):
        own.on_fit_end()
        assert own.net.head_c.bias[1].item() == -3.0 and own.net.head_e.bias[1].item() == -2.0


def test_a_run_ends_with_the_best_epochs_and_says_so(chain, tmp_path, monkeypatch):
    left, weights = chain
    used = {"penet": Used(left["penet"], weights["penet"])}
    settings = {**STAGES["finetune"], "optimiser": "adam", "keep": "accuracy"}
    best = []
    monkeypatch.setattr(
        Finetuning,
        "on_fit_end",
        lambda self, done=Finetuning.on_fit_end: (best.append(self.best), done(self)),
    )
    made = job("release", BRANCHES, train=settings, stage="finetune", used=used)
    report = train(made, tmp_path / "runs", tmp_path / "out")
    assert report["selected_by"] == "accuracy of each branch"
    kept = load_file(tmp_path / "out/weights.safetensors")
    assert len(best) == 1 and set(best[0]) == {"ct", "ehr"}
    for _, own in best[0].values():
        assert own and all(torch.equal(kept[name], value) for name, value in own.items())


def test_excluded_types_do_not_train(chain):
    left, weights = chain
    data = load_exam_data(job("pecon", BRANCHES, used={"penet": Used(left["penet"], weights["penet"])}))
    kinds = [data.exams.types[i] for i in data.rows("train", ["subsegmental"])]
    assert "subsegmental" not in kinds and "subsegmental" in [data.exams.types[i] for i in data.rows("train")]


# --- backbone -------------------------------------------------------------------------------------


def test_features_are_the_mean_over_sub_volumes(chain):
    left, weights = chain
    exams = open_exams(packed_cohort())
    features = read_features(left["penet"], exams)
    assert features.shape == (len(exams), 3, 16)
    net, cut = inference.load_penet(PENET, weights["penet"]).eval(), Cut.of(TASK, exams)
    row = int(exams.rows("test")[exams.has_ct[exams.rows("test")]][0])
    store = inference.Explainer(net, lambda f: f.sum(), exams, cut, None, torch.device("cpu")).store
    with torch.inference_mode():
        vectors, logits = net(
            store.take(torch.tensor([row, row]), torch.tensor(cut.starts(exams.depth(row))))
        )
    assert np.allclose(features[row, 0], vectors.mean(0).numpy(), atol=1e-5)
    p = probabilities(left["penet"]).set_index("case").loc[exams.cases[row], "ct"]
    assert p == pytest.approx(float(torch.sigmoid(logits.max())), abs=1e-5), (
        "the most suspicious sub-volume decides"
    )
    # augmented views: of training exams alone, and they differ
    assert np.isnan(features[exams.rows("val", "test"), 1:]).all()
    trained = exams.rows("train")[exams.has_ct[exams.rows("train")]]
    assert np.isfinite(features[trained]).all() and not np.allclose(
        features[trained, 1], features[trained, 2]
    )


def test_features_of_another_cohort_are_refused(chain, tmp_path):
    left, _ = chain
    shutil.copytree(left["penet"], tmp_path / "f")
    np.savez(tmp_path / "f/features.npz", features=np.zeros((2, 1, 3)))
    with pytest.raises(InputError, match=r"delete .* and predict again"):
        load_exam_data(job("pecon", BRANCHES, used={"penet": Used(tmp_path / "f")}))
    with pytest.raises(InputError, match="also under 'uses'"):
        load_exam_data(job("pecon", BRANCHES))


def test_heat_maps_point_where_a_network_looks():
    exams = open_exams(packed_cohort())
    cut = Cut.of(TASK, exams)
    net = build_penet({"net": PENET["net"]})

    # maps are the image itself, pooled, and their mean is explained: the brightest place is the warmest
    net.maps = lambda x, stages=None: torch.nn.functional.avg_pool3d(x + 1, (2, 4, 4))
    net.pooled = lambda maps, stages=None: maps.mean(dim=(2, 3, 4))
    explainer = Explainer(net, lambda f: f.sum(), exams, cut, 1, torch.device("cpu"))
    row = int(next(i for i in exams.rows("test") if exams.labels[i] and exams.has_scan(i)))
    heat = explainer.heat(row)
    assert heat.shape == (12, 32, 32) and heat.min() >= 0 and heat.max() > 0
    # the warmest voxel is where the middle crop is brightest
    z, y, x = np.unravel_index(heat.argmax(), heat.shape)
    seen = np.clip(explainer.middle(exams.scan(row)).astype(float), -100, 900)
    assert seen[max(0, z - 2) : z + 3, max(0, y - 4) : y + 5, max(0, x - 4) : x + 5].max() > np.quantile(
        seen, 0.9
    )


def test_pointing_game_tells_hits_from_misses(monkeypatch):
    exams = open_exams(packed_cohort())
    explainer = Explainer(
        build_penet({"net": PENET["net"]}),
        lambda f: f.sum(),
        exams,
        Cut.of(TASK, exams),
        1,
        torch.device("cpu"),
    )
    row = int(next(i for i in exams.rows("test") if exams.labels[i] and exams.has_scan(i)))
    truth = explainer.middle(exams.defects(row)) > 0
    hit = truth.astype(np.float32)
    monkeypatch.setattr(explainer, "heat", lambda _: hit)
    assert explainer.points_at_defect(row, 0) is True
    far = np.zeros_like(hit)
    far[0, 0, 0] = 1
    assert not truth[:3, :3, :3].any()
    monkeypatch.setattr(explainer, "heat", lambda _: far)
    assert explainer.points_at_defect(row, 2) is False
    negative = int(next(i for i in exams.rows("test") if not exams.labels[i] and exams.has_scan(i)))
    assert explainer.points_at_defect(negative, 1) is None


# --- figures, mistakes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "methods"),
    [
        ("fig2", ["penet", "pecon"]),
        ("fig3", ["penet", "pecon"]),
        ("fig_lambda", ["radfusion", "pecon"]),
        ("fig_roc", ["penet", "pecon", "elasticnet"]),
    ],
)
def test_figures_are_drawn(chain, tmp_path, figure, methods):
    left, weights = chain
    options = {"penet": PENET, "pecon": {**BRANCHES, "explain": {"stages": 1, "tolerance": 1}}}
    jobs = {m: job(m, options.get(m, {})) for m in methods}
    own = {m: weights[m] for m in methods if m in weights}
    draw(figure, jobs, own, {m: left[m] for m in methods}, {m: m for m in methods}, tmp_path / figure)
    assert (tmp_path / f"{figure}.png").stat().st_size > 5000 and (tmp_path / f"{figure}.svg").exists()


def test_mistakes_are_one_line(chain, tmp_path):
    left, _ = chain
    with pytest.raises(InputError, match="choose learned, pretrained"):
        predict(job("x", {"kind": "oracle"}), None, tmp_path / "x")
    with pytest.raises(InputError, match="missing under 'uses'"):
        predict(job("x", {"kind": "late_fusion", "ct": "penet", "ehr": "elasticnet"}), None, tmp_path / "x")
    with pytest.raises(InputError, match="no such file; ask for PENet's weights"):
        lost = {**PENET, "kind": "pretrained", "weights": {"path": str(tmp_path / "none")}}
        predict(job("x", lost), None, tmp_path / "x")
    with pytest.raises(InputError, match=r"task\.scan\.crop is 64"):
        Cut.of({"scan": {"crop": 64}}, open_exams(packed_cohort()))
    assert not (tmp_path / "x").exists()
    used = {"penet": Used(left["penet"])}
    with pytest.raises(InputError, match=r"pretraining\.loss is 'triplet'"):
        odd = {**BRANCHES, "pretraining": {"loss": "triplet"}}
        train(job("x", odd, stage="pretrain", used=used, train=STEPS), tmp_path, tmp_path / "x")


def test_close_probabilities_keep_an_operating_point():
    labels = np.array([0, 0, 0, 1, 1, 1])
    scores = 0.361 + 0.0001 * np.arange(6)
    threshold = operating_point(labels, scores)
    assert ((scores >= threshold) == labels).all()
