"""FFPN and its rivals: sizes, matching, losses by hand, refinement, answers, costs."""

import numpy as np
import pytest
import torch
from torch import nn

from mlmi2023.nets import registry
from mlmi2023.nets.blocks.feature_pyramid import Trunk, cells, read_at
from mlmi2023.papers.ffpn.costs import costs
from mlmi2023.papers.ffpn.efd import decode
from mlmi2023.papers.ffpn.losses import class_loss, regression_loss
from mlmi2023.papers.ffpn.model import FFPN
from mlmi2023.papers.ffpn.networks import DETECTORS
from mlmi2023.papers.ffpn.refinement import Refinement
from mlmi2023.papers.ffpn.shared_head import SharedHead
from mlmi2023.papers.ffpn.truth import Truth

OWN = "mlmi2023.papers.ffpn.networks"
SMALL = {"depths": [1, 1, 1, 1], "width": 4, "pyramid": 8, "head": 1}
MORE = {
    "mask_rcnn": {"hidden": 16, "mask": 1, "proposals": 12},
    "polysnake": {"hidden": 8, "steps": 2},
}


def shapes(count=2, orders=7):
    """Ellipses (count, N, 4), each beginning at its top and running clockwise."""
    found = torch.zeros(count, orders, 4)
    for n in range(count):
        found[n, 0] = torch.tensor([10.0 + 4 * n, 0, 0, -12.0 + 2 * n])
    return found


def truth(structures=2, size=64, batch=2):
    own = shapes(structures)[None].repeat(batch, 1, 1, 1)
    centre = torch.tensor([[19.5, 27.5], [43.5, 35.5]])[:structures].repeat(batch, 1, 1)
    points = decode(own, centre, 128)
    labels = torch.zeros(batch, size, size, dtype=torch.int64)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    for k in range(structures):
        wide = own[0, k, 0, 0], own[0, k, 0, 3]
        inside = ((x - centre[0, k, 0]) / wide[0]) ** 2 + ((y - centre[0, k, 1]) / wide[1]) ** 2 < 1
        labels[:, inside] = k + 1
    there = torch.ones(batch, structures, dtype=torch.bool)
    there[-1, -1] = False
    return Truth(there, own, centre, points, labels)


def test_resnet_50_has_its_weights_and_the_pyramid_its_maps():
    with torch.device("meta"):
        trunk = Trunk(3, (3, 4, 6, 3), 64, 256)
        maps = trunk(torch.zeros(1, 3, 416, 416))
    assert sum(p.numel() for p in trunk.encoder.parameters()) == 23_508_032
    assert [tuple(m.shape[1:]) for m in maps] == [(256, 52, 52), (256, 26, 26), (256, 13, 13)]


def test_the_paper_sizes_fit_their_images():
    for name, outputs in (*((name, 3) for name in DETECTORS), ("deeplabv3", 4)):
        assert registry.count_weights({"name": name}, 3, outputs, (416, 416), OWN) > 23_508_032
    swin = {"name": "swin_unet", "width": 96, "window": 13}
    assert registry.count_weights(swin, 3, 4, (416, 416), OWN) > 2e7
    refined = registry.count_weights({"name": "ffpn", "refine": {}}, 3, 1, (416, 416), OWN)
    plain = registry.count_weights({"name": "ffpn"}, 3, 1, (416, 416), OWN)
    perceptron = (17 * 4 * 64 + 1) * 1024 + 1025 * 512 + 513 * 30
    fusing = 9 * 768 * 256 + 2 * 256 + 9 * 256 * 64 + 64
    assert refined - plain == perceptron + fusing


def net(classes=2, **more):
    torch.manual_seed(0)
    found = FFPN(1, classes, (64, 64), **{**SMALL, "anchors": 2, **more})
    found.start(shapes())
    return found


@pytest.mark.parametrize(
    "orders, level", [(((1,), (2, 3), (4, 5, 6, 7)), 2), (((4, 5, 6, 7), (2, 3), (1,)), 0)]
)
def test_each_order_comes_from_its_level(orders, level):
    found = net(orders=orders)
    coefficients = found(torch.randn(1, 1, 64, 64))[0]
    coefficients[..., 0, :].sum().backward()
    moved = [any(p.grad is not None and p.grad.any() for p in head.parameters()) for head in found.fourier]
    assert moved == [n == level for n in range(3)]


