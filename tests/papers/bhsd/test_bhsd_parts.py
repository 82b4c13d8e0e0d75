"""Air outside, labels as asked for, conventions of Dice, the merge, printed means: by values made by hand."""

import numpy as np
import pytest
import torch

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.pool_scans.form import pack
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.metrics.segmentation import Counts, count
from mlmi2023.papers.bhsd.air import AIR, InAir, in_air, normalised
from mlmi2023.papers.bhsd.cases import HIDDEN, HeadScans
from mlmi2023.papers.bhsd.conventions import case_dice, dice_values, false_positive_share
from mlmi2023.papers.bhsd.evaluate import score
from mlmi2023.papers.bhsd.figures import confusion
from mlmi2023.papers.bhsd.means import printed, wrong
from mlmi2023.papers.bhsd.merging import merged, overlap
from mlmi2023.papers.bhsd.train import plan
from mlmi2023.tasks.segmentation import Pair
from preflight_root import ROOT

NAMES = {1: "epidural", 2: "intraparenchymal"}
TASK = {
    "kind": "bleeds", "patch": [8, 16, 16], "overlap": 0.0, "tested": ["test", "clean"], "clean": ["clean"],
    "negatives": "no_bleed", "short": {"epidural": "edh", "intraparenchymal": "iph"},
}  # fmt: skip
NET = {"name": "nnunet", "spacing": [1, 1, 1], "base": 4, "levels": 3}
TRAIN = {"steps": 2, "epoch_steps": 1, "positive": 0.5, "batch": 2, "loss": {}, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Eight scans of 10 x 12 x 6 voxels of 40 Hounsfield units, smaller than a patch; two kinds of bleed."""
    root = tmp_path_factory.mktemp("heads")
    splits = ["train", "train", "val", "test", "clean", "no_bleed", "no_bleed", "unlabelled"]
    groups = []
    for number, split in enumerate(splits):
        image = np.full((10, 12, 6), 40.0)
        image[0] = -1000
        labels = np.zeros(image.shape, np.uint8)
        if split in ("train", "val", "test"):
            labels[2:4, 2:6, 1:3], labels[6:8, 2:6, 1:3] = 1, 2
        image[labels > 0] = 70 + number
        write_volume(root / f"{number}_i.nii.gz", image, np.eye(4))
        write_volume(root / f"{number}_l.nii.gz", labels, np.eye(4))
        group = {"image": "{subject}_i.nii.gz", "labels": "{subject}_l.nii.gz"}
        groups.append({**group, "split": {split: [str(number)]}})
    read = {"window": [-40, 120], "groups": groups, "hide": ["unlabelled"], "empty": ["no_bleed", "clean"]}
    # the pattern finds all scans in each group; each group takes its own
    pack({"kind": "folder", "read": read, "label_names": NAMES}, root, root / "packed", "heads")
    return root / "packed"


def job(data, task=None, **options):
    given = {"kind": "learned", "net": NET, **options}
    own = {**TASK, **(task or {})}
    return Job("bhsd", "bhsd", "nnunet", 0, data, task=own, method_options=given, train=TRAIN, device="cpu")


def test_air_is_minus_one_and_forty_units_are_nought():
    units = np.array([-40.0, 40.0, 120.0])
    assert normalised((units + 40) / 160).tolist() == ((units - 40) / 80).tolist() == [-1, 0, 1]
    small = torch.zeros(1, 1, 2, 3, 4)
    padded = in_air(small, (4, 3, 6))
    assert padded.shape == (1, 1, 4, 3, 6) and (padded[:, :, :2, :, :4] == 0).all()
    assert (padded[:, :, 2:] == AIR).all() and (padded[..., 4:] == AIR).all() and AIR == -1
    seen = []

    class Net(torch.nn.Module):
        def forward(self, x):
            seen.append(x)
            return x

    answer = InAir(Net(), 4)(small)
    assert seen[0].shape[2:] == (4, 4, 4) and (seen[0][:, :, 2:] == -1).all() and answer.shape == small.shape


def test_patches_and_windows_reach_into_air_and_not_into_tissue(data):
    cases = HeadScans(job(data))
    source = cases.samples("val", None).source
    batch = {
        "row": torch.tensor([0]),
        "corner": torch.zeros(1, 3, dtype=torch.long),
        "draw": torch.zeros(1, 20),
    }
    image, label = source(batch, True)
    assert image.shape == (1, 1, 8, 16, 16) and label.shape == (1, 8, 16, 16)
    assert (
        (image[:, :, 6:] == -1).all() and (image[..., 12:, :] == -1).all() and (image[..., 10:] == -1).all()
    )
    assert image[0, 0, 0, 0, 5] == 0 and image[0, 0, 0, 0, 0] == -1  # tissue of 40 units, and air of the scan
    assert not label[:, 6:].any()
    seen = []

    def net(part):
        seen.append(part)
        return part.repeat(1, 3, 1, 1, 1)

    whole, _ = source({"row": torch.tensor([0])}, False)
    answer = cases.infer(net, whole)
    assert answer.shape == (1, 3, 6, 12, 10)
    assert (
        seen[0].shape[2:] == (8, 16, 16)
        and (seen[0][:, :, 6:] == -1).all()
        and (seen[0][..., 10:] == -1).all()
    )
    assert torch.allclose(answer[:, :1], whole, atol=1e-5)


def test_labels_are_those_that_the_method_asks_for(data):
    row = 0
    every, one = HeadScans(job(data)), HeadScans(job(data, only="iph"))
    assert every.classes == list(NAMES.values()) and one.classes == ["iph"] and one.only == 2
    assert set(np.unique(every.truth(row))) == {0, 1, 2} and set(np.unique(one.truth(row))) == {0, 2}
    both = HeadScans(job(data, {"kind": "foreground"}))
    assert set(np.unique(both.truth(row))) == {0, 1} and both.truth(row).sum() == 32
    batch = {"row": torch.tensor([row])}
    for cases, values in ((every, {0, 1, 2}), (one, {0, 1}), (both, {0, 1})):
        label = cases.source([row], None)(batch, False)[1]
        assert set(label.unique().tolist()) == values
        assert np.array_equal(label[0].numpy().T > 0, cases.truth(row) > 0)
    with pytest.raises(InputError, match=r"only is 'ihp'.*iph"):
        HeadScans(job(data, only="ihp"))
    hidden = every.cohort.rows("unlabelled")[0]
    assert (every.source([hidden], None)({"row": torch.tensor([hidden])}, False)[1] == HIDDEN).all()
    with pytest.raises(InputError, match="hidden"):
        every.truth(hidden)


def test_scans_without_bleed_join_the_training_scans_in_order(data):
    assert [len(HeadScans(job(data, negatives=n)).rows("train")) for n in (0, 1, 2)] == [2, 3, 4]
    assert HeadScans(job(data, negatives=1)).rows("val") == HeadScans(job(data)).rows("val")
    drawn = HeadScans(job(data, negatives=2)).samples("val", None).train
    assert len(drawn) == 4 and all(len(inside) == 0 for inside, _ in drawn.voxels[2:])
    with pytest.raises(InputError, match=r"has 2 scans.*adds 3"):
        HeadScans(job(data, negatives=3)).rows("train")


@pytest.mark.parametrize("name", ["entropy", "mean_teacher", "interpolation", "cross_pseudo"])
def test_every_way_without_labels_makes_a_step_and_never_looks_at_hidden_labels(data, name):
    torch.manual_seed(0)
    made = plan(job(data, semi={"name": name, "ramp": 0.0}))
    samples = [made.train[k] for k in (0, 1)]
    assert all(sample["unlabelled_row"] == 7 for sample in samples)
    batch = torch.utils.data.default_collate(samples)
    loss = made.module.training_step(batch, 0)
    loss.backward()
    assert torch.isfinite(loss) and made.module.net.body.output_block.conv.conv.weight.grad.abs().sum() > 0
    if name == "cross_pseudo":
        first, second = (next(net.parameters()) for net in (made.module.net, made.module.second))
        assert not torch.equal(first, second) and second.grad.abs().sum() > 0


def counts(tp, fp, fn):
    return Counts(tp, fp, fn, 100)


def test_three_conventions_over_absent_classes_by_hand():
    both, absent, alarm = counts(3, 1, 1), counts(0, 0, 0), counts(0, 4, 0)
    assert case_dice(both, False) == case_dice(both, True) == 0.75
    assert np.isnan(case_dice(absent, True)) and np.isnan(case_dice(absent, False))
    assert np.isnan(case_dice(alarm, False)) and case_dice(alarm, True) == 0
    each = {"edh": [both, absent, alarm], "iph": [counts(1, 0, 1), both, counts(0, 0, 2)]}
    values = list(dice_values(each, ["a", "b", "c"]))

    def mean(metric, label):
        return np.mean([v.value for v in values if v.metric == metric and v.label == label])

    iph = 100 * (2 / 3 + 0.75 + 0) / 3
    assert mean("dice", "edh") == pytest.approx(75) and mean("dice_fp0", "edh") == pytest.approx(37.5)
    assert mean("dice", "iph") == pytest.approx(iph) == pytest.approx(mean("dice_fp0", "iph"))
    assert mean("dice", "avg") == pytest.approx((75 + iph) / 2)
    assert mean("dice_fp0", "avg") == pytest.approx((37.5 + iph) / 2)
    pooled = {"edh": 100 * 6 / (6 + 5 + 1), "iph": 100 * 8 / (8 + 1 + 4)}
    assert all(mean("dice_pooled", label) == pytest.approx(value) for label, value in pooled.items())
    assert mean("dice_pooled", "avg") == pytest.approx(sum(pooled.values()) / 2)
    assert (
        len([v for v in values if v.metric == "dice" and v.label == "avg"]) == 3
    )  # each case adds to the mean
    # nothing found in nothing is 1 in none of them
    assert not list(dice_values({"edh": [absent]}, ["a"]))


def test_false_positives_are_a_share_of_soft_tissue():
    found, truth, tissue = np.zeros((3, 10), int)
    found[:4], truth[:1], tissue[:] = 1, 2, 1
    assert false_positive_share(found, truth, tissue > 0) == pytest.approx(30)
    assert false_positive_share(found, truth, np.arange(10) < 5) == pytest.approx(60)


def test_whoever_is_surest_has_the_voxel():
    chances = {1: np.array([0.6, 0.4, 0.9, 0.5]), 4: np.array([0.7, 0.45, 0.2, 0.5])}
    assert merged(chances).tolist() == [4, 0, 1, 0]
    assert overlap(chances) == (2, 1)


def test_confusion_counts_true_labels_by_row():
    truth, found = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
    pair = Pair("a", 0, found, truth, {})
    assert confusion([pair], 2).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert count(found, truth, 1).tp == confusion([pair], 2)[1, 1]


def test_scores_of_truth_and_of_a_false_alarm(data, tmp_path):
    cases = HeadScans(job(data))
    for row in cases.rows("test"):
        labels = cases.truth(row).astype(np.uint8)
        if cases.cohort.splits[row] == "clean":
            labels[5, 5, 5] = 1
        np.savez(tmp_path / f"{cases.name(row)}.npz", labels=labels)
    found = {(v.metric, v.label): v.value for v in score(job(data), tmp_path)}
    assert found["dice", "avg"] == found["dice", "edh"] == found["dice_pooled", "iph"] == 100
    assert found["fp", "avg"] == 0 and found["fp_scans", "avg"] == 100
    assert found["fp_clean", "avg"] == pytest.approx(100 / (9 * 12 * 6))  # a layer of the scan is air


def test_the_printed_means_that_are_not_those_of_their_classes():
    rows = printed(read_yaml(ROOT / "resources/papers/bhsd.yaml"))
    bad = {row.method: row for row in rows if wrong(row)}
    assert set(bad) == {"nnformer", "five_merge"} and len(rows) == 10
    assert bad["nnformer"].own == pytest.approx(26.356) and bad["nnformer"].gap == pytest.approx(2.834)
    # the merge's is that of the one-class rows
    assert bad["five_merge"].mean == pytest.approx((5.15 + 37.55 + 23.60 + 14.50 + 17.59) / 5, abs=0.01)
