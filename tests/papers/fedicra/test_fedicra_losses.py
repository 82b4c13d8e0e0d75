"""Tree energy, gated CRF, partial cross-entropy and contrast against brute force and values by hand."""

import math

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path

from fedicra_data import TASK
from mlmi2023.core.options import options
from mlmi2023.papers.fedicra.gated_crf import gated_crf
from mlmi2023.papers.fedicra.losses import local_loss, partial_cross_entropy, site_contrast
from mlmi2023.papers.fedicra.model import SiteUnet
from mlmi2023.papers.fedicra.options import Crf, Task, Tree, Weights
from mlmi2023.papers.fedicra.tree import filtered, spanning_forest, tree_energy


def affinities(features, scale):
    """A of one image (C, H, W), from all ways on its spanning tree, one pair of pixels after another."""
    _, height, width = features.shape
    count = height * width
    lengths = np.zeros((count, count))
    for y in range(height):
        for x in range(width):
            for v, u in ((y + 1, x), (y, x + 1)):
                if v < height and u < width:
                    apart = ((features[:, y, x] - features[:, v, u]) ** 2).sum()
                    lengths[y * width + x, v * width + u] = apart
    tree = minimum_spanning_tree(sparse.csr_matrix(lengths))
    return np.exp(-shortest_path(tree, directed=False) / scale)


def test_the_filter_is_the_mean_over_all_pixels_by_their_way_on_the_tree():
    torch.manual_seed(0)
    features, chances = torch.rand(2, 3, 5, 6), torch.rand(2, 2, 5, 6)
    found = filtered(chances, features, 0.3)
    for image, values, own in zip(features.numpy(), chances.numpy(), found.numpy()):
        near = affinities(image, 0.3)
        flat = values.reshape(2, -1)
        expected = (flat @ near) / near.sum(1)
        assert np.allclose(own.reshape(2, -1), expected, atol=1e-5)


def test_images_of_a_batch_do_not_see_each_other_and_equal_pixels_are_joined():
    features = torch.zeros(2, 1, 4, 4)
    chances = torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)])
    chances[0, 0, 1, 2] = 1
    found = filtered(chances, features, 1.0)
    # all pixels of an image are alike, so that each is the mean of its own image
    assert torch.allclose(found[0], torch.full((1, 4, 4), 1 / 16)) and torch.allclose(
        found[1], torch.ones(1, 4, 4)
    )
    forest = spanning_forest(features.numpy(), 1.0)
    assert (forest.affinity == 0).sum() == 2 and (forest.up[1:] < np.arange(1, 32)).all()


def test_gradients_go_through_the_filter_as_differences_say():
    torch.manual_seed(1)
    features = torch.rand(1, 2, 3, 3, dtype=torch.float64)
    chances = torch.rand(1, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: filtered(p, features, 0.5), (chances,))


def test_the_tree_energy_is_the_recursive_filters_distance_on_unlabelled_pixels():
    torch.manual_seed(2)
    logits, image = torch.randn(1, 2, 4, 4, requires_grad=True), torch.rand(1, 1, 4, 4)
    high = torch.rand(1, 3, 4, 4), torch.rand(1, 2, 4, 4)
    labelled = torch.zeros(1, 4, 4, dtype=torch.bool)
    labelled[0, :2] = True
    keys = Tree(grid=4, low=0.1, high=0.7)
    energy = tree_energy(logits, image, high, labelled, keys)
    chances = logits.detach().softmax(1)[0].reshape(2, -1).numpy()
    pseudo = chances
    for features, scale in ((image, 0.1), (high[0], 0.7), (high[1], 0.7)):
        near = affinities(features[0].numpy(), scale)
        pseudo = (pseudo @ near) / near.sum(1)
    expected = np.abs(chances - pseudo).sum(0).reshape(4, 4)[2:].mean()
    assert float(energy.detach()) == pytest.approx(expected, rel=1e-4) and expected > 0
    # a step down the gradient brings predictions nearer to pseudo-labels: the sign is not the printed one
    energy.backward()
    with torch.no_grad():
        after = tree_energy(logits - 0.1 * logits.grad, image, high, labelled, keys)
    assert float(after) < float(energy)
    everything = torch.ones_like(labelled)
    assert float(tree_energy(logits, image, high, everything, keys).detach()) == 0


