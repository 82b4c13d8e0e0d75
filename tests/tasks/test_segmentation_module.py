"""Losses, optimisers, augmentation and the module that all segmentation papers train with."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.losses.segmentation import DeepSupervision, SegmentationLoss, build_loss, soft_dice_loss
from mlmi2023.tasks.segmentation.module import Segmentation, decide, mean_dice, overlap_counts
from mlmi2023.training.data.augment2d import DRAWS, Augment2D
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.data.images import DeviceImages, DrawnRows, normaliser
from mlmi2023.training.loop.fit import fit
from mlmi2023.training.loop.optimisers import build_optimiser, rate_factor
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.weights import load_weights


def test_soft_dice_by_hand():
    logits = torch.tensor([[[[2.0, -1.0], [0.5, -3.0]]]])
    target = torch.tensor([[[1, 0], [1, 0]]])
    p = torch.sigmoid(logits[0, 0])
    hand = 1 - (2 * (p[0, 0] + p[1, 0]) + 1e-5) / (p.sum() + 2 + 1e-5)
    assert soft_dice_loss(logits, target) == pytest.approx(float(hand), abs=1e-6)
    assert soft_dice_loss(40 * (2 * target[:, None] - 1.0), target) < 1e-5
    assert soft_dice_loss(-40 * (2 * target[:, None] - 1.0), target) > 0.99


def test_several_classes_leave_the_background_out_unless_asked():
    target = torch.tensor([[[0, 1, 2, 0]]])
    logits = 30 * F.one_hot(torch.tensor([[[1, 1, 2, 1]]]), 3).permute(0, 3, 1, 2).float()
    dice_1, dice_2, dice_0 = 2 * 1 / (3 + 1), 1.0, 0.0
    assert soft_dice_loss(logits, target) == pytest.approx(1 - (dice_1 + dice_2) / 2, abs=1e-4)
    with_background = soft_dice_loss(logits, target, background=True)
    assert with_background == pytest.approx(1 - (dice_0 + dice_1 + dice_2) / 3, abs=1e-4)


def test_the_sum_and_its_kinds():
    torch.manual_seed(0)
    logits, target = torch.randn(2, 4, 6, 6), torch.randint(0, 4, (2, 6, 6))
    ce, dice = F.cross_entropy(logits, target), soft_dice_loss(logits, target)
    both = build_loss({"kind": "dice_cross_entropy", "weights": [0.6, 0.4]})(logits, target)
    assert both == pytest.approx(float(0.6 * dice + 0.4 * ce), rel=1e-5)
    assert build_loss({"kind": "cross_entropy"})(logits, target) == pytest.approx(float(ce))
    one = torch.randn(2, 1, 6, 6)
    binary = build_loss({"kind": "cross_entropy"})(one, (target > 1).long())
    assert binary == pytest.approx(float(F.binary_cross_entropy_with_logits(one[:, 0], (target > 1).float())))
    with pytest.raises(InputError, match="did you mean 'dice'"):
        SegmentationLoss("dise")


def test_deep_supervision_weighs_outputs_and_shrinks_labels():
    target = torch.zeros(1, 8, 8, dtype=torch.long)
    target[:, :4] = 1
    loss = SegmentationLoss("cross_entropy")
    outputs = [torch.randn(1, 1, 8, 8), torch.randn(1, 1, 4, 4)]
    coarse = torch.zeros(1, 4, 4, dtype=torch.long)
    coarse[:, :2] = 1
    expected = (2 * loss(outputs[0], target) + loss(outputs[1], coarse)) / 3
    assert DeepSupervision(loss)(outputs, target) == pytest.approx(float(expected), rel=1e-6)
    assert DeepSupervision(loss, [1, 0])(outputs, target) == pytest.approx(float(loss(outputs[0], target)))
    assert DeepSupervision(loss)(outputs[0], target) == loss(outputs[0], target)
    with pytest.raises(InputError, match="3 weights for 2 outputs"):
        DeepSupervision(loss, [1, 1, 1])(outputs, target)


def test_rates_over_time():
    poly = {"steps": 100, "decay": "poly", "power": 0.9, "learning_rate": 1}
    assert rate_factor(poly, 0) == 1 and rate_factor(poly, 50) == pytest.approx(0.5**0.9)
    cosine = {"steps": 110, "decay": "cosine", "warmup": 10}
    assert rate_factor(cosine, 0) == 0.1 and rate_factor(cosine, 9) == 1
    assert rate_factor(cosine, 60) == pytest.approx(0.5) and rate_factor(cosine, 110) == pytest.approx(0)
    steps = {"steps": 10, "decay": "step", "milestones": [0.5, 0.8]}
    assert [rate_factor(steps, s) for s in (4, 5, 8)] == pytest.approx([1, 0.1, 0.01])
    net = nn.Linear(2, 2)
    for name, kind in (("adam", "Adam"), ("adamw", "AdamW"), ("sgd", "SGD")):
        found = build_optimiser(net.parameters(), {**poly, "optimiser": name, "weight_decay": 0.1})[
            "optimizer"
        ]
        assert type(found).__name__ == kind and found.param_groups[0]["weight_decay"] == 0.1
    with pytest.raises(InputError, match="did you mean 'poly'"):
        build_optimiser(net.parameters(), {**poly, "decay": "pol"})


def draws(**at):
    u = torch.full((1, DRAWS), 0.5)
    for number, value in at.items():
        u[0, int(number[1:])] = value
    return u


def test_augmentation_moves_image_and_mask_together():
    torch.manual_seed(0)
    mask = torch.zeros(1, 16, 16, dtype=torch.long)
    mask[:, 2:7, 3:12] = 1
    image = mask[:, None].float().expand(1, 3, 16, 16).clone()
    flipped, labels = Augment2D(flip=(0.5, 0.5))(image, mask, draws(u0=0.1, u1=0.9))
    assert torch.equal(labels, mask.flip(-1)) and torch.equal(flipped, image.flip(-1))
    turned, labels = Augment2D(quarter=1.0)(image, mask, draws(u2=0.0, u3=0.0))
    assert torch.equal(labels, torch.rot90(mask, 1, (-2, -1))) and torch.equal(turned[0, 0].long(), labels[0])
    same, labels = Augment2D(rotate=30, scale=(0.8, 1.2), shift=0.1)(image, mask, draws())
    assert torch.equal(labels, mask) and torch.allclose(same, image, atol=1e-5)
    for seed in range(4):
        u = torch.rand(1, DRAWS, generator=torch.Generator().manual_seed(seed))
        moved, labels = Augment2D(flip=(0.5, 0.5), rotate=30, scale=(0.8, 1.2), shift=0.1)(image, mask, u)
        assert ((moved[0, 0] > 0.5) == (labels[0] > 0)).float().mean() > 0.95
    _, labels = Augment2D(scale=(1.0, 2.0))(image, mask, draws(u6=1.0))
    assert labels.sum() > 1.5 * mask.sum()
    _, labels = Augment2D(shift=0.25, border="zeros")(image, mask, draws(u7=1.0))
    assert torch.equal(labels[0, :, :12], mask[0, :, 4:])
    filled, same = Augment2D(shift=0.25, border="zeros", fill=-1)(image, mask, draws(u7=1.0))
    assert torch.equal(same, labels) and torch.allclose(filled[..., 12:], torch.tensor(-1.0))
    assert torch.allclose(filled[..., :12], image[..., 4:], atol=1e-5)
    with pytest.raises(InputError, match="fill needs border: zeros"):
        Augment2D.from_config({"fill": -1})
    paler, labels = Augment2D(brightness=0.5, contrast=0.2)(image, mask, draws(u8=1.0, u9=1.0))
    assert torch.equal(labels, mask) and paler.std() == pytest.approx(1.2 * float(image.std()), rel=1e-3)
    with pytest.raises(InputError, match="did you mean 'rotate'"):
        Augment2D.from_config({"rotat": 3})


def test_a_turn_keeps_lengths_on_oblong_images():
    mask = torch.zeros(1, 40, 80, dtype=torch.long)
    mask[:, 18:22, 30:50] = 1
    found = Augment2D(rotate=90, border="zeros")(mask[:, None].float(), mask, draws(u5=1.0))[1][0]
    rows, columns = (torch.nonzero(found.sum(axis)).flatten() for axis in (1, 0))
    assert abs(len(rows) - 20) <= 1 and abs(len(columns) - 4) <= 1


def test_normalisations():
    rng = np.random.default_rng(0)
    images = rng.integers(10, 200, (5, 6, 6, 3)).astype(np.uint8)
    batch = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    assert normaliser("range", images, [0])(batch).amin((1, 2, 3)).tolist() == [-1] * 5
    z = normaliser("zscore", images, range(5))(batch)
    assert z.mean((0, 2, 3)).abs().max() < 1e-4 and (z.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-4
    assert float(normaliser("unit", images, [])(batch).max()) <= 1
    with pytest.raises(InputError, match="normalise"):
        normaliser("zscor", images, [0])


def test_decisions_and_counts():
    assert decide(torch.tensor([[[[0.1, -0.1]]]])).tolist() == [[[1, 0]]]
    assert decide(torch.tensor([[[[3.0]], [[1.0]], [[5.0]]]])).tolist() == [[[2]]]
    found, truth = torch.tensor([[[1, 1, 2, 0]]]), torch.tensor([[[1, 2, 2, 0]]])
    counts = overlap_counts(found, truth, 3)
    assert counts.tolist() == [[[2, 3], [2, 3], [0, 0]]]
    assert mean_dice(counts) == pytest.approx(2 / 3)


def squares(count=12, size=16):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 40, (count, size, size, 3)).astype(np.uint8)
    masks = np.zeros((count, size, size), np.uint8)
    for image, mask in zip(images, masks):
        row, column = rng.integers(2, size - 8, 2)
        mask[row : row + 6, column : column + 6] = 1
        image[mask > 0] += 120
    return images, masks


def trained(tmp_path, masks, images, **train):
    job = Job(paper="p", dataset="d", method="m", seed=1, data=tmp_path, device="cpu",
              train={"steps": 60, "epoch_steps": 20, "batch": 4, "learning_rate": 0.02, "monitor": "val_dice",
                     **train})  # fmt: skip
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
    source = DeviceImages(images, masks, normaliser("range", images, []), Augment2D(flip=(0.5, 0.5)))
    val = RowChunks(range(8, 12), 3)
    module = Segmentation(net, build_loss(None), job.train, source, 1, cases=4)
    report = fit(job, Plan(module, DrawnRows(range(8)), val), tmp_path / "runs", tmp_path / "out")
    load_weights(net, tmp_path / "out/weights.safetensors")
    with torch.inference_mode():
        image, target = source({"row": torch.arange(8, 12)}, False)
        counts = overlap_counts(decide(net(image)), target, 1)
    curve = (tmp_path / "out/curve.csv").read_text().splitlines()
    last = dict(zip(curve[0].split(","), curve[-1].split(",")))
    return float(mean_dice(counts)), last, report


def test_the_module_learns_validates_and_repeats(tmp_path):
    images, masks = squares()
    dice, last, report = trained(tmp_path / "a", masks, images)
    assert dice > 0.9 and float(last["val_dice"]) <= dice + 1e-6 and "val_loss" in last
    again = trained(tmp_path / "b", masks, images)
    assert again[2]["weights_hash"] == report["weights_hash"]


def test_slices_of_one_case_count_together():
    label = torch.zeros(3, 4, 4, dtype=torch.long)
    label[0, :2], label[1, 0, 0] = 1, 1
    image = torch.full((3, 1, 4, 4), 1.0)  # everything is found, in every slice
    seen = {}
    for cases, expected in (([0, 0, 0], 2 * 9 / (9 + 48)), ([0, 1, 2], (16 / 24 + 2 / 17 + 0) / 3)):
        module = Segmentation(nn.Identity(), build_loss(None), {}, classes=1, cases=max(cases) + 1)
        module.log = lambda name, value, **_: seen.update({name: float(value)})
        module.on_validation_epoch_start()
        for part in (slice(0, 2), slice(2, 3)):
            batch = {"image": image[part], "label": label[part], "case": torch.tensor(cases[part])}
            module.validation_step({key: value[None] for key, value in batch.items()}, 0)
        module.on_validation_epoch_end()
        assert seen["val_dice"] == pytest.approx(expected)


def test_shifted_labels_ruin_it(tmp_path):
    images, masks = squares()
    dice, _, _ = trained(tmp_path, np.roll(masks, 7, axis=1), images)
    assert dice < 0.6


def test_several_outputs_train_under_deep_supervision(tmp_path):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 1)

        def forward(self, x):
            fine = self.head(self.body(x))
            return [fine, F.avg_pool2d(fine, 2)] if self.training else fine

    images, masks = squares()
    source = DeviceImages(images, masks, normaliser("unit", images, []))
    train = {
        "steps": 4,
        "epoch_steps": 2,
        "batch": 2,
        "learning_rate": 0.01,
        "optimiser": "sgd",
        "decay": "poly",
    }
    job = Job(paper="p", dataset="d", method="m", seed=1, data=tmp_path, device="cpu", train=train)
    module = Segmentation(Two(), DeepSupervision(build_loss(None)), train, source, 1, cases=4)
    report = fit(
        job, Plan(module, DrawnRows(range(8)), RowChunks(range(8, 12))), tmp_path / "r", tmp_path / "o"
    )
    assert report["steps"] == 4