def test_orders_keep_their_place_whatever_their_level():
    for orders in (((1,), (2, 3), (4, 5, 6, 7)), ((4, 5, 6, 7), (2, 3), (1,)), ((7, 2), (1, 5), (3, 4, 6))):
        found = net(orders=orders)
        for head, own in zip(found.fourier, found.orders):
            nn.init.zeros_(head[-1].weight)
            # of every order, slot 0 is moved by as many ellipses as its number
            bias = torch.zeros(2, len(own), 4)
            bias[..., 0] = torch.tensor(own, dtype=torch.float32)
            head[-1].bias.data.copy_(bias.flatten())
        coefficients = found(torch.randn(1, 1, 64, 64))[0].view(1, -1, 2, 7, 4)
        moved = (coefficients - found.anchors)[0, 0, 0, :, 0]
        wide = torch.tensor([20.0, *[0.005 * 24] * 6])
        assert torch.allclose(moved, wide * torch.arange(1, 8), rtol=1e-4)


def test_without_offsets_anchors_lie_in_the_middles_of_cells():
    found = net()
    for head in (*found.fourier, *found.place):
        nn.init.zeros_(head[-1].weight)
    coefficients, centre, logits, _ = found(torch.randn(1, 1, 64, 64))
    assert coefficients.shape == (1, 128, 7, 4) and logits.shape == (1, 128, 3)
    assert torch.allclose(coefficients.view(64, 2, 7, 4), found.anchors.expand(64, 2, 7, 4))
    assert centre[0, 0].tolist() == [3.5, 3.5] and centre[0, 2].tolist() == [11.5, 3.5]
    assert torch.equal(centre[0, ::2], cells((8, 8), 8, centre.device))
    assert (logits.softmax(-1)[..., 1:].sum(-1) < 0.03).all()


