"""Conditional LapIRN: sizes, bounds, what each level adds, and that a condition is heard."""

import pytest
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import warp
from mlmi2023.nets.registration.lapirn import ConditionalBlock, LapIRN, build_lapirn, enlarge

SMALL = {"channels": 4, "blocks": 1, "code": 8}


def small(seed=0, spread=0.5, **options):
    """Return a small network whose last layers are not near zero."""
    torch.manual_seed(seed)
    net = LapIRN(**{**SMALL, **options})
    for level in net.levels:
        torch.nn.init.normal_(level.field.weight, std=spread)
    return net


def test_published_size():
    conv, block = 27 * 28 * 28, 2 * 27 * 28 * 28 + 2 * (64 * 56 + 56) + (64 + 64) + 3 * (64 * 64 + 64)
    common = 2 * conv + 5 * block + 8 * 28 * 28 + 27 * 56 * 28 + 27 * 28 * 3
    wanted = 3 * common + 27 * 28 * (2 + 5 + 5)
    with torch.device("meta"):
        net = LapIRN()
    assert sum(p.numel() for p in net.parameters()) == wanted == 1_222_068


@pytest.mark.parametrize("shape", [(16, 16, 24), (17, 9, 21)])
def test_a_field_of_full_size_per_level_and_a_start_near_identity(shape):
    torch.manual_seed(0)
    moving, fixed = torch.rand(2, 2, 1, *shape)
    found = LapIRN(**SMALL).fields(moving, fixed)
    assert [u.shape for u in found] == [(2, 3, *shape)] * 3
    assert max(u.abs().max() for u in found) < 0.05
    assert all(u.dtype == torch.float32 for u in found)


def test_levels_reach_a_share_of_the_image_each_along_every_axis():
    # a constant residual that saturates: level k adds reach * n / 2 voxels of the full image
    net = small(spread=0.0, reach=0.3)
    moving, fixed = torch.rand(2, 1, 1, 16, 24, 32)
    for number, level in enumerate(net.levels):
        level.forward = lambda images, *_, n=number: (
            torch.full((1, 3, *images.shape[2:]), 0.5 if n else 1.0),
            torch.zeros(1, 4, *images.shape[2:]),
        )
    sizes = torch.tensor([16.0, 24.0, 32.0]) / 2
    for found, share in zip(net.fields(moving, fixed), (1.0, 1.5, 2.0)):
        for axis in range(3):
            assert torch.allclose(found[0, axis], 0.3 * share * sizes[axis])


def test_the_field_never_leaves_its_bound():
    net = small(spread=100.0)
    moving, fixed = torch.rand(2, 1, 1, 16, 16, 16)
    for number, u in enumerate(net.fields(moving, fixed), start=1):
        assert 0.1 < u.abs().max() <= number * 0.4 * 8


def test_later_levels_see_the_warped_moving_image_the_fixed_one_and_the_field():
    net = small()
    moving, fixed = torch.rand(2, 1, 1, 16, 16, 16)
    seen = []
    net.levels[2].register_forward_pre_hook(lambda _, args: seen.append(args))
    coarse = net.fields(moving, fixed)[1]
    images, _, before = seen[0]
    assert torch.allclose(images[:, :1], warp(moving, coarse, padding="border"), atol=1e-5)
    assert torch.equal(images[:, 1:2], fixed)
    assert torch.allclose(images[:, 2:], coarse / 8, atol=1e-6)
    assert before.shape == (1, 4, 8, 8, 8)


def test_fewer_levels_give_the_same_coarse_fields_and_no_gradient_to_finer_ones():
    net = small()
    moving, fixed = torch.rand(2, 1, 1, 16, 16, 16)
    whole, part = net.fields(moving, fixed), net.fields(moving, fixed, depth=2)
    assert len(part) == 2 and torch.equal(part[1], whole[1]) and torch.equal(net(moving, fixed), whole[2])
    part[-1].square().sum().backward()
    grown = [max(float(p.grad.abs().max()) if p.grad is not None else 0.0 for p in own.parameters())
             for own in net.levels]  # fmt: skip
    assert grown[0] > 0 and grown[1] > 0 and grown[2] == 0


def test_the_condition_matters_is_given_per_image_and_has_a_default():
    net = small(condition=0.7)
    moving, fixed = torch.rand(2, 2, 1, 16, 16, 16)
    low, high, both = (net(moving, fixed, c) for c in (0.0, 0.7, torch.tensor([0.0, 0.7])))
    assert not torch.allclose(low, high, atol=1e-4)
    assert torch.equal(net(moving, fixed), high)
    assert torch.allclose(both, torch.stack((low[0], high[1])), atol=1e-5)


def test_a_network_that_has_validated_still_learns():
    net = small()
    moving, fixed = torch.rand(2, 1, 1, 16, 16, 16)
    with torch.inference_mode():
        first = net(moving, fixed)
    again = net(moving, fixed)
    assert torch.equal(again, first.clone())
    again.square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_a_block_adds_to_what_it_is_given():
    torch.manual_seed(0)
    block = ConditionalBlock(4, 8)
    volume, told = torch.rand(1, 4, 4, 4, 4), torch.ones(1, 1)
    assert not torch.allclose(block(volume, told), volume)
    for conv in block.convs:
        torch.nn.init.zeros_(conv.weight)
    assert torch.equal(block(volume, told), volume)


def test_enlarged_fields_describe_the_same_motion():
    # a linear field: in voxels of a grid of half-sized cells, twice as long and half as steep
    x = torch.arange(8.0).view(1, 1, 8, 1, 1).expand(1, 3, 8, 8, 8)
    fine = enlarge(0.25 * x, 2)
    middle = torch.arange(16.0).view(1, 1, 16, 1, 1)[:, :, 1:-1]
    assert torch.allclose(fine[:, :, 1:-1], (2 * 0.25 * (middle - 0.5) / 2).expand(1, 3, 14, 16, 16))
    assert enlarge(x, 1) is x


def test_bad_options_are_one_line():
    for options, shape, word in (
        ({"width": 3}, (16, 16, 16), "width"),
        ({**SMALL, "reach": 0}, (16, 16, 16), "reach"),
        ({**SMALL, "kind": "lapirn", "levels": 4}, (16, 16, 16), "too many"),
    ):
        with pytest.raises(InputError, match=word) as error:
            build_lapirn(options, shape)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="depth"):
        small().fields(*torch.rand(2, 1, 1, 8, 8, 8), depth=4)
