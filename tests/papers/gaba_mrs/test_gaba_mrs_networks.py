"""Networks at the paper's scale, and the loss, against printed values and values worked out by hand."""

import numpy as np
import pytest
import torch

from bad_inputs import said
from mlmi2023.papers.gaba_mrs.inputs import network_input, scale
from mlmi2023.papers.gaba_mrs.losses import RegionLoss
from mlmi2023.papers.gaba_mrs.model import RdcUNet2d, transients_of
from mlmi2023.papers.gaba_mrs.unet1d import UNet1d
from mlmi2023.physics.spectra import between, ppm_axis

PPM = ppm_axis(2048, 2000.0, 127.758)


def count(net):
    return sum(own.numel() for own in net.parameters())


@pytest.mark.parametrize("channels", [2, 4])
def test_networks_have_the_printed_sizes(channels):
    with torch.device("meta"):
        x = torch.empty(2, channels, 2048, 40)
        rdc, flat = RdcUNet2d(channels, 40), UNet1d(channels, 40)
        assert rdc(x).shape == flat(x).shape == (2, 2048)
    # printed as about 16 and about 17 million
    assert round(count(rdc) / 1e6, 1) == 16.5 and round(count(flat) / 1e6, 1) == 17.5
    # kernels of 5, batch normalisation, 1 x 1 at the end; the input alone depends on the form
    levels = [(channels * 40, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]
    levels += [(1536, 512), (768, 256), (384, 128), (192, 64)]
    wanted = sum(5 * (a * b + b * b) + 2 * b + 4 * b for a, b in levels) + 65
    assert count(flat) == wanted


def test_each_level_takes_four_transients_away():
    assert transients_of(40, 4) == [36, 32, 28, 24, 20, 16, 12, 8, 4]
    with torch.device("meta"):
        net = RdcUNet2d(2, 40)
    # skip convolutions from the deepest up, and what makes one transient of the last four
    assert [skip[0].kernel_size for skip in net.skips] == [(5, 5), (5, 13), (5, 21), (5, 29)]
    assert net.last[0][0].kernel_size == (5, 4) and net.last[1].kernel_size == (5, 5)
    assert [chain[0][0].kernel_size for chain in net.chains] == [(3, 1), (5, 1), (7, 1), (9, 1)]
    said(lambda: RdcUNet2d(2, 36), "36 transients are too few for 4 poolings, which need 37", "task.pairs")


def test_every_transient_and_both_conditions_reach_the_answer():
    torch.manual_seed(0)
    for net in (RdcUNet2d(4, 21, filters=2, widths=(4, 4, 4)), UNet1d(4, 21, (4, 8))):
        x = torch.randn(1, 4, 64, 21, requires_grad=True)
        net.eval()(x).square().sum().backward()
        assert (x.grad.abs().sum((0, 2)) > 0).all()


def test_the_loss_is_the_printed_sum_of_three_errors():
    loss = RegionLoss(PPM)
    wanted = torch.zeros(1, 2048)
    gaba, glx = between(PPM, 2.8, 3.2), between(PPM, 3.55, 3.95)
    for seen, weight in ((gaba, 6), (glx, 3), (~(gaba | glx), 0)):
        found = torch.from_numpy(np.where(seen, -2.0, 0.0)).float()[None]
        # an error of 2 everywhere in a region, and in its share of the whole
        assert torch.isclose(loss(found, wanted)[0], torch.tensor(2 * (seen.mean() + weight) / 10).float())


def test_transients_are_divided_by_naa_of_off_and_subtracted_as_on_minus_off():
    rng = np.random.default_rng(0)
    on, off = (torch.from_numpy(rng.normal(size=(3, 5, 2048)) + 1j).to(torch.complex64) for _ in range(2))
    naa = (PPM >= 1.85) & (PPM <= 2.15)
    off[:, :, np.flatnonzero(naa)[3]] = torch.tensor([10.0, 20.0, 30.0, 40.0, 50.0]).to(torch.complex64)
    assert torch.allclose(scale(off, torch.from_numpy(naa)), torch.full((3,), 30.0))
    both, apart = network_input(on, off, "sub"), network_input(on, off, "diff")
    assert both.shape == (3, 4, 2048, 5) and apart.shape == (3, 2, 2048, 5)
    assert torch.equal(both[:, 0, :, 2], on.real[:, 2]) and torch.equal(both[:, 3, :, 1], off.imag[:, 1])
    assert torch.allclose(apart[:, 0], both[:, 0] - both[:, 2])
