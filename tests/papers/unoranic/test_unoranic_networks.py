"""Printed sizes, numbers of parameters, and what reads which code."""

import pytest
import torch
from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.papers.unoranic.building import method_of, representation
from mlmi2023.papers.unoranic.model import (
    CORRUPTED,
    DISEASE,
    OneBranch,
    Read,
    TwoBranches,
    TwoNetworks,
    residual_network,
    sides,
    widths,
)
from mlmi2023.papers.unoranic.options import Net, Supervised
from mlmi2023.papers.unoranic.pictures import Pictures
from unoranic_data import BRANCHES, NET, cohort, job


def count(net):
    return sum(p.numel() for p in net.parameters())


def by_hand(channels, code, kernels=(4, 4, 5, 5), inputs=None):
    """Parameters of an encoder, and of a decoder that is given ``inputs`` numbers."""
    steps = [channels, 32, 64, 128, code]
    residual = lambda c: 2 * (9 * c * c + c + 2 * c)  # noqa: E731  # with biases and norms
    encoder = sum(
        residual(a) + k * k * a * b + b + 2 * b for k, a, b in zip(kernels, steps, steps[1:], strict=False)
    )
    back = [inputs or code, *steps[-2::-1]]
    decoder = sum(
        k * k * a * b + b + 2 * b + residual(b)
        for k, a, b in zip(reversed(kernels), back, back[1:], strict=False)
    )
    return encoder, decoder


@pytest.mark.parametrize("channels", [1, 3])
def test_printed_sizes(channels):
    own = Net()
    assert widths(own, channels) == [channels, 32, 64, 128, 256] and sides(own, 28) == [28, 14, 7, 3, 1]
    whole = TwoBranches(own, channels, 28)
    encoder, decoder = by_hand(channels, 256)
    assert count(whole.anatomy) == count(whole.characteristic) == encoder
    assert count(whole.anatomy_decoder) == decoder
    assert count(whole.decoder) == by_hand(channels, 256, inputs=512)[1]
    one = OneBranch(own, channels, 28)
    assert count(one) == encoder + decoder
    assert count(OneBranch(Net(code=512), channels, 28)) == sum(by_hand(channels, 512))
    x = torch.rand(2, channels, 28, 28)
    codes = whole.codes(x)
    assert codes.anatomy.shape == codes.characteristic.shape == (2, 256)
    assert (
        whole.rebuilt(codes).shape == whole.revised(codes).shape == one.rebuilt(one.codes(x)).shape == x.shape
    )


def test_the_release_s_activation_is_none():
    own, theirs = (TwoBranches(Net(width=4, sampling_slope=slope), 3, 28) for slope in (0.01, 1.0))
    slopes = lambda net: sorted({m.negative_slope for m in net.modules() if isinstance(m, nn.LeakyReLU)})  # noqa: E731
    assert slopes(own) == [0.01] and slopes(theirs) == [0.01, 1.0]
    strided = theirs.anatomy.blocks[1].eval()
    with torch.no_grad():
        x = torch.randn(2, 3, 28, 28)
        bias = strided(torch.zeros_like(x))
        assert torch.allclose(strided(-x) - bias, -(strided(x) - bias), atol=1e-5)
        strided = own.anatomy.blocks[1].eval()
        bias = strided(torch.zeros_like(x))
        assert not torch.allclose(strided(-x) - bias, -(strided(x) - bias), atol=1e-2)


def test_resnet_18_for_small_images():
    net = residual_network(Supervised(kind="learned", model="supervised"), 3, 10)
    # 11173962 is the usual count for images of 32 x 32 and ten classes
    assert count(net) == 11_173_962
    small = TwoNetworks(Supervised(kind="learned", model="supervised", width=4, blocks=(1, 1, 1, 1)), 1, 5)
    x = torch.rand(2, 1, 28, 28)
    assert small.logits(x, DISEASE).shape == (2, 5) and small.logits(x, CORRUPTED).shape == (2, 2)


def test_the_disease_is_read_from_anatomy_and_corruption_from_the_rest():
    net = Read(TwoBranches(Net(width=4), 3, 28), 3).train()
    assert not net.body.anatomy.training and net.heads[DISEASE].training
    assert not any(p.requires_grad for p in net.body.parameters())
    nn.init.normal_(net.heads[DISEASE].weight)
    nn.init.normal_(net.heads[CORRUPTED].weight)
    x = torch.rand(2, 3, 28, 28)
    with torch.no_grad():
        before = {asked: net.logits(x, asked) for asked in (DISEASE, CORRUPTED)}
        for p in net.body.characteristic.parameters():
            p.mul_(1.5)
        assert torch.equal(net.logits(x, DISEASE), before[DISEASE])
        assert not torch.equal(net.logits(x, CORRUPTED), before[CORRUPTED])


def test_other_sizes_need_other_kernels(tmp_path):
    pictures = Pictures(job(cohort(tmp_path), BRANCHES))
    wrong = method_of({**BRANCHES, "net": {**NET, "kernels": [4, 4]}})
    with pytest.raises(InputError, match=r"28 -> 14 -> 7; give net\.kernels"):
        representation(wrong, pictures)
