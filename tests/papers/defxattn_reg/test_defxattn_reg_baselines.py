"""Baselines of defxattn_reg that are no encoder and decoder: CycleMorph, LapIRN in training, ConvexAdam."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import warp
from mlmi2023.nets.registration.builders import parameter_count
from mlmi2023.papers.defxattn_reg.convexadam import (
    ConvexAdam,
    candidates,
    coupled_convex,
    inverse_consistent,
    search_costs,
)
from mlmi2023.papers.defxattn_reg.cycle import CyclePair, cycle_loss
from mlmi2023.papers.defxattn_reg.gradcam import heat_map
from mlmi2023.papers.defxattn_reg.model import build_net, on_meta
from mlmi2023.papers.defxattn_reg.pyramid import ProgressivePyramid

SHAPE = (16, 12, 20)
VOXELMORPH = {"kind": "voxelmorph", "down": [4, 8], "up": [8, 8], "full": [4]}
LAPIRN = {"kind": "lapirn", "channels": 4, "blocks": 1, "condition": 0.5}


def volume(seed: int, shape=SHAPE, sigma: float = 1.5) -> torch.Tensor:
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), sigma)
    return torch.from_numpy((0.5 + noise / (4 * noise.std())).astype(np.float32))[None, None]


# --- CycleMorph ------------------------------------------------------------------------------------


class Fixed(torch.nn.Module):
    """Answers with one constant field, or none where an image meets itself."""

    def __init__(self, shift: float, lazy: bool = True) -> None:
        super().__init__()
        self.shift, self.lazy = shift, lazy

    def forward(self, moving, fixed):
        fields = torch.zeros(len(moving), 3, *moving.shape[2:])
        for row, (a, b) in enumerate(zip(moving, fixed)):
            fields[row, 0] = 0 if self.lazy and torch.equal(a, b) else self.shift
        return fields


def worth(net: CyclePair, moving, fixed, **weights) -> float:
    def similarity(a, b):
        return (a - b).abs()[:, :, 3:-3].mean()  # away from what comes in at the border

    def nothing(u):
        return u.sum() * 0

    weights = {"cycle": 0.0, "identity": 0.0, **weights}
    return cycle_loss(net, moving, fixed, similarity, nothing, **weights).item()


def test_cycle_loss_by_hand():
    """The fixed image is the moving one, shifted: a pair of right networks has nothing to pay inside."""
    moving = volume(0, (20, 8, 8))
    moving[:, :, :4] = moving[:, :, -4:] = 0  # so that the cycle loses nothing over the border
    fixed = moving.roll(-1, dims=2)  # fixed(x) = moving(x + 1)
    right = CyclePair(Fixed(1.0), Fixed(-1.0))
    assert worth(right, moving, fixed, cycle=1.0, identity=1.0) == pytest.approx(0, abs=1e-6)
    apart = (moving - fixed).abs()
    # both registrations stand still: each image against the other, and each comes home as the other one
    idle = CyclePair(Fixed(0.0), Fixed(0.0))
    registration = 2 * apart[:, :, 3:-3].mean().item()
    assert worth(idle, moving, fixed) == pytest.approx(registration, rel=1e-5)
    # identity networks: warped moving is moving, taken home unchanged
    assert worth(idle, moving, fixed, cycle=2.0) == pytest.approx(registration, rel=1e-5)
    # a way back in the wrong direction: home is two voxels off on either side of the cycle
    wrong = CyclePair(Fixed(1.0), Fixed(1.0))
    off = (moving.roll(-2, dims=2) - moving).abs().mean() + (fixed.roll(-2, dims=2) - fixed).abs().mean()
    gained = worth(wrong, moving, fixed, cycle=1.0) - worth(wrong, moving, fixed)
    assert gained == pytest.approx(off.item(), rel=1e-4)
    # networks that move what need not move
    busy = CyclePair(Fixed(1.0, lazy=False), Fixed(-1.0, lazy=False))
    moved = (fixed.roll(-1, dims=2) - fixed).abs() + (moving.roll(1, dims=2) - moving).abs()
    paid = worth(busy, moving, fixed, identity=0.5) - worth(busy, moving, fixed)
    assert paid == pytest.approx(0.5 * moved[:, :, 3:-3].mean().item(), rel=1e-4)


def test_cyclemorph_is_two_voxelmorphs_and_answers_with_the_first():
    options = {"encoder": {"kind": "voxelmorph"}, "cycle": {"weight": 0.1, "identity": 0.5}}
    assert parameter_count(on_meta(options, (160, 192, 224))) == 2 * 301_411
    torch.manual_seed(0)
    net = build_net(options | {"encoder": VOXELMORPH}, SHAPE)
    for module in (net.there, net.back):
        torch.nn.init.normal_(module.core.field.weight, std=0.3)
    moving, fixed = volume(1), volume(2)
    torch.testing.assert_close(net(moving, fixed), net.there(moving, fixed))
    assert not torch.allclose(net.there(moving, fixed), net.back(moving, fixed))

    def mse(a, b):
        return (a - b).square().mean()

    cycle_loss(net, moving, fixed, mse, lambda u: u.square().mean(), 0.1, 0.5).backward()
    assert all(p.grad is not None and p.grad.abs().any() for p in net.parameters())
    heat, field = heat_map(net, moving, fixed)
    assert heat.shape == SHAPE and field.shape == (3, *SHAPE)


# --- LapIRN ----------------------------------------------------------------------------------------


def test_lapirn_trains_level_after_level_and_predicts_with_all():
    torch.manual_seed(0)
    net = build_net({"encoder": LAPIRN}, SHAPE)
    core = net.core
    assert isinstance(core, ProgressivePyramid)
    for level in core.net.levels:
        torch.nn.init.normal_(level.field.weight, std=0.1)
    moving, fixed = volume(1), volume(2)
    every = core.net.fields(moving, fixed)
    seen = set()
    for done, depth in ((0.0, 1), (0.24, 1), (0.26, 2), (0.51, 3), (0.999, 3)):
        net.zero_grad()
        factor = core.begin_step(done)
        assert core.depth == depth and factor == pytest.approx(core.told / 0.5) and 0 <= core.told <= 1
        seen.add(core.told)
        net.train()(moving, fixed).sum().backward()
        used = [any(p.grad is not None for p in level.parameters()) for level in core.net.levels]
        assert used == [True] * depth + [False] * (3 - depth)
    assert len(seen) == 5
    core.begin_step(0.0)
    torch.testing.assert_close(net.eval()(moving, fixed), every[-1])  # not the level that was told last
    heat, _ = heat_map(net, moving, fixed)
    assert heat.shape == SHAPE


# --- ConvexAdam ------------------------------------------------------------------------------------


def test_search_costs_by_hand():
    source, target = torch.rand(2, 2, 3, 4, 5, 6)
    costs, steps = search_costs(source, target, 1), candidates(1)
    assert costs.shape == (2, 27, 4, 5, 6)
    number = [tuple(step) for step in steps.tolist()].index((1.0, -1.0, 0.0))
    place = (1, 2, 3)
    around = [
        (source[1, :, x + 1, y - 1, z] - target[1, :, x, y, z]).square().sum()
        for x in (0, 1, 2)
        for y in (1, 2, 3)
        for z in (2, 3, 4)
    ]
    torch.testing.assert_close(costs[(1, number, *place)], torch.stack(around).mean())


def test_coupling_overrules_an_outlier_and_keeps_a_common_shift():
    steps = candidates(1)
    wanted = [tuple(step) for step in steps.tolist()].index((0.0, 1.0, 0.0))
    odd = [tuple(step) for step in steps.tolist()].index((-1.0, -1.0, -1.0))
    costs = torch.ones(1, 27, 5, 5, 5)
    costs[:, wanted] = 0.5
    costs[0, odd, 2, 2, 2] = 0.4
    field = coupled_convex(costs, steps)
    torch.testing.assert_close(field, torch.tensor([0.0, 1.0, 0.0]).view(1, 3, 1, 1, 1).expand_as(field))


def test_inverse_consistency_meets_in_the_middle():
    u, v = torch.zeros(2, 1, 3, 6, 6, 6)
    u[:, 0], v[:, 0] = 1.0, -0.5
    assert inverse_consistent(u, v)[:, 0].mean().item() == pytest.approx(0.75, abs=1e-4)


@pytest.mark.parametrize("inverted", [False, True])
def test_a_large_shift_is_found_across_contrasts_for_each_pair_of_a_batch(inverted):
    shape = (24, 24, 24)
    moving = torch.cat([volume(3, shape, 2.0), volume(4, shape, 2.0)])
    fixed = torch.stack([moving[0].roll(-5, dims=1), moving[1].roll(4, dims=3)])  # fixed(x) = moving(x + 5)
    if inverted:
        fixed = 1 - fixed
    settings = ConvexAdam.from_config({"kind": "convexadam", "spacing": 2, "reach": 4, "steps": 30})
    u = settings.register(moving, fixed)
    assert u.shape == (2, 3, *shape)
    expected = torch.tensor([[5.0, 0, 0], [0, 0, -4.0]])
    one = settings.register(moving[1:], fixed[1:])
    for found, known in ((u, expected), (one, expected[1:])):
        inner = found[:, :, 7:-7, 7:-7, 7:-7].mean(dim=(2, 3, 4))
        assert (inner - known).abs().max() < 0.5
    # what the search finds for a pair does not depend on its neighbour; Adam's steps are as long as the rate
    # however small the gradient, so that near borders rounding grows into voxels
    search = replace(settings, steps=0)
    both, alone = search.register(moving, fixed)[1], search.register(moving[1:], fixed[1:])[0]
    torch.testing.assert_close(both, alone, atol=1e-3, rtol=0)
    truth = torch.zeros(1, 3, *shape)
    truth[:, 2] = -4
    left, before = ((warp(moving[1:], u) - warp(moving[1:], truth))[..., 7:-7] for u in (one, 0 * one))
    assert left.abs().mean() < 0.25 * before.abs().mean()


def test_any_shape_and_wrong_options():
    u = ConvexAdam(spacing=4, reach=1, steps=2).register(volume(1, (9, 10, 11)), volume(2, (9, 10, 11)))
    assert u.shape == (1, 3, 9, 10, 11) and torch.isfinite(u).all()
    with pytest.raises(InputError, match="stepps"):
        ConvexAdam.from_config({"stepps": 3})
    with pytest.raises(InputError, match="divides"):
        ConvexAdam.from_config({"spacing": 3, "adam_spacing": 2})
