"""Registration losses against brute force, hand-worked values and MONAI."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mlmi2023.fields.displacement import warp
from mlmi2023.losses.overlap import soft_dice, soft_dice_labels
from mlmi2023.losses.similarity import LNCC, box_sum
from mlmi2023.losses.smoothness import diffusion


def brute_force_cc(a, b, window, eps):
    half = window // 2
    pa, pb = np.pad(a, half), np.pad(b, half)
    result = np.zeros_like(a)
    for index in np.ndindex(a.shape):
        box = tuple(slice(i, i + window) for i in index)
        x, y = pa[box].ravel(), pb[box].ravel()
        cross = ((x - x.mean()) * (y - y.mean())).sum()
        result[index] = cross**2 / (((x - x.mean()) ** 2).sum() * ((y - y.mean()) ** 2).sum() + eps)
    return result


@pytest.mark.parametrize(("shape", "window"), [((7, 6, 8), 5), ((9, 10, 11), 9), ((8, 9), 3)])
def test_lncc_equals_brute_force(shape, window):
    rng = np.random.default_rng(1)
    a, b = rng.random(shape), rng.random(shape)
    expected = brute_force_cc(a, b, window, 1e-5)
    loss = LNCC(window)
    tensors = [torch.from_numpy(x)[None, None].float() for x in (a, b)]
    np.testing.assert_allclose(loss.cc(*tensors)[0, 0], expected, atol=1e-4)
    assert loss(*tensors).item() == pytest.approx(-expected.mean(), abs=1e-5)


def test_lncc_equals_monai():
    from monai.losses import LocalNormalizedCrossCorrelationLoss

    a, b = torch.rand(2, 1, 12, 11, 10), torch.rand(2, 1, 12, 11, 10)
    theirs = LocalNormalizedCrossCorrelationLoss(kernel_size=9, smooth_nr=0, smooth_dr=1e-5)(a, b)
    assert LNCC(9)(a, b).item() == pytest.approx(theirs.item(), abs=1e-5)


def test_lncc_falls_as_images_agree():
    generator = torch.Generator().manual_seed(0)
    image, other = (torch.rand(1, 1, 16, 16, 16, generator=generator) for _ in range(2))
    loss = LNCC(5)
    assert loss(image, image).item() == pytest.approx(-1, abs=1e-3)
    inner = loss.cc(3 - 2 * image, image)[..., 2:-2, 2:-2, 2:-2]  # beyond the border lies 0, not 3
    torch.testing.assert_close(inner, torch.ones_like(inner), atol=1e-3, rtol=0)
    assert loss(other, image) > -0.3


def test_lncc_gradient():
    generator = torch.Generator().manual_seed(3)
    a = torch.rand(1, 1, 6, 6, 6, generator=generator).requires_grad_()
    b = torch.rand(1, 1, 6, 6, 6, generator=generator)
    loss = LNCC(3)
    loss(a, b).backward()
    step, probe = 1e-2, torch.zeros_like(a)
    probe[0, 0, 2, 3, 0] = step
    change = (loss(a + probe, b) - loss(a - probe, b)).item() / (2 * step)
    assert a.grad is not None
    assert a.grad[0, 0, 2, 3, 0].item() == pytest.approx(change, rel=0.03)


def test_lncc_is_safe_in_half_precision_and_flat_regions():
    flat = torch.full((1, 1, 12, 12, 12), 0.9)
    noisy = torch.rand(1, 1, 12, 12, 12)
    for dtype in (torch.float16, torch.bfloat16):
        a = flat.to(dtype).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = LNCC()(a, noisy.to(dtype))
        loss.backward()
        assert loss.dtype == torch.float32
        assert torch.isfinite(loss)
        assert a.grad is not None
        assert torch.isfinite(a.grad).all()
    interior = LNCC(3).cc(flat, noisy)[0, 0, 1:-1, 1:-1, 1:-1]
    assert 0 <= interior.min() <= interior.max() < 1e-2


@pytest.mark.parametrize("window", [1, 3, 5, 7, 9, 11])
def test_box_sum_and_its_adjoint(window):
    x, y = (torch.rand(1, 2, 6, 13, 8, dtype=torch.float64) for _ in range(2))
    kernel = torch.ones(2, 1, window, window, window, dtype=torch.float64)
    expected = F.conv3d(x, kernel, padding=window // 2, groups=2)
    torch.testing.assert_close(box_sum(x, window), expected)
    torch.testing.assert_close((box_sum(x, window) * y).sum(), (x * box_sum(y, window)).sum())
    x = x[:, :, :4, :4, :4].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda t: box_sum(t, window), x)


def test_box_sum_wants_an_odd_window():
    with pytest.raises(ValueError, match="odd"):
        box_sum(torch.rand(1, 1, 4, 4, 4), 4)


def test_diffusion_by_hand():
    u = torch.zeros(1, 3, 3, 2, 2)
    u[0, 1, 2] = 3.0  # component 1 jumps by 3 in the second of two steps along axis 0
    # axis 0: 2 * 4 * 3 = 24 differences, 4 of them are 3; the other axes: none. Mean of three axes.
    assert diffusion(u).item() == pytest.approx((4 * 9 / 24) / 3)
    # in mm: 3 voxels of 2 mm over a distance of 4 mm
    assert diffusion(u, spacing=(4.0, 2.0, 1.0)).item() == pytest.approx((4 * 1.5**2 / 24) / 3)
    assert diffusion(torch.full((2, 3, 4, 4, 4), 7.0)).item() == 0
    assert torch.isfinite(diffusion(torch.rand(1, 3, 4, 4, 1)))


def test_soft_dice_by_hand():
    warped = torch.tensor([[[[0.5, 0.5, 0, 0]], [[0, 0, 0, 1.0]], [[0, 0, 0, 0]]]])
    fixed = torch.tensor([[[[1.0, 0, 0, 0]], [[0, 0, 1, 1]], [[0, 0, 0, 0]]]])
    # 2 * 0.5 / 2 and 2 * 1 / 3; the third structure is in neither
    assert soft_dice(warped, fixed).item() == pytest.approx((0.5 + 2 / 3) / 2)
    assert soft_dice(fixed, fixed).item() == pytest.approx(1)


@pytest.mark.parametrize("small", [0, 2**24], ids=["in chunks", "at once"])
def test_soft_dice_of_labels(monkeypatch, small):
    monkeypatch.setattr("mlmi2023.losses.overlap.SMALL", small)
    generator = torch.Generator().manual_seed(0)
    moving, fixed = (torch.randint(0, 6, (2, 1, 6, 7, 8), generator=generator) for _ in range(2))
    field = (0.4 * torch.randn(2, 3, 6, 7, 8, generator=generator)).requires_grad_()
    ids = [1, 2, 4, 5, 99]
    onehot = [torch.cat([(x == i).float() for i in ids], 1) for x in (moving, fixed)]
    whole = soft_dice(warp(onehot[0], field), onehot[1])
    (expected,) = torch.autograd.grad(whole, field)
    chunked = soft_dice_labels(moving, fixed, field, ids, chunk=2)
    (gradient,) = torch.autograd.grad(chunked, field)
    assert chunked.item() == pytest.approx(whole.item(), abs=1e-6)
    torch.testing.assert_close(gradient, expected, atol=1e-6, rtol=1e-4)
    with pytest.raises(ValueError, match="labels"):
        soft_dice_labels(moving, fixed, field, [])