def test_a_coarse_grid_takes_means_and_keeps_every_label():
    logits = torch.zeros(1, 2, 4, 4)
    logits[0, 0, 0, 0] = 5
    labelled = torch.zeros(1, 4, 4, dtype=torch.bool)
    labelled[0, 0, 0] = True
    high = torch.rand(1, 1, 1, 1), torch.rand(1, 1, 2, 2)
    energy = tree_energy(logits, torch.zeros(1, 1, 4, 4), high, labelled, Tree(grid=2, low=1.0, high=1.0))
    # the one coarse pixel with a label is left out; it alone differs
    first = float(logits.softmax(1)[0, 0].view(2, 2, 2, 2).mean((1, 3))[0, 0])
    assert first > 0.6 and 0 < float(energy) < 2 * (first - 0.5)


def test_the_gated_crf_is_the_energy_of_all_pairs():
    torch.manual_seed(0)
    chances, image = torch.rand(1, 2, 4, 5).softmax(1), torch.rand(1, 3, 4, 5)
    total = 0.0
    for y in range(4):
        for x in range(5):
            for v in range(max(0, y - 2), min(4, y + 3)):
                for u in range(max(0, x - 2), min(5, x + 3)):
                    if (v, u) != (y, x):
                        colour = float((image[0, :, y, x] - image[0, :, v, u]).square().sum())
                        kernel = math.exp(
                            -((y - v) ** 2 + (x - u) ** 2) / (2 * 1.5**2) - colour / (2 * 0.4**2)
                        )
                        total += kernel * (1 - float((chances[0, :, y, x] * chances[0, :, v, u]).sum()))
    found = gated_crf(chances, image, Crf(radius=2, xy=1.5, rgb=0.4))
    assert float(found) == pytest.approx(total / 20, rel=1e-4)
    sure = torch.zeros(1, 2, 4, 5)
    sure[:, 1] = 1
    assert float(gated_crf(sure, image, Crf(radius=9))) == 0  # wider than the image, and all agree


def test_only_labelled_pixels_are_learned_from():
    logits = torch.tensor([[0.2, 0.8], [0.6, 0.4], [0.1, 0.9]]).log().T[None, :, None]
    label = torch.tensor([[[2, 0, 1]]])  # class 1, nothing, class 0
    expected = -(math.log(0.8) + math.log(0.1)) / 2
    assert float(partial_cross_entropy(logits, label)) == pytest.approx(expected, rel=1e-5)
    assert float(partial_cross_entropy(logits, torch.zeros_like(label))) == 0


def test_the_contrast_is_minus_the_mean_distance_and_others_get_no_gradient():
    torch.manual_seed(0)
    net = SiteUnet(1, 2, (32, 32), (4, 4, 8, 8, 8), scr=True, sites=3)
    seen = net.see(torch.rand(2, 1, 32, 32), 1)
    found = site_contrast(net, seen, 1)
    own = net.scr(seen.bottom, 1)
    others = [(own - net.scr(seen.bottom, k)).abs().mean() for k in (0, 2)]
    assert float(found) == pytest.approx(-float(sum(others)) / 2, rel=1e-5) and float(found) < 0
    found.backward()
    first = net.scr.expand[0].weight.grad
    # the weights that read the codes of sites 0 and 2 are theirs alone
    assert first[:, 1].abs().sum() > 0 and first[:, [0, 2]].abs().sum() == 0


def test_each_part_of_the_objective_has_its_weight_and_can_be_left_out():
    torch.manual_seed(0)
    task = options(Task, TASK, "here")
    net = SiteUnet(1, 2, (32, 32), (4, 4, 8, 8, 8), scr=True, sites=3)
    image, label = torch.rand(2, 1, 32, 32), torch.zeros(2, 32, 32, dtype=torch.uint8)
    label[:, :4], label[:, 20:24, 10:14] = 1, 2
    seen = net.see(image, 0)
    whole = local_loss(net, seen, image, label, 0, Weights(tree=0.1, crf=0.1, con=1.0), task)
    assert list(whole) == ["pce", "tree", "crf", "con"]
    twice = local_loss(net, seen, image, label, 0, Weights(tree=0.2, crf=0.3, con=2.0), task)
    for name, factor in (("pce", 1), ("tree", 2), ("crf", 3), ("con", 2)):
        assert float(twice[name]) == pytest.approx(factor * float(whole[name]), rel=1e-5)
    assert list(local_loss(net, seen, image, label, 0, Weights(), task)) == ["pce"]
    swapped = torch.where(label > 0, 3 - label.int(), 0)
    assert float(local_loss(net, seen, image, swapped, 0, Weights(), task)["pce"]) != float(whole["pce"])
