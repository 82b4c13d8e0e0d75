"""Training, reconstruction, maps and scores of mddpm on discs."""

import numpy as np
import pytest
import torch

from mddpm_data import ANOMALIES, HEALTHY, METHODS, job, make_cohort
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json
from mlmi2023.papers.mddpm.autoencoders import divergence
from mlmi2023.papers.mddpm.evaluate import predict, read_head, read_sweep, score
from mlmi2023.papers.mddpm.heads import Heads, HealthySlices, brain_error, fitted
from mlmi2023.papers.mddpm.maps import anomaly_map, candidates, dice, found, sweep
from mlmi2023.papers.mddpm.networks import build
from mlmi2023.papers.mddpm.options import Anomalies
from mlmi2023.papers.mddpm.reconstruct import OneStep
from mlmi2023.papers.mddpm.train import plan
from mlmi2023.tasks.chain import train

LEARNED = [name for name, method in METHODS.items() if method["kind"] == "learned"]


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    """Packed cohorts of healthy and ill discs."""
    root = tmp_path_factory.mktemp("discs")
    return {"healthy": make_cohort(root / "healthy"), "ill": make_cohort(root / "ill", ill=True)}


@pytest.fixture(scope="module")
def runs(cohorts, tmp_path_factory):
    """Weights of every learned method after four steps, and what the last two of them scored."""
    root, made = tmp_path_factory.mktemp("runs"), {}
    for method in LEARNED:
        previous = None
        for stage in ("gan", "main") if method == "fanogan" else ("main",):
            own = job(method, cohorts["healthy"], stage=stage)
            if previous:
                own = type(own)(**{**vars(own), "previous": previous})
            out = root / method / stage
            train(own, root / "runs", out)
            previous = out / "weights.safetensors"
        made[method] = previous
    return made


@pytest.mark.parametrize("method", LEARNED)
def test_every_method_trains_and_is_judged_by_healthy_slices(runs, method):
    report = read_json(runs[method].parent / "train.json")
    assert report["learned"]["measure"] == "val_error"
    assert 0 < report["learned"]["end"] <= report["learned"]["before"] < 1
    assert 0.02 < report["learned"]["floor"] < 0.5
    if method == "fanogan":
        gan = read_json(runs[method].parents[1] / "gan/train.json")["learned"]
        assert gan["measure"] == "val_distance" and 0 < gan["ceiling"] < gan["floor"]


def test_the_encoder_leaves_generator_and_critic_alone(runs):
    from safetensors.torch import load_file

    before = load_file(runs["fanogan"].parents[1] / "gan/weights.safetensors")
    after = load_file(runs["fanogan"])
    for name in before:
        assert torch.equal(before[name], after[name]) != name.startswith("encoder") or "num_batches" in name


@pytest.mark.parametrize("method", [*METHODS])
def test_every_method_predicts_and_scores(cohorts, runs, tmp_path, method):
    own = job(method, cohorts["ill"], ANOMALIES)
    predict(own, runs.get(method), tmp_path / "out")
    values = list(score(own, tmp_path / "out"))
    assert {v.metric for v in values} == {"dice", "dice_oracle", "auprc", "prevalence"}
    by = {m: np.mean([v.value for v in values if v.metric == m]) for m in ("dice", "dice_oracle", "auprc")}
    assert by["dice_oracle"] >= by["dice"] - 1e-6
    if method == "truth":
        assert by["dice"] == by["auprc"] == by["dice_oracle"] == 100
    if method == "intensity":
        assert by["auprc"] == pytest.approx(100) and by["dice"] > 90


def test_truth_and_noise_bracket_the_error_on_healthy_heads(cohorts, runs, tmp_path):
    errors = {}
    for method in ("noise", "vae", "truth"):
        own = job(method, cohorts["healthy"], HEALTHY)
        predict(own, runs.get(method), tmp_path / method)
        errors[method] = np.mean([v.value for v in score(own, tmp_path / method)])
    assert errors["truth"] < 0.05 < errors["vae"] < errors["noise"]


def test_a_case_does_not_depend_on_its_batch_mates(cohorts, runs, tmp_path):
    results = []
    for batch in (3, 16):
        own = job("pddpm", cohorts["ill"], {**ANOMALIES, "batch": batch})
        predict(own, runs["pddpm"], tmp_path / str(batch))
        head = Heads(own).head(4)
        results.append(read_head(tmp_path / str(batch), head)["healthy"])
    assert np.allclose(*results, atol=2e-3)  # stored as float16


def test_the_threshold_is_the_best_of_the_validation_heads(cohorts, tmp_path):
    own = job("intensity", cohorts["ill"], ANOMALIES)
    predict(own, None, tmp_path / "out")
    threshold, tried, values = read_sweep(tmp_path / "out")
    assert threshold == tried[values.argmax()]
    heads = Heads(own)
    val = [heads.head(row) for row in heads.rows("val")]
    again = [read_head(tmp_path / "out", head)["map"] for head in val]
    assert np.allclose(sweep(again, [h.lesions for h in val], tried, 1), values)


def test_training_aims_at_the_clean_slice_and_testing_masks_nothing(cohorts):
    own = job("ipm", cohorts["healthy"])
    made = plan(own)
    torch.manual_seed(0)
    example = made.module.source({"row": torch.arange(4)})
    clean = 2 * made.module.source.slices.take(torch.arange(4))[0] - 1
    assert torch.equal(example.clean, clean) and not torch.equal(example.start, clean)
    step, seen = OneStep(dict(own.method_options), 1), []
    image = (clean + 1) / 2
    step(lambda x, t: seen.append((x, t)) or x, image, [("a", 0)] * 4)
    noisy, level = seen[0]
    assert level.tolist() == [50] * 4
    kept = float(step.process.kept[50])
    left = (noisy - kept**0.5 * clean) / (1 - kept) ** 0.5
    assert torch.allclose(left, left[:1].expand_as(left), atol=1e-4), (
        "one draw for one key, of the whole slice"
    )


