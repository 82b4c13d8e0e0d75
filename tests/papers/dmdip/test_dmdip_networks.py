"""The networks of dmdip: sizes, an independent implementation, and banks in which nothing is shared."""

import pytest
import torch
from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.papers.dmdip.banked import Conv, Norm, reset
from mlmi2023.papers.dmdip.networks import Block, SkipNet, build_bank

PAPER = {"inputs": 32, "levels": 6, "width": 128, "skip": 4}


def count(net):
    return sum(p.numel() for p in net.parameters())


def fresh(bank, number, seed=0):
    for place in range(number):
        reset(bank, place, torch.Generator().manual_seed(seed + place))
    return bank


def level(inputs, width=128, skip=4):
    """Parameters of a level, counted by hand: convolutions with bias, normalisations with two each."""
    thin = inputs * skip + skip + 2 * skip
    down = (inputs * width * 9 + 3 * width) + (width * width * 9 + 3 * width)
    up = 2 * (width + skip) + ((width + skip) * width * 9 + 3 * width) + (width * width + 3 * width)
    return thin + down + up


def test_parameters_at_paper_size():
    with torch.device("meta"):
        # five levels and a colour image: what deep image prior's published network has
        assert count(SkipNet(1, 32, 5, 128, 4, 3)) == level(32) + 4 * level(128) + 387 == 2_217_831
        dip = build_bank(PAPER, 1, 1, (192, 192))
        assert count(dip) == level(32) + 5 * level(128) + 129 == 2_683_257
        dual = build_bank({**PAPER, "trunk": 2}, 1, 2, (192, 192))
        assert count(dual.trunk) == level(32) + level(128)
        assert count(dual) == level(32) + level(128) + 2 * (6 * level(128) + 129) == 6_408_858
        assert count(build_bank(PAPER, 3, 1, (192, 192))) == 3 * count(dip)


def test_shapes_and_range():
    bank = fresh(build_bank({"inputs": 5, "levels": 3, "width": 6, "skip": 2, "trunk": 2}, 2, 2, (16, 32)), 2)
    out = bank(torch.rand(2, 5, 16, 32))
    assert out.shape == (2, 2, 16, 32) and out.min() > 0 and out.max() < 1
    assert bank.trunk(torch.rand(2, 5, 16, 32)).shape == (2, 6, 16, 32)


def plain_block(inputs, width, skip, below):
    """The same level from torch's own layers."""

    def step(a, b, kernel, stride=1):
        conv = nn.Conv2d(a, b, kernel, stride, kernel // 2, padding_mode="reflect")
        return nn.Sequential(conv, nn.BatchNorm2d(b), nn.LeakyReLU(0.2))

    class Level(nn.Module):
        def __init__(self):
            super().__init__()
            self.skip, self.first = step(inputs, skip, 1), step(inputs, width, 3, 2)
            self.second, self.below = step(width, width, 3), below
            self.joined, self.wide = nn.BatchNorm2d(skip + width), step(skip + width, width, 3)
            self.narrow = step(width, width, 1)
            self.enlarge = nn.Upsample(scale_factor=2, mode="bilinear")

        def forward(self, x):
            deep = self.second(self.first(x))
            deep = self.enlarge(self.below(deep) if self.below else deep)
            return self.narrow(self.wide(self.joined(torch.cat([self.skip(x), deep], 1))))

    return Level()


def copy(ours, theirs, place):
    """Give torch's layers the weights of one network; both list them in the order of their making."""
    mine = [m for m in ours.modules() if isinstance(m, Conv | Norm)]
    others = [m for m in theirs.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
    assert len(mine) == len(others)
    for own, other in zip(mine, others):
        other.weight.data = own.weight.data[place].clone()
        other.bias.data = own.bias.data[place].clone()


def test_a_level_is_that_of_plain_layers():
    bank = Block(3, 5, 6, 2, Block(3, 6, 6, 2, None))
    fresh(bank, 3)
    for layer in bank.modules():  # so that the affine part of the normalisation counts
        if isinstance(layer, Norm):
            layer.weight.data.uniform_(0.5, 1.5)
            layer.bias.data.uniform_(-0.5, 0.5)
    x = torch.rand(3, 5, 16, 16)
    made = bank(x)
    for place in range(3):
        plain = plain_block(5, 6, 2, plain_block(6, 6, 2, None)).train()
        copy(bank, plain, place)
        assert torch.allclose(plain(x[place : place + 1])[0], made[place], atol=1e-5)


def test_networks_of_a_bank_share_nothing():
    options = {"inputs": 4, "levels": 2, "width": 6, "skip": 2, "trunk": 1}
    bank, x = fresh(build_bank(options, 3, 2, (16, 16)), 3), torch.rand(3, 4, 16, 16)
    bank(x)[1].sum().backward()
    for parameter in bank.parameters():
        assert not parameter.grad[0].any() and not parameter.grad[2].any()
    assert any(p.grad[1].any() for p in bank.parameters())
    alone = build_bank(options, 1, 2, (16, 16))
    reset(alone, 0, torch.Generator().manual_seed(1))
    assert torch.allclose(alone(x[1:2])[0], bank(x)[1], atol=1e-5)
    changed = x.clone()
    changed[0] += 1
    assert torch.allclose(bank(changed)[1:], bank(x)[1:], atol=1e-6)


def test_grouped_or_one_by_one_is_the_same():
    options = {"inputs": 4, "levels": 2, "width": 6, "skip": 2, "trunk": 1}
    x, made = torch.rand(3, 4, 16, 16), []
    for grouped in (True, False):
        bank = fresh(build_bank({**options, "grouped": grouped}, 3, 2, (16, 16)), 3)
        made.append(bank(x))
    assert torch.allclose(*made, atol=1e-5)


def test_reset_draws_like_torch():
    layer = Conv(2, 16, 64, 3)
    reset(layer, 0, torch.Generator().manual_seed(0))
    reset(layer, 1, torch.Generator().manual_seed(1))
    bound = 1 / (16 * 9) ** 0.5
    for place in range(2):
        values = layer.weight[place].detach()
        assert values.abs().max() <= bound and values.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert not torch.equal(layer.weight[0], layer.weight[1])


def test_what_cannot_be_built_is_one_line():
    with pytest.raises(InputError, match="cannot be halved 6 times"):
        build_bank(PAPER, 1, 1, (96, 96))
    with pytest.raises(InputError, match=r"net\.trunk"):
        build_bank(PAPER, 1, 2, (192, 192))
