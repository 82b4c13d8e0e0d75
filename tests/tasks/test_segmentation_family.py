"""From packed cohorts to values: images, slices and volumes; one or many classes, one or several channels."""

import numpy as np
import pytest
import torch
from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.metrics.segmentation import count
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.chain import tidy, train
from mlmi2023.tasks.segmentation import Resized, Slices, Volumes
from mlmi2023.tasks.segmentation.resized import resized
from mlmi2023.tasks.segmentation.slices import from_size, to_size
from mlmi2023.training.loop.weights import save_weights
from segmentation_data import images, job, scans


class Brightness(nn.Module):
    """A network that tells classes by the brightness of its channel, in steps of ``step`` above ``zero``."""

    def __init__(self, outputs, step, zero):
        super().__init__()
        self.steps = nn.Parameter(zero + step * torch.arange(outputs).float())

    def forward(self, x):
        return torch.stack([-((x[:, 0] - value) ** 2) for value in self.steps], 1)


class Lost(Brightness):
    """A network that answers NaN."""

    def forward(self, x):
        return super().forward(x) * float("nan")


class Channels(nn.Module):
    """A network that says structure k where channel k is above one half."""

    def __init__(self):
        super().__init__()
        self.cut = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        return torch.cat([torch.zeros_like(x[:, :1]), x - self.cut], 1)


def predicted(cases, out, net=None):
    """Predict with a network that is written down, or a control; return the folder."""
    weights = None
    if net is not None:
        out.mkdir()
        weights = out / "w.safetensors"
        save_weights(net, weights)
    segmentation.predict(cases, weights, out / "p", lambda job, cases: net)
    return out / "p"


def dice(folder, cases):
    names = dict(enumerate(cases.classes, 1))
    rows = tidy(cases.job, segmentation.score(folder, cases, lambda p: segmentation.dice_values(p, names)))
    assert {row["case"] for row in rows} == {cases.name(row) for row in cases.rows("test")}
    return float(np.mean([row["value"] for row in rows if row["label"] == "avg"]))


def spoiled(folder, cases, out, change):
    """Write predictions with changed labels."""
    changed = ((row, {"labels": change(pair.found)}) for row, pair in zip(cases.rows("test"),
               segmentation.pairs(folder, cases)))  # fmt: skip
    segmentation.write(out, cases, changed, {})
    return out


