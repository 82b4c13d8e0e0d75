"""Losses of magnet against values worked out by hand, and who is moved by which."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from magnet_data import OPTIONS, job
from mlmi2023.papers.magnet.acn import entropy_map, says
from mlmi2023.papers.magnet.adversary import Detector, detection_loss, fooling_loss
from mlmi2023.papers.magnet.convolutional import divergence, moments, product
from mlmi2023.papers.magnet.correlation import CorrelationLoss, barlow, cross_correlation
from mlmi2023.papers.magnet.losses import segmentation_loss
from mlmi2023.papers.magnet.options import Correlation
from mlmi2023.papers.magnet.subsets import drawn, mask_of
from mlmi2023.papers.magnet.train import plan


def test_segmentation_loss_as_printed():
    torch.manual_seed(0)
    logits, labels = torch.randn(1, 3, 2, 2, 2), torch.tensor([0, 1, 2, 2, 0, 0, 1, 0]).view(1, 2, 2, 2)
    p, g = logits.softmax(1)[0].flatten(1), F.one_hot(labels.flatten(), 3).T.float()
    dice = 2 / 3 * ((g * p).sum(1) / ((g**2).sum(1) + (p**2).sum(1))).sum()
    wanted = 1 - dice - (g * p.log()).sum() / 8
    assert float(segmentation_loss()(logits, labels)) == pytest.approx(float(wanted), abs=1e-4)


def test_both_sides_of_the_game_by_hand():
    logits, present = torch.tensor([[2.0, -1.0]]), torch.tensor([[True, False]])
    each = [math.log(1 + math.exp(-2)), math.log(1 + math.exp(-1))]
    assert float(detection_loss(logits, present)) == pytest.approx(sum(each), abs=1e-6)
    assert float(fooling_loss(logits)) == pytest.approx(each[0] + math.log(1 + math.exp(1)), abs=1e-6)
    two = torch.cat([logits, logits])
    assert float(detection_loss(two, present.expand(2, -1))) == pytest.approx(sum(each), abs=1e-6)
    assert fooling_loss(torch.full((1, 2), 9.0)) < 0.001 < 5 < fooling_loss(torch.full((1, 2), -9.0))


def module_of(method):
    torch.manual_seed(0)
    module = plan(job(method)).module.train()
    made = module.configure_optimizers()
    optimisers = [own["optimizer"] for own in made]
    module.optimizers = lambda: optimisers
    module.lr_schedulers = lambda: []
    module.manual_backward = lambda loss: loss.backward()
    return module, optimisers


def batch_of(module):
    rows = module.source.place.nonzero()[:2, 0] if (module.source.place >= 0).any() else torch.arange(2)
    present = torch.tensor([[True, True, False, True], [False, True, True, False]])
    return {"row": rows, "present": present, "draw": torch.rand(2, 20)}


def flat(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()]).clone()


@pytest.mark.parametrize("rested", [0, 1])
def test_neither_side_of_the_game_moves_the_other(rested):
    module, optimisers = module_of("magnet")
    optimisers[rested].step = lambda *_: None
    sides = [module.net, module.detector]
    before = [flat(side) for side in sides]
    module.training_step(batch_of(module), 0)
    after = [flat(side) for side in sides]
    assert torch.equal(before[rested], after[rested]), "its own optimiser rested"
    assert not torch.equal(before[1 - rested], after[1 - rested])


def test_the_detectors_loss_stops_at_the_code_and_the_encoders_feel_the_detector():
    module, _ = module_of("base_adv")
    batch = batch_of(module)
    images, _ = module.source(batch["row"])
    answer = module.net(images, batch["present"])
    module.detector_loss(answer, batch["present"]).backward()
    assert all(p.grad is None for p in module.net.parameters())
    assert all(p.grad is not None for p in module.detector.parameters())
    fooling_loss(module.detector(module.net(images, batch["present"]).fused)).backward()
    moved = [p.grad for p in module.net.encoders.parameters() if p.grad is not None]
    assert moved and max(float(g.abs().max()) for g in moved) > 0


def test_fooling_makes_the_detector_say_all_and_detecting_what_there_is():
    torch.manual_seed(0)
    code, detector = torch.randn(8, 6, 1, 1, 1, requires_grad=True), Detector(6, 4, (8,), 0.2)
    present = torch.rand(8, 4) < 0.5
    for _ in range(200):
        grads = torch.autograd.grad(
            detection_loss(detector(code.detach()), present), [*detector.parameters()]
        )
        with torch.no_grad():
            for p, g in zip(detector.parameters(), grads):
                p -= 0.3 * g
    assert ((detector(code) > 0) == present).float().mean() > 0.9
    for _ in range(200):
        (grad,) = torch.autograd.grad(fooling_loss(detector(code)), [code])
        code = (code - 0.5 * grad).detach().requires_grad_(True)
    assert (detector(code) > 0).all()


def test_switches_of_the_ablation_change_the_objective():
    found = {}
    for method in ("base", "base_adv", "magnet"):
        module, optimisers = module_of(method)
        torch.manual_seed(1)
        images, labels = module.source(batch_of(module)["row"])
        everything = torch.ones(2, 4, dtype=torch.bool)
        total, segmentation = module.objective(module.net(images, everything), images, labels)
        found[method] = float(total) - 0.5 * float(segmentation)
        assert len(optimisers) == (1 if method == "base" else 2)
        assert (module.correlation is None) == (method != "magnet")
    assert found["base"] == pytest.approx(0, abs=1e-6)
    assert found["base_adv"] == pytest.approx(0.5 * 4 * math.log(2), rel=0.3), "an untrained detector"
    assert found["magnet"] > found["base_adv"] + 1e-3


def test_correlation_by_hand():
    x = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert torch.allclose(cross_correlation(x, 3 * x), torch.eye(2))
    assert float(barlow(x, x, 0.2)) == pytest.approx(0, abs=1e-6)
    assert float(barlow(x, -x, 0.2)) == pytest.approx(2 * 4, abs=1e-5), "two dimensions, (1 + 1)^2 each"
    alike = torch.tensor([[1.0, 1.0], [2.0, 2.0]])
    assert float(barlow(alike, alike, 0.2)) == pytest.approx(0.2 * 2, abs=1e-5), "redundant"
    y = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    c = np.array([[0, 1], [1, 0]])  # of x and y: dimensions are exchanged
    assert np.allclose(cross_correlation(x, y).numpy(), c, atol=1e-6)
    assert float(barlow(x, y, 0.2)) == pytest.approx(2 + 0.2 * 2, abs=1e-5)


def test_one_patient_gives_no_gradient_and_a_memory_of_others_does():
    z = torch.randn(1, 4, requires_grad=True)
    (grad,) = torch.autograd.grad(barlow(z, torch.randn(1, 4), 0.2), [z])
    assert grad.abs().max() < 1e-5, "C is +1 or -1 whatever z is"
    torch.manual_seed(0)
    for queue in (0, 4):
        loss = CorrelationLoss(6, 4, Correlation(widths=(8, 8, 4), queue=queue)).train()
        where = torch.tensor([[0, 0], [0, 2]])
        first = loss(torch.randn(2, 6), where, 1)
        assert float(first) == 0, "the first patient is alone"
        each = torch.randn(2, 6, requires_grad=True)
        second = loss(each, where, 1)
        assert (float(second) > 0) == (queue > 0)
    (grad,) = torch.autograd.grad(second, [each])
    assert grad.abs().max() > 0
    assert loss.there[:2, [0, 2]].all() and not loss.there[:, [1, 3]].any() and not loss.there[2:].any()


def test_a_single_modality_has_no_correlation():
    loss = CorrelationLoss(6, 4, Correlation(widths=(8, 8, 4), queue=4)).train()
    assert float(loss(torch.randn(1, 6), torch.tensor([[0, 1]]), 1)) == 0
    assert float(loss(torch.randn(2, 6), torch.tensor([[0, 1], [1, 1]]), 2)) == 0


def test_moments_and_products_by_hand():
    level = torch.tensor([1.0, 3.0, 5.0]).view(3, 1, 1, 1, 1)
    where = torch.tensor([[0, 0], [0, 1], [1, 1]])
    mean, variance = (v.flatten().tolist() for v in moments(level, where, 2))
    assert mean == [2, 5] and variance == [1, 0]
    gaussians = torch.tensor([[1.0, 0.0], [3.0, math.log(0.5)], [5.0, 0.0]]).view(3, 2, 1, 1, 1)
    mean, logvar = (v.flatten() for v in product(gaussians, where, 2))
    # precisions 1 of the prior, 1 and 2: (1 + 2 * 3) / 4; then 1 and 1: 5 / 2
    assert mean.tolist() == pytest.approx([7 / 4, 5 / 2]) and logvar.exp().tolist() == pytest.approx(
        [0.25, 0.5]
    )
    zero = torch.zeros(2, 3)
    assert float(divergence([zero], [zero])) == 0
    assert (
        float(divergence([zero + 2], [zero])) == pytest.approx(2)
        and float(divergence([zero], [zero - 1])) > 0
    )


def test_entropy_is_1_where_nothing_is_known():
    flat_, sure = torch.zeros(1, 4, 2, 2, 2), torch.zeros(1, 4, 2, 2, 2)
    sure[:, 0] = 50
    assert entropy_map(flat_).sum(1).allclose(torch.ones(1, 2, 2, 2))
    assert entropy_map(sure).sum(1).max() < 1e-6
    assert says(torch.tensor([[3.0]]), True) < says(torch.tensor([[3.0]]), False)


def test_subsets_are_drawn_by_their_shares_among_what_there_is():
    torch.manual_seed(0)
    everything = np.ones(4, bool)
    found = torch.stack([drawn(everything, (0.2, 0.2, 0.2, 0.4)) for _ in range(2000)])
    shares = [float((found.sum(1) == n).float().mean()) for n in (1, 2, 3, 4)]
    assert np.allclose(shares, [0.2, 0.2, 0.2, 0.4], atol=0.04)
    ones = found[found.sum(1) == 1].float().mean(0)
    assert np.allclose(ones, 0.25, atol=0.08), "each as often as the others"
    some = mask_of("t1+t2", ["FLAIR", "T1", "T1c", "T2"])
    kept = torch.stack([drawn(some, (0.2, 0.2, 0.2, 0.4)) for _ in range(50)])
    assert kept.any(1).all() and not kept[:, ~some].any() and kept.all(0).tolist() != some.tolist()


def test_critics_of_acn_do_not_move_the_paths():
    module = plan(job("acn")).module.train()
    images = torch.randn(2, 4, 16, 16, 16)
    pair = module.net[0]
    of_all, of_some = pair.all(images), pair.some(pair.subset(images))
    module.critic_loss(of_all, of_some).backward()
    assert all(p.grad is None for p in pair.parameters())
    early, _ = module.objective(of_all, of_some, torch.zeros(2, 16, 16, 16), 0.0)
    late, _ = module.objective(of_all, of_some, torch.zeros(2, 16, 16, 16), 1.0)
    apart = ((of_all[0].softmax(1) - of_some[0].softmax(1)) ** 2).mean()
    assert float(late - early) == pytest.approx(0.1 * (1 - math.exp(-5)) * float(apart), rel=1e-2)
    assert pair.subset(images).shape[1] == 1 and OPTIONS["acn"]["subsets"][0] == "t1c"
