"""Losses of echo_myocardium against values worked out by hand, and against what they must not see."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from mlmi2023.fields.displacement import warp
from mlmi2023.papers.echo_myocardium import flow_losses as flows
from mlmi2023.papers.echo_myocardium import losses
from mlmi2023.papers.echo_myocardium.discriminator import of_kind
from mlmi2023.papers.echo_myocardium.distances import distances_of, signed_distance
from mlmi2023.papers.echo_myocardium.model import Answer, channels_of
from mlmi2023.papers.echo_myocardium.options import FlowLosses, Shape


def speckle(seed=0, size=32):
    noise = np.random.default_rng(seed).normal(size=(size, size))
    image = ndimage.gaussian_filter(noise, 1.5, mode="wrap")
    image = (image - image.min()) / (image.max() - image.min())
    return torch.from_numpy(0.7 * image).float()[None, None]


def constant(rows, columns, size=32):
    return torch.tensor([float(rows), float(columns)]).view(1, 2, 1, 1).expand(1, 2, size, size).clone()


def shifted(image, rows, columns):
    """What is at x in the image is at x + (rows, columns) in the answer."""
    return torch.roll(image, (rows, columns), (2, 3))


@pytest.mark.parametrize("loss", [flows.photometric, flows.census])
def test_the_true_flow_costs_least(loss):
    first, second = speckle(), shifted(speckle(), 2, -1)
    inside = torch.zeros(1, 1, 32, 32)
    inside[..., 5:-5, 5:-5] = 1
    costs = {
        shift: float(loss(first, second, constant(*shift), inside))
        for shift in ((2, -1), (0, 0), (-2, 1), (-1, 2))
    }
    assert min(costs, key=costs.get) == (2, -1) and costs[2, -1] < 0.3 * costs[0, 0]


def test_charbonnier_by_hand_and_means_over_what_is_weighted():
    assert float(flows.charbonnier(torch.tensor(0.3))) == pytest.approx((0.09 + 1e-6) ** 0.45)
    values, weight = (
        torch.tensor([1.0, 2.0, 9.0]).view(1, 1, 1, 3),
        torch.tensor([1.0, 0.5, 0.0]).view(1, 1, 1, 3),
    )
    assert float(flows.masked_mean(values, weight)) == pytest.approx(2 / 1.5)
    assert float(flows.masked_mean(values, 0 * weight)) == 0


def test_census_is_blind_to_brightness_and_nearly_to_gain_where_photometry_is_not():
    image, still, all_ = speckle(), constant(0, 0), torch.ones(1, 1, 32, 32)
    assert torch.allclose(flows.census_transform(image), flows.census_transform(image + 0.2), atol=1e-4)
    other = shifted(image, 3, 3)
    least = float(flows.census(image, image, still, all_))
    gain, moved = (float(flows.census(image, x, still, all_)) - least for x in (1.3 * image, other))
    assert gain < 0.1 * moved
    least = float(flows.photometric(image, image, still, all_))
    gain, moved = (float(flows.photometric(image, x, still, all_)) - least for x in (1.3 * image, other))
    assert gain > 0.3 * moved


def test_what_leaves_the_image_or_does_not_return_is_hidden():
    forward, back = constant(0, 4), constant(0, -4)
    seen = flows.visible(forward, back)[0, 0]
    assert seen[:, :28].all() and not seen[:, 28:].any(), "the last four columns leave to the right"
    assert flows.visible(constant(3, 0), constant(-3, 0))[0, 0, 29:].sum() == 0
    back[..., 10:20, 12:20] = 0  # what was there has another way back
    seen = flows.visible(forward, back)[0, 0]
    assert not seen[10:20, 8:16].any() and seen[:9, :27].all()
    # a disagreement below the printed threshold is none
    assert flows.visible(constant(0, 0.7), constant(0, 0))[0, 0, :, :-1].all()
    assert not flows.visible(constant(0, 0.8), constant(0, 0)).any()


def test_smoothness_by_hand_and_edges_release_it():
    flat, edge = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    edge[..., 4:] = 1
    assert float(flows.smoothness(flat, constant(2, 3, 8))) == 0
    ramp = torch.arange(8.0).view(1, 1, 1, 8).expand(1, 2, 8, 8)
    assert float(flows.smoothness(flat, ramp)) == pytest.approx(1 / 4)  # slope 1 along one axis, no bend
    step = torch.zeros(1, 2, 8, 8)
    step[..., 4:] = 1
    # slopes: one of seven; bends: two of six
    assert float(flows.smoothness(flat, step)) == pytest.approx((1 / 7 + 2 / 6) / 4)
    assert float(flows.smoothness(edge, step)) < 0.6 * float(flows.smoothness(flat, step))


def test_masks_are_carried_by_the_flow_in_its_direction():
    first = torch.zeros(1, 1, 32, 32)
    first[..., 8:16, 8:16] = 1
    second = shifted(first, 3, 2)
    right = float(flows.flow_dice(first, second, constant(3, 2), constant(-3, -2)))
    still = float(flows.flow_dice(first, second, constant(0, 0), constant(0, 0)))
    wrong = float(flows.flow_dice(first, second, constant(-3, -2), constant(3, 2)))
    overlap = 5 * 6 / 64
    assert right == pytest.approx(0, abs=1e-4) and still == pytest.approx(2 * (1 - overlap), abs=1e-3)
    assert wrong > still
    assert torch.allclose(warp(second, constant(3, 2)), first)


def test_directions_that_turn_cost():
    same, turned = torch.ones(1, 2, 2, 4, 4), torch.ones(1, 2, 2, 4, 4)
    turned[:, 1] = -1
    assert float(flows.incongruence(same)) == pytest.approx(0, abs=1e-5)
    assert float(flows.incongruence(turned)) == pytest.approx(2, abs=1e-5)
    assert float(flows.incongruence(same[:, :1])) == 0


def test_signed_distances_have_sassnets_sign_and_scale():
    mask = np.zeros((15, 15), bool)
    mask[4:11, 4:11] = True
    found = signed_distance(mask)
    assert found[7, 7] == -1 and found[4, 7] == found[10, 4] == 0 and found[0, 0] == 1
    # three pixels deep inside; outside 5.66 pixels away at the corner
    assert found[5, 7] == pytest.approx(-1 / 3) and found[3, 7] == pytest.approx(1 / math.hypot(4, 4))
    assert (found[mask] <= 0).all() and (found[~mask] > 0).all()
    assert (
        not signed_distance(np.zeros((4, 4), bool)).any() and not signed_distance(np.ones((4, 4), bool)).any()
    )
    labels = torch.from_numpy(np.where(mask, 2, 0))[None]
    assert torch.equal(distances_of(labels)[0, 0], torch.from_numpy(found))
    assert not distances_of(torch.ones_like(labels)).any(), "of the muscle, not of the cavity"


def test_dice_and_hybrid_losses_by_hand():
    labels = torch.zeros(1, 32, 32, dtype=torch.long)
    labels[0, 8:24, 8:24], labels[0, 12:20, 12:20] = 2, 1
    masks = channels_of(labels)
    right = 40 * (masks - 0.5)
    assert float(losses.supervised("dice", [right], labels)) == pytest.approx(0, abs=1e-4)
    assert float(losses.supervised("hybrid", [right], labels)) == pytest.approx(0, abs=1e-3)
    half = torch.zeros_like(right)
    # 2 * 0.5 n / (0.25 * 1024 + n) for both channels
    wanted = np.mean([1 - n / (256 + n) for n in (64, 256)])
    assert float(losses.supervised("dice", [half], labels)) == pytest.approx(wanted, abs=1e-4)
    assert float(losses.supervised("dice", [right, half], labels)) == pytest.approx(wanted, abs=1e-4)
    iou = np.mean([0.5 * n / (512 + 0.5 * n) for n in (64, 256)])
    rest = float(losses.supervised("hybrid", [half], labels)) - math.log(2) - (1 - iou)
    assert 0.3 < rest < 1, "one minus SSIM of a flat answer"
    swapped = 40 * (channels_of(torch.where(labels == 1, 2, torch.where(labels == 2, 1, 0))) - 0.5)
    assert float(losses.supervised("dice", [swapped], labels)) > 0.3


def test_the_discriminators_losses_by_hand():
    labelled, unlabelled = torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    first = math.log(1 + math.exp(-2))
    second = (math.log(1 + math.exp(-1)) + math.log(2)) / 2
    critic = lambda image, distances: image  # noqa: E731
    none = torch.zeros(0)
    told = losses.telling_apart(critic, (labelled, none), (unlabelled, none))
    assert float(told) == pytest.approx(first + second)
    # frames without labels want to pass for labelled ones
    fooled = losses.fooling(critic, unlabelled, none)
    assert float(fooled) == pytest.approx((math.log(1 + math.e) + math.log(2)) / 2)
    assert float(of_kind(torch.zeros(0, 2), 1)) == 0


def test_the_weight_of_the_discriminator_rises_as_in_sassnet():
    keys = Shape(ramp=0.4, weight=0.01)
    assert losses.critic_weight(keys, 0) == pytest.approx(0.01 * math.exp(-5))
    assert losses.critic_weight(keys, 0.2) == pytest.approx(0.01 * math.exp(-5 * 0.25))
    assert losses.critic_weight(keys, 0.4) == losses.critic_weight(keys, 1.0) == pytest.approx(0.01)


def clip_and_answer():
    image = speckle()
    clip = torch.stack([image[0], shifted(image, 1, 0)[0], shifted(image, 2, 0)[0]])[None]
    labels = torch.zeros(1, 3, 32, 32, dtype=torch.long)
    for k in range(3):
        labels[0, k, 8 + k : 24 + k, 8:24], labels[0, k, 12 + k : 20 + k, 12:20] = 2, 1
    logits = (20 * (channels_of(labels) - 0.5)).requires_grad_()
    forward, back = (
        constant(1, 0)[None].expand(1, 2, 2, 32, 32),
        constant(-1, 0)[None].expand(1, 2, 2, 32, 32),
    )
    return clip, Answer([logits], None, forward.clone().requires_grad_(), back.clone().requires_grad_())


def test_the_loss_of_flow_adds_up_and_follows_its_switches():
    clip, answer = clip_and_answer()
    terms = {}
    for name in ("photometric", "census", "smoothness", "dice", "orientation"):
        keys = FlowLosses(
            **{**dict.fromkeys(("photometric", "census", "smoothness", "dice"), 0.0), name: 1.0}
        )
        terms[name] = float(losses.flow_terms(keys, clip, answer, 0.5))
    whole = FlowLosses(orientation=1.0)
    assert float(losses.flow_terms(whole, clip, answer, 0.5)) == pytest.approx(sum(terms.values()), rel=1e-4)
    assert terms["smoothness"] == terms["orientation"] == pytest.approx(0, abs=1e-5)
    assert terms["dice"] == pytest.approx(0, abs=1e-3)
    turned = answer._replace(forward=answer.back, back=answer.forward)
    for name in ("photometric", "census", "dice"):
        keys = FlowLosses(
            **{**dict.fromkeys(("photometric", "census", "smoothness", "dice"), 0.0), name: 1.0}
        )
        assert float(losses.flow_terms(keys, clip, turned, 0.5)) > 1.5 * terms[name], name


def test_smoothness_rises_by_a_hundredth_an_epoch_and_flow_dice_begins_late():
    clip, answer = clip_and_answer()
    bent = answer._replace(forward=answer.forward * torch.linspace(0, 1, 32))
    keys = FlowLosses(photometric=0.0, census=0.0, dice=0.0)
    start, end = (float(losses.flow_terms(keys, clip, bent, done)) for done in (0.0, 1.0))
    assert end == pytest.approx(2 * start) and start > 0
    keys = FlowLosses(photometric=0.0, census=0.0, smoothness=0.0, warm_up=0.1)
    still = answer._replace(forward=0 * answer.forward, back=0 * answer.back)
    assert (
        float(losses.flow_terms(keys, clip, still, 0.09))
        == 0
        < float(losses.flow_terms(keys, clip, still, 0.1))
    )


def test_only_the_myocardium_counts_and_its_map_takes_no_gradient():
    clip, answer = clip_and_answer()
    keys = FlowLosses(smoothness=0.0, dice=0.0)
    losses.flow_terms(keys, clip, answer, 0.5).backward()
    assert answer.logits[0].grad is None and answer.forward.grad.abs().sum() > 0
    outside = clip.clone()
    outside[..., :4, :] = 0.9 - outside[..., :4, :]
    there = float(losses.flow_terms(keys, clip, answer, 0.5).detach())
    assert float(losses.flow_terms(keys, outside, answer, 0.5).detach()) == pytest.approx(there, rel=1e-4)
    plain = FlowLosses(smoothness=0.0, dice=0.0, heat=False)
    seen, changed = (float(losses.flow_terms(plain, x, answer, 0.5).detach()) for x in (clip, outside))
    assert changed != pytest.approx(seen, rel=1e-3)