SWAP = np.array([0, 2, 1], np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("family")
    made = {}
    for classes in (1, 2):
        (root / f"images{classes}").mkdir()
        made[f"images{classes}"] = images(root / f"images{classes}", classes)
    for name, missing in (("scans", None), ("lacking", 8)):
        (root / name).mkdir()
        made[name] = scans(root / name, missing)
    return made


@pytest.mark.parametrize(
    ("kind", "cohort", "net"),
    [
        (Resized, "images1", Brightness(2, 80 / 255, 0)),
        (Resized, "images2", Brightness(3, 80 / 255, 0)),
        (Slices, "images2", Brightness(3, 160 / 255, -1)),
        (Volumes, "scans", Channels()),
    ],
)
def test_a_network_that_knows_is_right_and_any_mix_up_costs(data, tmp_path, kind, cohort, net):
    cases = kind(job(data[cohort]))
    folder = predicted(cases, tmp_path / "net", net)
    assert dice(folder, cases) == 100
    assert segmentation.read_about(folder)["parameters"] == sum(p.numel() for p in net.parameters())
    assert dice(spoiled(folder, cases, tmp_path / "s", lambda m: np.roll(m, 2, axis=-2)), cases) < 80
    if len(cases.classes) > 1:
        assert dice(spoiled(folder, cases, tmp_path / "c", lambda m: SWAP[m]), cases) == 0


@pytest.mark.parametrize(
    ("kind", "cohort"), [(Resized, "images1"), (Slices, "images2"), (Slices, "scans"), (Volumes, "scans")]
)
def test_controls_bracket(data, tmp_path, kind, cohort):
    values = {}
    for control in ("background", "truth", "prior"):
        cases = kind(job(data[cohort], control))
        values[control] = dice(predicted(cases, tmp_path / control), cases)
    assert values["background"] == 0 and values["truth"] == 100 and 5 < values["prior"] < 100


def test_channels_that_are_swapped_or_missing_cost(data, tmp_path):
    right = Volumes(job(data["scans"]))
    assert right.channels == 2 and right.inputs(0).shape == (1, 9, 12, 10, 2)
    swapped = Volumes(job(data["scans"], task={"modalities": ["B", "A"]}))
    assert dice(predicted(swapped, tmp_path / "swapped", Channels()), swapped) == 0
    lacking = Volumes(job(data["lacking"]))
    folder = predicted(lacking, tmp_path / "lacking", Channels())
    pairs = {pair.case: pair for pair in segmentation.pairs(folder, lacking)}
    assert (
        not (pairs["8"].found == 2).any() and (pairs["8"].found == 1).any() and (pairs["7"].found == 2).any()
    )
    with pytest.raises(InputError, match="has A, B, each of which may be named once"):
        Volumes(job(data["scans"], task={"modalities": ["A", "A"]}))
    with pytest.raises(RuntimeError):
        only = Volumes(job(data["scans"], task={"modalities": ["A"]}))
        predicted(only, tmp_path / "one", segmentation.build_network(right.job, right))


def test_patches_have_all_channels_and_samples_say_which_there_are(data):
    cases = Volumes(job(data["lacking"], task={"tested": ["val"]}))
    cases.cohort.splits = ["val", "val"] + ["x"] * 6 + ["train"]
    plan = segmentation.plan(cases)
    sample = plan.train[0]
    assert sample["present"].tolist() == [True, False]
    image, label = plan.module.source({key: value[None] for key, value in sample.items()}, True)
    assert image.shape == (1, 2, 8, 8, 8) and label.shape == (1, 8, 8, 8)
    assert not image[:, 1].any() and torch.equal(image[:, 0] == 1, label == 1)
    image, label = plan.module.source({"row": torch.tensor([0])}, False)
    assert torch.equal(image[:, 1] == 1, label == 2) and torch.equal(image[:, 0] == 1, label == 1)
    swapped = segmentation.plan(Volumes(job(data["scans"], task={"modalities": ["B", "A"]})))
    image, label = swapped.module.source({"row": torch.tensor([0])}, False)
    assert torch.equal(image[:, 0] == 1, label == 2)


def test_a_single_channel_says_nothing_of_presence(data):
    plan = segmentation.plan(Volumes(job(data["scans"], task={"modalities": ["A"]})))
    assert set(plan.train[0]) == {"row", "corner", "draw"}


@pytest.mark.parametrize(
    ("kind", "cohort", "size"),
    [(Resized, "images2", [24, 20]), (Slices, "scans", [12, 12]), (Volumes, "scans", None)],
)
def test_a_shared_network_trains_on_every_kind_and_is_used(data, tmp_path, monkeypatch, kind, cohort, size):
    own = job(data[cohort], task={"size": size} if size else {})
    import mlmi2023.papers.relational_unet.train as paper

    monkeypatch.setattr(paper, "plan", lambda job: segmentation.plan(kind(job)))
    train(own, tmp_path / "runs", tmp_path / "main")
    cases = kind(own)
    segmentation.predict(cases, tmp_path / "main/weights.safetensors", tmp_path / "p")
    shapes = [pair.found.shape == pair.truth.shape for pair in segmentation.pairs(tmp_path / "p", cases)]
    assert shapes == [True] * 3


def test_a_file_of_published_weights_is_needed_for_training_alone(data, tmp_path):
    from mlmi2023.nets.segmentation.swin_unet import SwinUnet

    small = {"width": 8, "depths": [2, 2], "heads": [1, 2], "window": 4}
    net = {"name": "swin_unet", **small, "pretrained": {"path": str(tmp_path / "absent.pth")}}
    cases = Resized(job(data["images1"], task={"size": [32, 32]}, options={"net": net}))
    with pytest.raises(InputError, match=r"absent.pth: no such file"):
        segmentation.plan(cases)
    save_weights(SwinUnet(1, 2, (32, 32), **small), tmp_path / "w.safetensors")
    segmentation.predict(cases, tmp_path / "w.safetensors", tmp_path / "p")
    assert len(list(segmentation.pairs(tmp_path / "p", cases))) == 3


def test_rates_over_all_pixels_are_not_the_mean_of_images(data, tmp_path):
    cases = Resized(job(data["images1"], "truth"))
    folder = predicted(cases, tmp_path / "truth")
    counts = {p.case: count(np.roll(p.found, 1, 0), p.truth) for p in segmentation.pairs(folder, cases)}
    values = list(segmentation.rate_values(counts, {"dsc": "dice"}, {"own": "dice"}, 100, "s"))
    assert {v.setting for v in values} == {"s"} and {v.case for v in values} == set(counts)
    total = np.sum(list(counts.values()), axis=0)
    pooled = 200 * total[0] / (2 * total[0] + total[1] + total[2])
    assert np.mean([v.value for v in values if v.metric == "dsc"]) == pytest.approx(pooled)


def test_mistakes_are_one_line(data, tmp_path):
    cases = Resized(job(data["images1"]))
    with pytest.raises(InputError, match="give the weights"):
        segmentation.predict(cases, None, tmp_path / "p")
    with pytest.raises(InputError, match="choose learned, background, truth, prior"):
        segmentation.predict(Resized(job(data["images1"], "magic")), None, tmp_path / "p")
    with pytest.raises(InputError, match="answers NaN"):
        predicted(cases, tmp_path / "nan", Lost(2, 0.5, 0))
    assert not (tmp_path / "nan/p").exists()
    with pytest.raises(InputError, match="cannot be read"):
        list(segmentation.pairs(tmp_path / "p", cases))
    with pytest.raises(InputError, match="nobody is in dev"):
        Resized(job(data["images1"], task={"val": "dev"})).rows("val")
    with pytest.raises(InputError, match="has no folds"):
        Volumes(job(data["scans"], fold=1)).rows("test")


def test_resizing_keeps_shapes_where_they_are():
    images, labels = np.zeros((1, 40, 40, 3), np.uint8), np.zeros((1, 40, 40), np.uint8)
    y, x = np.mgrid[:40, :40]
    labels[0][(y - 12) ** 2 + (x - 28) ** 2 < 64] = 1
    images[labels > 0] = 200
    small, masks = resized(images, labels, (20, 20))
    assert small.shape == (1, 20, 20, 3) and masks.shape == (1, 20, 20)
    assert np.array_equal(masks[0] > 0, small[0, ..., 0] > 100)
    assert abs(float(masks.mean()) - float(labels.mean())) < 0.02
    assert set(np.unique(resized(images, 3 * labels, (20, 20))[1])) == {0, 3}, "no label in between"


def test_labels_come_back_from_the_networks_size():
    labels = torch.zeros(2, 30, 40, dtype=torch.uint8)
    labels[0, 8:20, 10:30] = 3
    there = to_size(labels[:, None], (64, 64), nearest=True)[:, 0]
    assert there.shape == (2, 64, 64) and set(there.unique().tolist()) == {0, 3}
    assert torch.equal(from_size(there, (30, 40)), labels), "a finer grid loses nothing"
    rows = there[0].any(dim=1).nonzero().flatten()
    # 30 rows are padded to 40, 5 above: rows 8 to 20 lie at 13 to 25 of 40
    assert rows[0].item() == pytest.approx(13 * 64 / 40, abs=1)
    image = torch.rand(1, 1, 30, 40)
    assert torch.equal(to_size(image, (30, 40)), image)
