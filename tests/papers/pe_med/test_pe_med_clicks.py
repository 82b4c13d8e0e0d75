"""Clicks against a plain loop with SciPy's distance transform; how a user and a network take turns."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from mlmi2023.papers.pe_med.clicks import BACKGROUND, NONE, OBJECT, disk_maps, distances, next_click
from mlmi2023.papers.pe_med.interacting import Interaction, interact


def masks(count, chance, seed):
    rng = np.random.default_rng(seed)
    smooth = np.stack([ndimage.gaussian_filter(rng.random((23, 31)), 2) for _ in range(count)])
    return smooth > np.quantile(smooth, 1 - chance)


def depths(mask):
    return ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]


@pytest.mark.parametrize("chance", [0.2, 0.9])
def test_distances_are_exact_and_the_image_ends_at_its_edge(chance):
    own = masks(5, chance, 0)
    own[-1] = True
    wanted = np.stack([depths(mask) for mask in own])
    np.testing.assert_allclose(distances(torch.from_numpy(own)).numpy(), wanted, rtol=1e-6)
    assert not distances(torch.zeros(2, 4, 5, dtype=torch.bool)).any()


def test_clicks_are_those_of_a_loop_over_images():
    found, truth = masks(40, 0.3, 1), masks(40, 0.3, 2)
    clicks = next_click(*map(torch.from_numpy, (found, truth)), torch.rand(40))
    signs = set()
    for row, (a, b) in enumerate(zip(found, truth)):
        missed, wrong = depths(b & ~a), depths(a & ~b)
        sign = OBJECT if missed.max() >= wrong.max() else BACKGROUND
        own = missed if sign == OBJECT else wrong
        assert int(clicks.sign[row]) == sign
        place = tuple(clicks.place[row].tolist())
        assert own[place] == pytest.approx(own.max()), "not in the deepest place"
        assert b[place] == (sign == OBJECT) and a[place] != b[place]
        signs.add(sign)
    assert signs == {OBJECT, BACKGROUND}


def test_the_first_click_is_in_the_middle_and_ties_are_drawn():
    truth = torch.zeros(1, 9, 9, dtype=torch.bool)
    truth[0, 2:7, 1:6] = True
    none = torch.zeros_like(truth)
    assert next_click(none, truth, torch.zeros(1)).place.tolist() == [[4, 3]]
    truth[0, 2:7, 1:7] = True  # two places are as deep
    places = [next_click(none, truth, torch.tensor([u])).place.tolist()[0] for u in (0.0, 0.49, 0.5, 0.99)]
    assert places == [[4, 3], [4, 3], [4, 4], [4, 4]]


def test_no_pixel_is_clicked_twice_nor_a_right_mask():
    truth = torch.zeros(2, 6, 6, dtype=torch.bool)
    truth[0, 2:5, 2:5] = True
    found = torch.zeros_like(truth)
    taken = torch.zeros_like(truth)
    taken[0, 3, 3] = True
    click = next_click(found, truth, torch.zeros(2), taken)
    assert click.place[0].tolist() != [3, 3] and click.sign.tolist() == [OBJECT, NONE]
    assert next_click(truth, truth, torch.zeros(2)).sign.tolist() == [NONE, NONE]


def test_training_clicks_spread_over_deep_places():
    truth = torch.zeros(1, 21, 21, dtype=torch.bool)
    truth[0, 3:18, 3:18] = True
    own = distances(truth)[0]
    draws = torch.linspace(0, 0.999, 50)
    places = {
        tuple(next_click(torch.zeros_like(truth), truth, d[None], spread=0.5).place[0].tolist())
        for d in draws
    }
    assert len(places) == 50 and min(float(own[place]) for place in places) >= 4


def test_disks_by_hand():
    places, signs = torch.tensor([[[2, 3], [0, 0], [4, 4]]]), torch.tensor([[OBJECT, BACKGROUND, NONE]])
    maps = disk_maps(places, signs, (6, 6), 1.0)[0]
    assert maps[0].nonzero().tolist() == [[1, 3], [2, 2], [2, 3], [2, 4], [3, 3]]
    assert maps[1].nonzero().tolist() == [[0, 0], [0, 1], [1, 0]]


class Listening(torch.nn.Module):
    """Answers with the same logits, plus the number of the call; keeps what it has seen."""

    def __init__(self, logits):
        super().__init__()
        self.logits, self.seen = logits, []

    def forward(self, seen):
        self.seen.append(seen)
        return self.logits + len(self.seen)


def images(count=2):
    truth = torch.zeros(count, 8, 8, dtype=torch.bool)
    truth[:, 2:6, 2:6] = True
    return torch.zeros(count, 1, 8, 8), truth


def test_the_self_loop_is_no_click_and_leaves_the_memory_blank():
    image, truth = images()
    net = Listening(torch.full((2, 1, 8, 8), -9.0))
    turns = list(interact(net, image, truth, torch.rand(2, 3), self_loop=True))
    assert len(turns) == 3 and len(net.seen) == 4, "one more pass, at the first click alone"
    warm, first, second, third = net.seen
    assert warm.signs.shape == first.signs.shape == (2, 1) and third.signs.shape == (2, 3)
    assert torch.equal(warm.places, first.places)
    assert not warm.previous.any() and not warm.memory.any() and not first.memory.any()
    torch.testing.assert_close(first.previous, torch.full((2, 1, 8, 8), -8.0).sigmoid())
    torch.testing.assert_close(second.memory, turns[0][1])
    torch.testing.assert_close(third.previous, turns[1][1].sigmoid())
    plain = Listening(torch.full((2, 1, 8, 8), -9.0))
    assert len(list(interact(plain, image, truth, torch.rand(2, 3), False))) == len(plain.seen) == 3


def test_nothing_is_left_for_the_next_object():
    image, truth = images()
    net = Listening(torch.zeros(2, 1, 8, 8))
    for _ in range(2):
        turn = Interaction(net, image, truth, False)
        turn.click(torch.zeros(2))
        turn.keep(turn.answer())
        assert turn.memory.any() and turn.taken.any()
        own = net.seen[-1]
        assert not own.memory.any() and not own.previous.any() and own.signs.shape == (2, 1)


def test_a_right_mask_stays():
    image, truth = images()
    right = torch.where(truth[:, None], 5.0, -5.0)
    net = Listening(right)
    turns = list(interact(net, image, truth, torch.rand(2, 3), False))
    assert turns[1][0].sign.tolist() == [NONE, NONE]
    torch.testing.assert_close(turns[2][1], turns[0][1])


def test_gradients_are_those_of_the_last_pass():
    image, truth = images()
    weight = torch.ones((), requires_grad=True)

    class Linear(torch.nn.Module):
        def forward(self, seen):
            return weight * (1 + seen.previous)

    turn = Interaction(Linear(), image, truth, True)
    turn.click(torch.zeros(2))
    turn.answer().mean().backward()
    # of 1 + sigmoid(1), not of what sigmoid(weight) adds
    assert float(weight.grad) == pytest.approx(1 + 1 / (1 + np.exp(-1.0)))