def test_anchors_find_the_structures_that_they_lie_on():
    found = net()
    structure, overlap = found.match(truth())
    # both truths lie on an anchor of their own
    first, second = (27 // 8 * 8 + 19 // 8) * 2, (35 // 8 * 8 + 43 // 8) * 2 + 1
    assert structure[0, first] == 0 and overlap[0, first] == pytest.approx(1, abs=1e-4)
    assert structure[0, second] == 1 and overlap[0, second] == pytest.approx(1, abs=1e-4)
    assert (structure[1] != 1).all(), "what is not there is not found"
    known = structure[0] >= 0
    assert (overlap[0][known] >= 0.25).all() and (overlap[0][structure[0] == -1] < 0.1).all()
    between = overlap[0][structure[0] == -2]
    assert len(between) and (between >= 0.1).all() and (between < 0.25).all()
    strict = net(positive=0.999, negative=0.999)
    far = truth()
    moved = far._replace(centre=far.centre + 2, points=far.points + 2)
    assert (strict.match(moved)[0][0] >= 0).sum() == 2, "each keeps its best anchor"


def test_regression_loss_by_hand():
    true = shapes(1)[0][None]
    centre = torch.tensor([[30.0, 30.0]])
    wide = torch.full((1, 7, 2), 4.0)
    same = regression_loss((true, centre), (true, centre), wide, "printed")
    assert same == pytest.approx(0, abs=1e-5)
    moved = centre + torch.tensor([[2.0, 0.0]])
    loss = regression_loss((true, moved), (true, centre), wide, "printed")
    # half an ellipse to the right: smooth L1 of 0.5 is 0.125, the mean of two; boxes of 20 x 24 lose 2 of 20
    points = [decode(true, c, 32) for c in (moved, centre)]
    distances = [(p - centre).norm(dim=-1) for p in points]
    polar = torch.minimum(*distances).sum() / torch.maximum(*distances).sum()
    assert loss == pytest.approx(0.0625 + 1 - float(polar) * 18 / 22, abs=1e-3)
    grown = true.clone()
    grown[0, 1, 2] = 8.0
    loss = regression_loss((grown, centre), (true, centre), wide, "printed")
    assert loss > 1.5 / 28 and loss > same, "8 / 4 - 0.5, the mean of 28 coefficients, and the overlap"


def test_class_loss_by_hand():
    logits = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    target = torch.tensor([1, 0])
    entropy = [np.log(2), np.log(1 + np.exp(-2))]
    wanted = np.mean([0.25 * e + 0.75 * (1 - np.exp(-e)) ** 2 * e for e in entropy])
    assert class_loss(logits, target) == pytest.approx(wanted, rel=1e-5)


def refinement(**more):
    torch.manual_seed(0)
    return Refinement(8, 3, (64, 64), 7, features=4, hidden=(16, 8), **more)


def test_close_proposals_are_averaged_and_others_left_out():
    base = shapes(1)
    coefficients = torch.stack([base[0], 1.1 * base[0], 0.9 * base[0], 0.3 * base[0]])[None, None]
    centre = torch.tensor([[30.0, 30], [30, 31], [30, 29], [10, 10]])[None, None]
    score = torch.tensor([[[0.9, 0.8, 0.7, 0.6]]])
    found, place, mean, count = refinement().merged((coefficients, centre, score), 0.05)
    assert count.item() == 3 and torch.allclose(found[0, 0], base[0], atol=1e-5)
    assert torch.allclose(place[0, 0], torch.tensor([30.0, 30.0])) and mean.item() == pytest.approx(0.8)
    alone = refinement().merged((coefficients, centre, score), 0.85)
    assert alone[3].item() == 1 and torch.allclose(alone[0][0, 0], base[0])


def test_a_perceptron_of_zeros_changes_nothing_and_places_are_read_where_they_are():
    module = refinement()
    nn.init.zeros_(module.perceptron[-1].weight)
    own, centre = shapes(2)[None], torch.tensor([[[20.0, 20], [40, 40]]])
    found, place = module.correct(own, centre, [torch.randn(1, 8, 8, 8)] * 3)
    assert torch.equal(found, own) and torch.equal(place, centre)
    ramp = cells((8, 8), 8, centre.device).T.view(1, 2, 8, 8)
    places = torch.tensor([[[20.0, 31.0], [43.5, 11.5]]])
    assert torch.allclose(read_at(ramp, places, (64, 64)), places, atol=1e-4)


def test_refinement_learns_from_the_truth_where_no_proposals_agree():
    found = net(refine={"features": 4, "hidden": (16, 8)})
    nn.init.zeros_(found.refinement.perceptron[-1].weight)
    own = truth()
    far = 40 * torch.rand(2, 2, 5, 2)
    apart = (
        shapes(2)[None, :, None].repeat(2, 1, 5, 1, 1) * torch.tensor([1, 0.5, 0.2, 0.1, 2.0])[:, None, None]
    )
    score = torch.rand(2, 2, 5).sort(descending=True).values
    maps = [torch.randn(2, 8, 8, 8)] * 3
    loss = found.refinement.loss((apart, far, score), maps, own)
    assert float(loss.detach()) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", [*DETECTORS, "ffpn_r"])
def test_every_detector_learns_and_answers(name):
    torch.manual_seed(0)
    kind = name.removesuffix("_r")
    options = {"name": kind, **SMALL, **MORE.get(kind, {})}
    if name == "ffpn_r":
        options["refine"] = {"features": 4, "hidden": [16, 8]}
    made = registry.build(options, 1, 2, (64, 64), OWN)
    own, image = truth(), torch.randn(2, 1, 64, 64)
    image[:, 0] += own.labels
    if hasattr(made, "start"):
        made.start(shapes(9))
    optimiser = torch.optim.Adam(made.parameters(), 0.01)
    losses = []
    for _ in range(12):
        loss = made.losses(image, own)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.isfinite(losses).all() and np.mean(losses[-3:]) < np.mean(losses[:3])
    still = [n for n, p in made.named_parameters() if p.grad is None]
    # some read the finest map alone
    assert all(n.startswith("trunk.pyramid.layer_blocks") for n in still), (
        "every weight takes part in the loss"
    )
    made.eval()
    with torch.inference_mode():
        found, alone = made.found(image), made.found(image[1:])
    for both, own in zip(found, alone):
        if both is not None:
            assert torch.allclose(both[1:], own, atol=1e-4), "an answer does not depend on the batch"
    assert found.score.shape == (2, 2) and (found.score >= 0).all() and (found.score <= 1).all()
    if name == "mask_rcnn":
        assert found.masks.shape == (2, 2, 64, 64) and (found.masks >= 0).all()
    else:
        assert found.points.shape == (2, 2, 128 if name != "polarmask" else 36, 2)


def test_what_scores_under_the_cut_is_not_found():
    found = net(cut=0.5).eval()
    with torch.inference_mode():
        assert not found.found(torch.randn(1, 1, 64, 64)).score.any()


def test_memory_and_time_of_an_answer():
    layers = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU())
    image = torch.zeros(1, 1, 102, 102)
    found = costs(lambda row: layers(image), [0, 1, 2, 3], layers, torch.device("cpu"))
    weights = 4 * (72 + 8)
    assert found["memory"] == 2 * 4 * 8 * 100 * 100 + weights
    assert len(found["seconds"]) == 4 and min(found["seconds"]) > 0


def test_heads_that_levels_share_answer_a_level_alike_in_training_and_in_use():
    head = SharedHead(8, 3, 2)
    assert not dict(head.named_buffers()), "statistics of unlike levels are not averaged"
    for scale in (1.0, 30.0):
        level = scale * torch.randn(2, 8, 4, 4)
        assert torch.equal(head.train()(level), head.eval()(level))
