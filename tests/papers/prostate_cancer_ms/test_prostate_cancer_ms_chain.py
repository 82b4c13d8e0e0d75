"""Training of folds side by side, prediction, scores and figures on eight tiny glands."""

import numpy as np
import pytest
import torch

from mlmi2023.core.tidy import read_metrics
from mlmi2023.papers.prostate_cancer_ms.cases import Glands
from mlmi2023.papers.prostate_cancer_ms.evaluate import predict, score
from mlmi2023.papers.prostate_cancer_ms.figures import fullest, shown
from mlmi2023.papers.prostate_cancer_ms.train import plan
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.chain import draw, evaluate, train
from prostate_cancer_data import job
from prostate_cancer_data import packed as make


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return make(tmp_path_factory.mktemp("glands"))


def run(own, out):
    weights = None
    if own.train:
        train(own, out / "runs", out / own.method / "model")
        weights = out / own.method / "model/weights.safetensors"
    evaluate(own, weights, out / own.method / "predictions", out / own.method / "scores.csv")
    return read_metrics(out / own.method / "scores.csv"), weights


def mean(rows, metric, setting):
    return float(rows[(rows["metric"] == metric) & (rows["setting"] == setting)]["value"].mean())


def test_a_network_of_each_fold_goes_from_training_to_scores_and_figures(packed, tmp_path):
    methods = ["spcnet", "decnet", "br_unet"]
    jobs = {m: job(m, packed) for m in methods}
    weights = {}
    for method, own in jobs.items():
        rows, weights[method] = run(own, tmp_path)
        assert set(rows["setting"]) == {"cspca", "indolent", "cancer"} and len(set(rows["case"])) == 3
        found = [len(rows[(rows["metric"] == "dice") & (rows["setting"] == s) & rows["value"].notna()])
                 for s in ("cspca", "indolent")]  # fmt: skip
        assert found == [1, 1]
        # chances are probabilities within the gland alone
        cases = Glands(own)
        kept = segmentation.read_case(tmp_path / method / "predictions", cases, cases.rows("test")[0])
        outside = ~cases.gland(cases.rows("test")[0])
        assert kept["chances"].shape == (6, 32, 32, 2) and (kept["chances"][outside] == 0).all()
        assert 0 < kept["chances"].astype(float).sum(-1).max() <= 1.001
    predictions = {m: tmp_path / m / "predictions" for m in methods}
    for figure in ("fig2", "fig3", "fig_learning", "fig_counts"):
        draw(figure, jobs, weights, predictions, {m: m for m in methods}, tmp_path / figure)
        assert (tmp_path / f"{figure}.png").stat().st_size > 2000


def test_controls_bracket(packed, tmp_path):
    truth, _ = run(job("truth", packed), tmp_path)
    for setting in ("cspca", "indolent"):
        for metric in ("pr_auc", "sensitivity", "precision", "dice", "accuracy"):
            assert mean(truth, metric, setting) == 1, (metric, setting)
        assert mean(truth, "fp_volume", setting) == 0
    for metric in ("sensitivity", "specificity", "precision", "npv", "f1", "accuracy"):
        assert mean(truth, metric, "cancer") == 1
    floor, _ = run(job("background", packed), tmp_path)
    for setting in ("cspca", "indolent"):
        assert mean(floor, "sensitivity", setting) == mean(floor, "dice", setting) == 0
    assert mean(floor, "sensitivity", "cancer") == 0 and mean(floor, "specificity", "cancer") == 1


def test_scores_follow_the_answer_and_its_classes(packed, tmp_path):
    own = job("truth", packed)
    cases = Glands(own)
    predict(own, None, tmp_path / "truth")
    for name, change in (
        ("shifted", lambda labels: np.roll(labels, 8, axis=2)),
        ("swapped", lambda labels: np.array([0, 2, 1], np.uint8)[labels]),
    ):
        (tmp_path / name).mkdir()
        for row in cases.rows("test"):
            labels = segmentation.read_case(tmp_path / "truth", cases, row)["labels"]
            np.savez(tmp_path / name / f"{cases.name(row)}.npz", labels=change(labels))
        values = list(score(own, tmp_path / name))
        hits = [v.value for v in values if v.metric == "sensitivity" and v.setting != "cancer"]
        assert np.nanmax(hits) == 0, name
        any_cancer = np.mean([v.value for v in values if v.metric == "sensitivity" and v.setting == "cancer"])
        assert any_cancer == (1 if name == "swapped" else 0)


def test_the_network_of_a_fold_is_trained_as_if_alone(packed):
    made = plan(job("decnet", packed, batch=3))
    torch.manual_seed(0)
    drawn = [made.train[0] for _ in range(3)]
    batch = {key: torch.stack([one[key] for one in drawn]) for key in drawn[0]}
    module = made.module
    module.training_step(batch, 0).backward()
    together = [p.grad.clone() for p in module.net.members[1].parameters()]
    module.zero_grad()
    image, target = module.source({"row": batch["row"][:, 1], "draw": batch["draw"][:, 1]}, False)
    # without augmentation both ways are the same
    module.loss[1](module.net.members[1](image), target).backward()
    alone = [p.grad for p in module.net.members[1].parameters()]
    assert all(torch.equal(a, b) for a, b in zip(together, alone)) and any(a.any() for a in alone)
    assert not any(p.grad is not None and p.grad.any() for p in module.net.members[0].parameters())


def test_the_decision_loss_flows_back_into_the_detector(packed):
    made = plan(job("decnet", packed))
    member, loss = made.module.net.members[0], made.module.loss[0]
    image, target = made.module.source({"row": torch.arange(6)}, False)
    loss.decisions(member(image).coarse, target).backward()
    assert member.net.fuse.weight.grad.abs().sum() > 0
    assert all(p.grad.abs().sum() > 0 for p in member.dpm.parameters())
    assert made.module.loss[0].weights.tolist() != made.module.loss[1].weights.tolist()


def test_validation_counts_what_lies_within_glands(packed):
    made = plan(job("spcnet", packed))
    module, said = made.module, []
    module.log = lambda name, value, **keys: said.append((name, float(value)))
    module._trainer = None

    class Sure(torch.nn.Module):
        """Says the truth, and aggressive cancer everywhere outside the gland."""

        def forward(self, image):
            from mlmi2023.papers.prostate_cancer_ms.model import Answer

            found = torch.where(module.truth < 0, 2, module.truth)
            return Answer(60 * torch.nn.functional.one_hot(found, 3).movedim(-1, 1).float(), [], [])

    module.net.members = torch.nn.ModuleList([Sure(), Sure()])
    module._counts = torch.zeros(5, 2, 2, dtype=torch.int64)
    for number in range(len(made.val)):
        batch = made.val[number]
        module.truth = module.source(batch, False)[1]
        module.validation_step({key: value[None] for key, value in batch.items()}, 0)
    module.on_validation_epoch_end()
    assert dict(said)["val_dice"] == 1
    assert module._counts[:, :, 1].sum(1).tolist() == [256, 0, 256, 0, 256]


def test_figures_show_patients_by_their_truth(packed):
    cases = Glands(job("truth", packed))
    rows = shown(cases)
    assert [int(cases.truth(row).max()) for row in rows] == [2, 1, 0]
    assert fullest(cases, rows[0]) in (2, 3) and fullest(cases, rows[2]) == 3
