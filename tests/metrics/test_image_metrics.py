"""PSNR and SSIM against scikit-image and values worked out by hand."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from mlmi2023.metrics.image import psnr, psnr_each, ssim

SHAPES = [(40, 33), (17, 15, 19)]


def pair(shape, seed=0):
    rng = np.random.default_rng(seed)
    truth = ndimage.gaussian_filter(rng.random(shape), 1) * 3 - 1
    return truth + 0.1 * rng.standard_normal(shape), truth


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("data_range", [1.0, 3.7])
def test_equal_scikit_image(shape, data_range):
    image, truth = pair(shape)
    known = peak_signal_noise_ratio(truth, image, data_range=data_range)
    assert psnr(image, truth, data_range) == pytest.approx(known, abs=1e-6)
    known = structural_similarity(
        truth, image, data_range=data_range, gaussian_weights=True, use_sample_covariance=False, win_size=11
    )
    assert ssim(image, truth, data_range) == pytest.approx(known, abs=1e-6)
    known = structural_similarity(truth, image, data_range=data_range, win_size=7)
    assert ssim(image, truth, data_range, gaussian=False, window=7) == pytest.approx(known, abs=1e-6)


def test_ssim_by_its_definition():
    """One window in the middle of an 11 x 11 image: Wang et al., Eq. 13, without the library."""
    image, truth = pair((11, 11))
    line = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weights = np.outer(line, line) / line.sum() ** 2
    m, n = (weights * image).sum(), (weights * truth).sum()
    v, w = (weights * (image - m) ** 2).sum(), (weights * (truth - n) ** 2).sum()
    both = (weights * (image - m) * (truth - n)).sum()
    c, d = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    known = (2 * m * n + c) * (2 * both + d) / ((m * m + n * n + c) * (v + w + d))
    assert ssim(image, truth, 2.0) == pytest.approx(known, abs=1e-9)


def test_psnr_by_hand_and_of_a_batch():
    truth = torch.zeros(2, 4, 4)
    image = truth.clone()
    image[0] += 0.1
    image[1, :2] += 0.1
    assert psnr(image[0], truth[0], 1.0) == pytest.approx(20, abs=1e-5)
    assert psnr(image[0], truth[0], 10.0) == pytest.approx(40, abs=1e-5)
    assert psnr_each(image, truth, 1.0).tolist() == pytest.approx([20, 20 + 10 * np.log10(2)], abs=1e-4)
    assert psnr(truth, truth, 1.0) == float("inf")


@pytest.mark.parametrize("shape", SHAPES)
def test_masks_decide_where_is_looked(shape):
    image, truth = pair(shape)
    mask = np.zeros(shape, bool)
    mask[: shape[0] // 2] = True
    known = 10 * np.log10(1 / ((image - truth)[mask] ** 2).mean())
    assert psnr(image, truth, 1.0, mask) == pytest.approx(known)
    spoilt = image.copy()
    spoilt[-1] += 100
    assert psnr(spoilt, truth, 1.0, mask) == pytest.approx(known)
    assert ssim(image, truth, 1.0, mask) != ssim(image, truth, 1.0)
    everywhere = np.ones(shape, bool)
    assert ssim(image, truth, 1.0, everywhere) == pytest.approx(ssim(image, truth, 1.0))
    assert ssim(truth, truth, 1.0, mask) == pytest.approx(1)


def test_what_cannot_be_measured_is_refused():
    image, truth = pair((20, 20))
    for wrong in (
        lambda: psnr(image[1:], truth, 1.0),
        lambda: psnr(image, truth, 0.0),
        lambda: psnr(image, truth, 1.0, np.zeros((20, 20), bool)),
        lambda: ssim(image[:8, :8], truth[:8, :8], 1.0),
        lambda: psnr_each(torch.zeros(1, 2), torch.zeros(2, 2), 1.0),
    ):
        with pytest.raises(ValueError):
            wrong()
    edge = np.zeros((20, 20), bool)
    edge[0] = True
    with pytest.raises(ValueError, match="no whole window"):
        ssim(image, truth, 1.0, edge)
