"""Advantages, objective, outline, labels of patches, instances and networks, against values by hand."""

from math import log

import numpy as np
import pytest
import torch
from scipy import stats

from boundary_rl_data import BAGS, SIDE, TASK, UNET, disc, job
from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.papers.boundary_rl.cases import Glands, centroid
from mlmi2023.papers.boundary_rl.classifier import PatchClassifier, Presence
from mlmi2023.papers.boundary_rl.comparing import boundary_distance, dice, paired_t
from mlmi2023.papers.boundary_rl.controller import Controller, drawn, entropy, log_chance
from mlmi2023.papers.boundary_rl.mil import PooledUnet, starts, windows
from mlmi2023.papers.boundary_rl.options import Ppo, Task, Train
from mlmi2023.papers.boundary_rl.outline import drawn_in, filled, kept, outside
from mlmi2023.papers.boundary_rl.patch_table import PatchTable, seen
from mlmi2023.papers.boundary_rl.patch_training import PatchTraining
from mlmi2023.papers.boundary_rl.ppo import Transitions, advantages, clipped, loss


def test_advantages_by_hand():
    rewards, values = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[0.5], [1.0], [3.0], [2.0]])
    ended = torch.tensor([[False], [True], [False]])
    # from the end: 4 + 0.5 * 2 - 3 = 2; the walk ended before: 2 - 1 = 1; 1 + 0.5 * 1 - 0.5 + 0.5 * 0.5 * 1
    assert advantages(rewards, values, ended, 0.5, 0.5)[:, 0].tolist() == [1.25, 1, 2]
    # with lambda 1 an advantage is the discounted sum to come, less the value
    whole = advantages(rewards, values, torch.zeros(3, 1, dtype=torch.bool), 0.5, 1.0)
    assert float(whole[0]) == pytest.approx(1 + 0.5 * 2 + 0.25 * 4 + 0.125 * 2 - 0.5)


def test_the_clipped_objective_by_hand():
    chances, before = torch.tensor([0.5, 0.9, 0.5, 0.3]).log(), torch.tensor([0.25, 0.6, 0.5, 0.6]).log()
    advantage = torch.tensor([1.0, -1.0, 3.0, -2.0])
    # ratios 2, 1.5, 1, 0.5: min(2, 1.2), min(-1.5, -1.2), 3, min(-1, -1.6)
    assert float(clipped(chances, before, advantage, 0.2)) == pytest.approx((1.2 - 1.5 + 3 - 1.6) / 4)
    # no gradient draws a policy farther than the clip
    moved = chances.clone().requires_grad_()
    clipped(moved, before, advantage, 0.2).backward()
    assert moved.grad.ne(0).tolist() == [False, True, True, False]


class Fixed(torch.nn.Module):
    """Answers with given logits and values."""

    def __init__(self, logits, values):
        super().__init__()
        self.logits, self.values = logits, values

    def forward(self, states):
        return self.logits, self.values


def test_the_whole_loss_is_objective_value_and_entropy():
    logits = torch.tensor([[0.0, 0, 0, 0], [log(3), 0, 0, 0]])
    part = Transitions(
        torch.zeros(2, 1), torch.tensor([0, 0]), torch.tensor([0.25, 0.5]).log(), torch.tensor([1.0, 3.0]),
        torch.tensor([2.0, 0.0]),
    )  # fmt: skip
    ppo = Ppo(value=0.5, entropy=0.1, ratio=0.2)
    said = float(loss(Fixed(logits, torch.tensor([1.0, 1.0])), part, ppo))
    own = 1 / np.sqrt(2)  # advantages of mean 0 and spread 1
    chaos = (log(4) + 0.5 * log(2) + 3 * log(6) / 6) / 2
    assert said == pytest.approx(-(-own + own) / 2 + 0.5 * 1 - 0.1 * chaos, abs=1e-5)
    assert entropy(logits)[0] == pytest.approx(log(4)) and log_chance(
        logits, torch.tensor([1, 0])
    ).exp().tolist() == (pytest.approx([0.25, 0.5]))
    assert drawn(logits[1:].expand(4, 4), torch.tensor([0.49, 0.51, 0.7, 0.99])).tolist() == [0, 1, 2, 3]


def ring(radius, count=24, centre=(20.0, 22.0)):
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([centre[0] + radius * np.sin(turn), centre[1] + radius * np.cos(turn)], 1)