def test_patches_are_noised_in_turn_and_seen_in_clean_context(cohorts):
    step, seen = OneStep(METHODS["pddpm"], 1), []
    image = torch.rand(2, 1, 16, 24)
    step(lambda x, t: seen.append(x) or x, image, [("a", 0), ("a", 1)])
    clean = 2 * image - 1
    assert len(seen) == 4
    changed = torch.stack([(x != clean)[0, 0] for x in seen])
    assert torch.equal(changed.sum(0), torch.ones(16, 24, dtype=torch.long))


def test_maps_are_eroded_smoothed_and_cut():
    brain = np.zeros((5, 9, 9), bool)
    brain[:, 1:8, 1:8] = True
    residual = np.ones(brain.shape, np.float32)
    task = Anomalies(kind="anomalies", lesions=[1], erosion=2, median=1)
    assert anomaly_map(residual, brain, task).sum() == 5 * 3 * 3
    spike = np.zeros_like(residual)
    spike[2, 4, 4] = 1
    assert anomaly_map(spike, brain, Anomalies(kind="anomalies", lesions=[1], erosion=0, median=3)).sum() == 0
    two = np.zeros((1, 4, 6), np.float32)
    two[0, 0, :3], two[0, 3, 5] = 0.5, 0.9
    assert found(two, 0.4, 1).sum() == 4 and found(two, 0.4, 2).sum() == 3 and found(two, 0.6, 2).sum() == 0


def test_dice_and_sweep_by_hand():
    truth = np.array([[[1, 1, 0, 0]]], bool)
    anomaly = np.array([[[0.9, 0.2, 0.5, 0.1]]], np.float32)
    assert dice(anomaly > 0.4, truth) == 0.5 and dice(truth & False, truth & False) == 1
    assert sweep([anomaly], [truth], np.array([0.15, 0.4, 0.6]), 1).tolist() == [0.8, 0.5, 2 / 3]
    assert candidates([np.zeros((1, 2, 2))], 5).tolist() == [0]


def test_folds_are_by_subject_and_each_seed_has_one(cohorts):
    seen, own = [], job("vae", cohorts["healthy"], {**HEALTHY, "folds": 3})
    for seed in range(3):
        heads = Heads(type(own)(**{**vars(own), "seed": seed}))
        train_rows, val_rows = heads.rows("train"), heads.rows("val")
        assert not set(train_rows) & set(val_rows) and len(train_rows) + len(val_rows) == 6
        assert not set(heads.rows("test")) & {*train_rows, *val_rows}
        seen += val_rows
    assert sorted(seen) == list(range(6))


def test_slices_are_fitted_around_their_middle():
    volume = np.arange(2 * 4 * 6).reshape(2, 4, 6)
    assert np.array_equal(fitted(volume, (2, 4)), volume[:, 1:3, 1:5])
    assert fitted(volume, (6, 7)).shape == (2, 6, 7) and fitted(volume, (6, 7)).sum() == volume.sum()


def test_anomalies_are_put_into_healthy_heads_by_name(cohorts):
    insert = {"count": [2, 2], "radius": [8.0, 8.0], "values": [0.9]}
    plain = Heads(job("vae", cohorts["healthy"])).head(0)
    heads = Heads(job("intensity", cohorts["healthy"], {**ANOMALIES, "insert": insert}))
    ill, again, other = heads.head(0), heads.head(0), heads.head(1)
    assert np.array_equal(ill.image, again.image) and not np.array_equal(ill.lesions, other.lesions)
    assert ill.lesions.any() and not (ill.lesions & ~ill.brain).any()
    far = (np.abs(ill.image - plain.image) > 1e-6) & ~ill.brain
    assert not far.any() and np.abs(ill.image - 0.9)[ill.lesions].mean() < 0.2


def test_a_cohort_without_labels_is_one_line(cohorts, monkeypatch):
    heads = Heads(job("intensity", cohorts["healthy"], ANOMALIES))
    monkeypatch.setattr(type(heads.cohort), "labels", None)
    with pytest.raises(InputError, match=r"set task\.insert"):
        heads.head(0)


def test_errors_count_the_brain_alone(cohorts):
    slices = HealthySlices(Heads(job("vae", cohorts["healthy"])), "val")
    image, brain = slices.take(torch.arange(2))
    off = torch.where(brain, image + 0.1, image + 5)
    assert torch.allclose(brain_error(image, off, brain), torch.full((2,), 0.1), atol=1e-4)


def test_the_divergence_is_that_of_the_textbook():
    mean, log_variance = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]]).log().nan_to_num(neginf=0.0)
    by_hand = 0.5 * (1 + 0 + 1 - 1) + 0.5 * (0 + 2 - 1 - np.log(2))
    assert float(divergence(mean, log_variance)) == pytest.approx(by_hand, rel=1e-5)


def test_slices_that_do_not_halve_are_one_line(cohorts):
    with pytest.raises(InputError, match="do not halve 4 times"):
        build(job("vae", cohorts["healthy"], options={"net": {"channels": [4, 4, 4, 4]}}), (16, 24))


def test_the_network_of_the_paper_has_its_size():
    from mlmi2023.nets.generation.unet import TimeUnet

    with torch.device("meta"):
        net = TimeUnet({"channels": [128, 256, 256], "blocks": 3, "attention": [2]}, (96, 96))
    count = sum(p.numel() for p in net.parameters())
    assert 35e6 < count < 60e6
