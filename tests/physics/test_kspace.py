"""k-space operators: adjoints, inverses, alignment, and the Nyquist frequency."""

import numpy as np
import pytest
import torch

from mlmi2023.physics.kspace import crop, crop_adjoint, fill, replace

SIZES = [
    ((16, 12), (8, 6)),
    ((12, 20), (6, 5)),
    ((15, 16), (5, 4)),
    ((9, 8), (9, 4)),
    ((8, 6, 10), (4, 3, 5)),
]


def noise(*shape, seed=0, complex_=False):
    made = torch.Generator().manual_seed(seed)
    kind = torch.complex128 if complex_ else torch.float64
    return torch.randn(*shape, generator=made, dtype=kind)


@pytest.mark.parametrize("large, small", SIZES)
@pytest.mark.parametrize("complex_", [False, True])
def test_dot_product(large, small, complex_):
    x, y = noise(2, 3, *large, complex_=complex_), noise(2, 3, *small, seed=1, complex_=complex_)
    low, back = crop(x, small), crop_adjoint(y, large)
    assert low.shape == y.shape and back.shape == x.shape and low.is_complex() == complex_
    left, right = torch.vdot(low.flatten(), y.flatten()), torch.vdot(x.flatten(), back.flatten())
    assert torch.allclose(left, right, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("large, small", SIZES)
def test_autograd_gives_the_adjoint(large, small):
    x, y = noise(*large).requires_grad_(), noise(*small, seed=1)
    (crop(x, small) * y).sum().backward()
    assert torch.allclose(x.grad, crop_adjoint(y, large), atol=1e-12)


@pytest.mark.parametrize("large, small", SIZES)
def test_replacing_projects_onto_the_images_with_that_low_resolution(large, small):
    x, y, axes = noise(2, *large), noise(2, *small, seed=1), len(small)
    assert torch.allclose(crop(fill(y, large), small), y, atol=1e-12)
    made = replace(x, y, axes)
    assert torch.allclose(crop(made, small), y, atol=1e-12)
    assert torch.allclose(replace(made, y, axes), made, atol=1e-12)
    # what is changed is orthogonal to every image whose low resolution is zero: the nearest image was taken
    other = noise(2, *large, seed=2)
    unseen = other - fill(crop(other, small), large)
    assert torch.allclose(((made - x) * unseen).sum(), torch.zeros((), dtype=torch.float64), atol=1e-9)


def test_nyquist_of_a_real_image_is_what_a_plain_cut_gives():
    """Against NumPy: shift, cut the middle of an axis, take the real part."""
    x = noise(16, 1).numpy()[:, 0]
    shifted = np.fft.fftshift(np.fft.fft(x))[4:12]
    plain = np.fft.ifft(np.fft.ifftshift(shifted)).real / 2
    assert np.allclose(crop(torch.from_numpy(x), (8,)).numpy(), plain)
    # below Nyquist nothing outside of the centre is touched, and on the other side nothing inside
    made = np.fft.fft(replace(torch.from_numpy(x), torch.zeros(8, dtype=torch.float64), 1).numpy())
    before = np.fft.fft(x)
    assert np.allclose(made[5:12], before[5:12]) and np.allclose(made[[0, 1, 2, 3, 13, 14, 15]], 0)


def test_scale_and_place_of_samples_are_kept():
    """A smooth wave is sampled at every second place, starting with the first."""
    place = torch.arange(16, dtype=torch.float64)
    wave = 0.5 + torch.cos(2 * torch.pi * (place - 3) / 16) + torch.sin(4 * torch.pi * place / 16)
    assert torch.allclose(crop(wave, (8,)), wave[::2], atol=1e-12)
    assert torch.allclose(fill(wave[::2], (16,)), wave, atol=1e-12)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="cannot crop"):
        crop(noise(4, 4), (8, 8))
    with pytest.raises(ValueError, match="cannot fill"):
        fill(noise(8, 8), (4, 4))