def test_points_become_an_outline_whatever_their_order():
    shuffled = np.random.default_rng(0).permutation(ring(12))
    mask = filled(shuffled, (44, 44))
    assert dice(mask, (np.hypot(*(np.mgrid[:44, :44] - [[[20]], [[22]]])) <= 12).astype(np.uint8)) > 0.97
    assert mask[20, 22] == 1 and mask[20, 36] == 0 and not filled(ring(12)[:2], (44, 44)).any()
    square = filled(np.array([[2, 2], [6, 6], [2, 6], [6, 2]]), (9, 9))
    assert square[3:6, 3:6].all() and square.sum() <= 25 and not square[:2].any() and not square[7:].any()


def test_outliers_are_dropped_by_their_distance_from_their_neighbours():
    points = np.concatenate([ring(12), [[20.0, 25.0]], [[20.0, 43.0]]])
    found = kept(points, 4.0, 3)
    assert len(found) == 24 and np.allclose(np.hypot(*(found - [20, 22]).T), 12, atol=1e-6)
    # a long gland is no outlier: its ends are far from the mean, as their neighbours are
    long = ring(12) * [1, 2]
    assert len(kept(long, 8.0, 3)) == len(long)
    assert len(kept(points[:2], 4.0, 3)) == 2


def test_points_are_drawn_in_by_the_distance_found_in_validation():
    mask = disc(12, 12, 6)
    points = ring(9, centre=(12.0, 12.0))
    assert (
        outside(points, mask).mean() == pytest.approx(3, abs=0.7)
        and (outside(ring(3, centre=(12, 12)), mask) < 0).all()
    )
    assert np.allclose(np.hypot(*(drawn_in(points, 3.0) - 12).T), 6)
    assert np.allclose(drawn_in(points, 99.0), 12) and len(drawn_in(points[:0], 3.0)) == 0


