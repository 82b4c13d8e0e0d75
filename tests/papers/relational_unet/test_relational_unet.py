"""Losses, nDSC, networks and the chain of RelationalUNet on tiny scans."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.tidy import read_metrics
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.metrics.ndsc import normalised_dice
from mlmi2023.papers.relational_unet import losses
from mlmi2023.papers.relational_unet.evaluate import predict, score
from mlmi2023.papers.relational_unet.lesions import lesions
from mlmi2023.papers.relational_unet.train import plan
from mlmi2023.tasks.chain import evaluate as run_evaluate
from mlmi2023.tasks.chain import train as run_train
from mlmi2023.tasks.segmentation import read_about
from relational_unet_data import LESIONS, RUNET, TRAIN, cohort, job
from reseal import reseal

ROOT = Path(__file__).parents[3]


PAPER = merge(*(read_yaml(ROOT / "config/papers/relational_unet.yaml")[part] for part in ("all", "paper")))
TASKS = PAPER["datasets"]


def masks(hit, wrong, missed, size):
    found, truth = np.zeros(size, bool), np.zeros(size, bool)
    found[: hit + wrong] = True
    truth[:hit] = True
    truth[hit + wrong : hit + wrong + missed] = True
    return found, truth


def test_ndsc_by_hand():
    # 10 lesion voxels of 1000: k = 0.999 * 10 / (0.001 * 990) = 10.0909...
    found, truth = masks(6, 2, 4, 1000)
    assert normalised_dice(found, truth) == pytest.approx(12 / (12 + 2 * 9.99 / 0.99 + 4))
    # at the reference share it is plain Dice
    found, truth = masks(6, 2, 4, 10000)
    assert normalised_dice(found, truth) == pytest.approx(12 / (12 + 2 + 4))
    # and as the paper has it, from recall and the precision of Eq. 5
    found, truth = masks(30, 20, 10, 5000)
    k = (1 - 0.001) * 40 / (0.001 * (5000 - 40))
    precision, recall = 30 / (30 + k * 20), 30 / 40
    assert normalised_dice(found, truth) == pytest.approx(2 * precision * recall / (precision + recall))


def test_ndsc_without_lesions_and_at_the_ends():
    none, some = np.zeros(50, bool), np.arange(50) < 3
    assert normalised_dice(none, none) == 1.0 and normalised_dice(some, none) == 0.0
    assert normalised_dice(none, some) == 0.0 and normalised_dice(some, some) == 1.0
    with pytest.raises(ValueError, match="shape"):
        normalised_dice(none, some[:9])
    with pytest.raises(ValueError, match="all voxels"):
        normalised_dice(none, ~none)


def test_ndsc_asks_the_same_of_patients_with_little_and_much_lesion():
    """At equal recall and false positive rate nDSC is equal; Dice is not."""
    values = []
    for lesion in (10, 1000):
        truth = np.arange(100_000) < lesion
        found = truth & (np.arange(100_000) < 0.8 * lesion)
        rest = np.flatnonzero(~truth)
        found[rest[: round(0.0005 * len(rest))]] = True
        values.append(normalised_dice(found, truth))
    assert values[0] == pytest.approx(values[1], rel=0.02)


def test_focal_loss_by_hand():
    p = torch.tensor([0.9, 0.4])
    logits = torch.stack([torch.zeros(2), (p / (1 - p)).log()])[None]  # (1, 2, 2)
    target = torch.tensor([[1, 0]])
    expected = -(0.1**2 * np.log(0.9) + 0.4**2 * np.log(0.6)) / 2
    assert losses.focal(logits, target).item() == pytest.approx(expected, rel=1e-5)
    plain = torch.nn.functional.cross_entropy(logits, target)
    assert losses.focal(logits, target, 0.0).item() == pytest.approx(plain.item(), rel=1e-5)


def test_the_losses_of_both_tasks_by_hand():
    p = np.array([0.8, 0.3, 0.1])
    t = np.array([1.0, 1.0, 0.0])
    logits = torch.stack([torch.zeros(3), torch.tensor(np.log(p / (1 - p))).float()])[None]
    target = torch.tensor([[1, 1, 0]])
    squared = [1 - 2 * (a * b).sum() / ((a**2).sum() + (b**2).sum()) for a, b in ((p, t), (1 - p, 1 - t))]
    entropy = -np.log([0.8, 0.3, 0.9]).mean()
    own = losses.build({"kind": "dice_cross_entropy", "background": True, "squared": True})
    assert own(logits, target).item() == pytest.approx(np.mean(squared) + entropy, rel=1e-4)
    dice = 1 - 2 * (p * t).sum() / (p.sum() + t.sum())
    focal = -(np.array([0.2, 0.7, 0.1]) ** 2 * np.log([0.8, 0.3, 0.9])).mean()
    own = losses.build({"kind": "dice_focal", "weights": [0.5, 1.0], "gamma": 2.0})
    assert own(logits, target).item() == pytest.approx(0.5 * dice + focal, rel=1e-4)
    with pytest.raises(InputError, match=r"train\.loss"):
        losses.build({"kind": "dice_focal", "gama": 2})


def test_the_papers_network_takes_several_channels_and_says_what_does_not_fit():
    from mlmi2023.nets.registry import build

    own, options = "mlmi2023.papers.relational_unet.networks", RUNET["net"]
    net = build(options, 2, 3, (16, 16, 16), own)
    assert net(torch.randn(1, 2, 16, 16, 16)).shape == (1, 3, 16, 16, 16)
    with pytest.raises(InputError, match="multiples of 2"):
        build(options, 1, 2, (16, 17, 16), own)
    with pytest.raises(InputError, match=r"net of 'relational_unet'.*feature"):
        build({"name": "relational_unet", "feature": [4, 4]}, 1, 2, (16, 16, 16), own)


def test_small_pieces_and_what_lies_outside_the_brain_are_dropped():
    chance = np.zeros((6, 6, 6))
    chance[1, 1, 1:4], chance[4, 4, 4], chance[0, 0, 0] = 0.6, 0.9, 0.9
    brain = np.ones((6, 6, 6), bool)
    brain[0] = False
    assert lesions(chance, brain, 0.5, 2).sum() == 3 and lesions(chance, brain, 0.5, 1).sum() == 4
    assert lesions(chance, brain, 0.7, 1).sum() == 1


def test_a_piece_hangs_together_by_faces_and_nine_voxels_are_too_few():
    brain = np.ones((12, 12, 12), bool)
    chance = np.zeros((12, 12, 12))
    chance[1:4, 1:4, 1], chance[4:7, 4:7, 2] = 1.0, 1.0  # nine voxels each, which meet at an edge or corner
    chance[9, 1:11, 9] = 1.0  # ten
    least = TASKS["shifts_wml"]["task"]["least"]
    assert np.array_equal(lesions(chance, brain, 0.5, least), (chance > 0) & (np.arange(12) == 9))


@pytest.fixture(scope="module")
def organs(tmp_path_factory):
    return cohort(tmp_path_factory.mktemp("organs"), ["train", "train", "val", "test", "test"])


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    return cohort(tmp_path_factory.mktemp("heads"), ["train", "dev_in", "dev_in", "dev_out"], lesions=True)


def values(rows, metric, label):
    return [v.value for v in rows if v.metric == metric and v.label == label]


def test_training_uses_training_scans_alone_and_tests_others(organs):
    made = plan(job(organs))
    scans = open_scans(organs)
    assert {scans.splits[row] for row in made.train.rows} == {"train"}
    assert {scans.splits[int(item["row"][0])] for item in (made.val[k] for k in range(len(made.val)))} == {
        "val"
    }


def test_floor_and_ceiling_of_organs(organs, tmp_path):
    for kind, expected in (("background", 0.0), ("truth", 100.0)):
        own = job(organs, kind, {"kind": kind})
        predict(own, None, tmp_path / kind)
        rows = list(score(own, tmp_path / kind))
        assert len(rows) == 2 * 3  # two scans; two organs and their mean
        assert values(rows, "dsc", "avg") == [expected] * 2
        assert values(rows, "dsc", "gall") == [expected] * 2


def test_swapped_or_shifted_labels_lose(organs, tmp_path):
    scans = open_scans(organs)
    own = job(organs, "truth", {"kind": "truth"})
    predict(own, None, tmp_path / "p")
    for change in (lambda a: np.array([0, 2, 1])[a], lambda a: np.roll(a, 2, 0)):
        for row in (3, 4):
            found = change(np.asarray(scans.labels(row))).astype(np.uint8)
            np.savez_compressed(tmp_path / "p" / f"{scans.subjects[row]}.npz", labels=found)
        assert max(values(score(own, tmp_path / "p"), "dsc", "avg")) < 70


def test_a_network_learns_to_tell_organs_apart(organs, tmp_path):
    train = {**TRAIN, "steps": 100, "epoch_steps": 50}
    wider = {**RUNET, "net": {**RUNET["net"], "features": [8, 16]}}
    own = job(organs, "runet", wider, train=train)
    run_train(own, tmp_path / "runs", tmp_path / "out")
    weights = tmp_path / "out/weights.safetensors"
    run_evaluate(own, weights, tmp_path / "p", tmp_path / "s.csv")
    frame = read_metrics(tmp_path / "s.csv")
    assert frame[frame["label"] == "avg"]["value"].mean() > 80


def test_lesions_are_cut_at_a_threshold_that_validation_chose(heads, tmp_path):
    own = job(heads, "brightness", {"kind": "brightness", "top": 5.0}, LESIONS, dataset="shifts_wml")
    predict(own, None, tmp_path / "p")
    kept = read_about(tmp_path / "p")
    assert kept["sweep"][f"{kept['threshold']:g}"] == max(kept["sweep"].values())
    rows = list(score(own, tmp_path / "p"))
    assert {v.setting for v in rows} == {"dev-in", "dev-out"}
    assert min(values(rows, "ndsc", "")) > 90  # the lesions of this cohort are far brighter than the rest
    blank = job(heads, "background", {"kind": "background"}, LESIONS, dataset="shifts_wml")
    predict(blank, None, tmp_path / "b")
    assert max(values(score(blank, tmp_path / "b"), "ndsc", "")) == 0


def test_the_threshold_does_not_look_at_the_shifted_site(heads, tmp_path):
    import shutil

    other = tmp_path / "other"
    shutil.copytree(heads, other)
    scans = open_scans(heads)
    labels = np.load(other / "labels.npy")
    place = slice(scans.offsets[3], scans.offsets[4])
    labels[place] = np.random.default_rng(0).permutation(labels[place])
    np.save(other / "labels.npy", labels)
    reseal(other)
    kept = []
    for data in (heads, other):
        own = job(data, "brightness", {"kind": "brightness", "top": 5.0}, LESIONS)
        predict(own, None, tmp_path / data.parent.name / "p")
        kept.append(read_about(tmp_path / data.parent.name / "p"))
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    ("options", "task", "said"),
    [
        ({"kind": "magic"}, None, "kind is 'magic'"),
        ({"kind": "brightness"}, None, "is for lesions only"),
        (RUNET, None, "give the weights"),
        ({"kind": "truth"}, {"kind": "cells"}, "task.kind is 'cells'"),
    ],
)
def test_mistakes_are_one_line(organs, tmp_path, options, task, said):
    with pytest.raises(InputError, match=said):
        predict(job(organs, "x", options, task), None, tmp_path / "p")
    assert not (tmp_path / "p").exists()
