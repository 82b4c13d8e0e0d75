"""The wavelet transform against PyWavelets, its inverse and its gradient."""

import numpy as np
import pytest
import pywt
import torch

from mlmi2023.nets.blocks.wavelet import BANDS, Wavelet2d

NAMES = ("haar", "db2", "sym4", "bior2.2", "coif1")


def double(name):
    net = Wavelet2d(name).double()
    wavelet = pywt.Wavelet(name)
    # filters are kept in float32; tests of exactness want all digits
    for kept, low, high in (
        (net.analysis, wavelet.dec_lo[::-1], wavelet.dec_hi[::-1]),
        (net.synthesis, wavelet.rec_lo, wavelet.rec_hi),
    ):
        low, high = np.array(low), np.array(high)
        pairs = ((low, low), (high, low), (low, high), (high, high))
        exact = np.stack([np.outer(a, b) for a, b in pairs])[:, None]
        assert np.allclose(kept.numpy(), exact, atol=1e-6)
        kept.copy_(torch.from_numpy(exact))
    return net


@pytest.mark.parametrize("name", NAMES)
def test_sub_bands_are_those_of_pywavelets(name):
    maps = np.random.default_rng(0).standard_normal((2, 3, 16, 20))
    bands = double(name)(torch.from_numpy(maps)).numpy()
    low, details = pywt.dwt2(maps, name, mode="periodization")
    assert BANDS == ("LL", "LH", "HL", "HH")
    for place, expected in enumerate((low, *details)):
        assert np.allclose(bands[:, :, place], expected, atol=1e-10), (name, BANDS[place])


@pytest.mark.parametrize("name", NAMES)
def test_the_inverse_gives_the_maps_back(name):
    maps = torch.randn(2, 3, 16, 24)
    net = Wavelet2d(name)
    assert torch.allclose(net.inverse(net(maps)), maps, atol=1e-5)
    bands = np.random.default_rng(1).standard_normal((1, 2, 4, 8, 10))
    expected = pywt.idwt2(
        (bands[:, :, 0], tuple(bands[:, :, k] for k in (1, 2, 3))), name, mode="periodization"
    )
    assert np.allclose(double(name).inverse(torch.from_numpy(bands)).numpy(), expected, atol=1e-10)


@pytest.mark.parametrize("name", ["haar", "db2", "bior2.2"])
def test_gradients_are_exact(name):
    net = double(name)
    maps = torch.randn(1, 2, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(net, maps)
    assert torch.autograd.gradcheck(
        net.inverse, torch.randn(1, 2, 4, 4, 4, dtype=torch.float64, requires_grad=True)
    )


def test_an_orthogonal_transform_keeps_the_energy_and_sorts_edges():
    maps = torch.zeros(1, 1, 8, 8)
    maps[..., 3:, :] = 1.0  # one horizontal edge
    bands = Wavelet2d("haar")(maps)
    assert float(bands.square().sum()) == pytest.approx(float(maps.square().sum()))
    energy = bands.square().sum(dim=(0, 1, 3, 4))
    assert energy[1] > 0 and energy[2] == 0 and energy[3] == 0, "a horizontal edge is in LH alone"


def test_what_cannot_be_halved_is_refused():
    with pytest.raises(ValueError, match="even"):
        Wavelet2d()(torch.zeros(1, 1, 7, 8))
    with pytest.raises(ValueError, match="no discrete wavelet"):
        Wavelet2d("morl")
    with pytest.raises(ValueError, match="3 sub-bands"):
        Wavelet2d().inverse(torch.zeros(1, 1, 3, 4, 4))