def test_a_patch_is_labelled_by_any_pixel_of_the_gland():
    cases = Glands(job())
    for part in ("train", "val", "test"):
        table = PatchTable(cases, part)
        assert set(table.rows.tolist()) <= set(cases.rows(part)) and len(table) == TASK["patches"][part]
        for row, (i, j), label in zip(table.rows.tolist(), table.centres.tolist(), table.labels.tolist()):
            top, left = max(i - SIDE // 2, 0), max(j - SIDE // 2, 0)
            assert label == cases.masks[row, top : i + SIDE // 2, left : j + SIDE // 2].any()
        assert 0.1 < table.labels.mean() < 0.9
    assert table.commonest == max(float(table.labels.mean()), 1 - float(table.labels.mean()))
    images = seen(cases, [PatchTable(cases, "train")])
    assert not images[cases.rows("test")].any() and images[cases.rows("train")].all()


def test_the_centre_of_reward_is_that_of_labelled_training_images_alone():
    cases = Glands(job())
    own = [centroid(cases.masks[row]) for row in (0, 2, 4)]
    assert cases.centre == pytest.approx(tuple(np.mean(own, axis=0)))
    assert centroid(np.zeros((5, 7))) == (2, 3)


def test_the_frozen_classifier_fires_above_its_threshold_and_stays_frozen():
    class Said(torch.nn.Module):
        def forward(self, patches):
            return torch.logit(patches.mean((1, 2)))

    presence = Presence(torch.nn.Sequential(Said(), torch.nn.Identity(), torch.nn.Dropout(0.5)), 0.9)
    chances = torch.tensor([0.5, 0.89, 0.91]).view(3, 1, 1).expand(3, 4, 4)
    assert presence(chances).tolist() == [False, False, True]
    presence.train()
    assert not presence.training and not any(part.training for part in presence.modules())


def test_painted_patches_show_no_gland():
    torch.manual_seed(0)
    module = PatchTraining(torch.nn.Identity(), np.zeros((1, 8, 8), np.uint8), SIDE, {}, 0.25, (0.5, 0.2))
    patches, labels = module.paint(torch.zeros(400, SIDE, SIDE), torch.ones(400))
    over = patches.flatten(1).any(1)
    assert torch.equal(labels, 1.0 - over.float()) and 0.15 < over.float().mean() < 0.35
    assert 0.45 < patches[over].mean() < 0.55 and 0.15 < patches[over].std() < 0.22
    module.painted = 0.0
    assert torch.equal(module.paint(patches, labels)[1], labels)


def test_windows_are_averaged_where_they_overlap():
    class Told(PooledUnet):
        def __init__(self):
            torch.nn.Module.__init__(self)

        def pixels(self, patches):
            return patches.mean((1, 2), keepdim=True).expand_as(patches)

    image = torch.zeros(4, 6)
    image[:, :2] = 1
    apart, looks = windows(Told(), image, 4, 0.0)
    assert looks == 2 and apart[0].tolist() == [0.5, 0.5, 0.5, 0.5, 0, 0]
    lapped, looks = windows(Told(), image, 4, 0.5)
    assert looks == 2 and lapped[0].tolist() == [0.5, 0.5, 0.25, 0.25, 0, 0]
    assert (
        starts(64, 16, 8) == [*range(0, 49, 8)] and starts(10, 4, 4) == [0, 4, 6] and starts(4, 4, 2) == [0]
    )


def test_a_bag_is_decided_by_the_mean_of_its_pixels():
    torch.manual_seed(0)
    net = PooledUnet(BAGS, SIDE).eval()
    patches = torch.rand(3, SIDE, SIDE)
    vectors = net.unet(patches[:, None]).softmax(1)
    by_hand = vectors.mean((2, 3)) @ net.decide.weight[0] + net.decide.bias
    assert torch.allclose(net(patches), by_hand, atol=1e-6)
    # the layer is linear: the mean of pixels' logits is the bag's
    assert torch.allclose(torch.logit(net.pixels(patches)).mean((1, 2)), by_hand, atol=1e-4)


def test_networks_have_the_published_sizes():
    with torch.device("meta"):
        seer = PatchClassifier(90)
    # EfficientNet-B0 has 5288548 with 1000 classes of 1281 weights each
    assert sum(p.numel() for p in seer.parameters()) == 5288548 - 999 * 1281
    agent = Controller(90)
    by_hand = (2 * 64 + 1) * 32 + (32 * 16 + 1) * 64 + (64 * 9 + 1) * 64
    by_hand += (64 * 49 + 1) * 512 + (512 + 1) * 128 + (128 + 1) * 5
    assert sum(p.numel() for p in agent.parameters()) == by_hand == 1746341
    logits, values = agent(torch.rand(2, 2, 90, 90))
    assert logits.shape == (2, 4) and values.shape == (2,)
    assert torch.allclose(logits.softmax(1), torch.full((2, 4), 0.25), atol=0.05), "it begins with all alike"
    with pytest.raises(InputError, match="leave none of patches of 8 pixels"):
        Controller(8)


def test_paired_tests_and_scores_are_those_of_the_textbook():
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.7, 0.1, 20), rng.normal(0.8, 0.1, 20)
    away = one - other
    by_hand = abs(away.mean()) / (away.std(ddof=1) / np.sqrt(20))
    t, p = paired_t(one, other)
    assert t == pytest.approx(by_hand) and p == pytest.approx(2 * stats.t.sf(by_hand, 19))
    assert all(np.isnan(paired_t(one, one)))
    a, b = disc(12, 12, 6), disc(12, 12, 9)
    assert boundary_distance(a, b) == pytest.approx(3, abs=0.3) and dice(a * 0, a * 0) == 1
    assert dice(a, b) == pytest.approx(2 * a.sum() / (a.sum() + b.sum())) and np.isnan(
        boundary_distance(a * 0, a)
    )


def test_keys_that_do_not_fit_together_are_one_line():
    train = {"steps": 8, "epoch_steps": 4, "ppo": {"walkers": 4, "horizon": 8, "minibatch": 16, "passes": 3}}
    with pytest.raises(InputError, match=r"epoch_steps \(4\) is no multiple of an update's steps \(6\)"):
        options(Train, train, "config", "train")
    with pytest.raises(InputError, match=r"takes 16 pixels, not 8"):
        PooledUnet(UNET, SIDE)
    with pytest.raises(InputError, match="must be a multiple of minibatch"):
        options(Ppo, {"walkers": 3, "horizon": 3, "minibatch": 16}, "config")
    with pytest.raises(InputError, match="threshold"):
        options(Task, {**TASK, "threshold": 1.5}, "config")
    with pytest.raises(
        InputError, match=r"task\.patch: patches of 32 pixels are larger than images of 24 x 24"
    ):
        Glands(job(task={**TASK, "patch": 32}))
