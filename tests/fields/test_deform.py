"""Displacement fields mean what they say: direction, axis, units, order of composition."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.interpolate import BSpline
from scipy.ndimage import map_coordinates

from mlmi2023.fields.bspline import CubicBSplineUpsample, cubic_basis, lattice_shape
from mlmi2023.fields.displacement import (
    compose,
    identity_grid,
    integrate,
    resize_displacement,
    warp,
    warp_labels,
)

SHAPE = (9, 10, 11)


def smooth_field(shape, amplitude, seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, len(shape), *[4] * len(shape), generator=generator)
    mode = "trilinear" if len(shape) == 3 else "bilinear"
    return amplitude * F.interpolate(coarse, size=shape, mode=mode, align_corners=True)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_translation_pulls_from_x_plus_u(axis):
    image = torch.rand(2, 3, *SHAPE)
    u = torch.zeros(1, 3, *SHAPE)
    u[:, axis] = 2
    warped = warp(image, u)
    n = SHAPE[axis]
    torch.testing.assert_close(
        warped.narrow(axis + 2, 0, n - 2), image.narrow(axis + 2, 2, n - 2), atol=1e-5, rtol=0
    )
    assert warped.narrow(axis + 2, n - 2, 2).abs().max() < 1e-5
    edge = warp(image, u, padding="border").narrow(axis + 2, n - 2, 2)
    torch.testing.assert_close(edge, image.narrow(axis + 2, n - 1, 1).expand_as(edge), atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [SHAPE, (12, 7)])
def test_warp_equals_scipy(shape):
    image = torch.rand(1, 1, *shape)
    u = smooth_field(shape, 2.0)
    points = (identity_grid(shape) + u)[0].numpy()
    inside = np.all([(p > 0) & (p < n - 1) for p, n in zip(points, shape)], axis=0)
    assert inside.mean() > 0.3
    expected = map_coordinates(image[0, 0].numpy(), points, order=1)
    np.testing.assert_allclose(warp(image, u)[0, 0].numpy()[inside], expected[inside], atol=1e-5)


def test_labels_keep_their_type_and_values():
    labels = torch.randint(0, 300, (1, 1, *SHAPE), dtype=torch.int16)
    assert torch.equal(warp(labels, torch.zeros(1, 3, *SHAPE), "nearest"), labels)
    u = torch.zeros(1, 3, *SHAPE)
    u[:, 2] = 0.6
    moved = warp(labels, u, "nearest")
    assert moved.dtype == torch.int16
    assert torch.equal(moved[..., :-1], labels[..., 1:])
    with pytest.raises(ValueError, match="nearest"):
        warp(labels, u)


def test_two_corners_of_a_label_outweigh_the_nearest():
    """0.4 along both axes: weights 0.36, 0.24, 0.24 and 0.16 of the labels 1, 2, 2 and 3."""
    labels = torch.tensor([[1, 2], [2, 3]], dtype=torch.int16)[None, None]
    u = torch.full((1, 2, 2, 2), 0.4)
    assert warp_labels(labels, u)[0, 0, 0, 0] == 1
    assert warp_labels(labels, u, "bilinear")[0, 0, 0, 0] == 2
    u = torch.full((1, 2, 2, 2), -0.6)  # 0.16 of label 1 inside, the rest beyond the edge
    assert warp_labels(labels, u, "bilinear")[0, 0, 0, 0] == 1
    assert warp_labels(labels, u - 1, "bilinear")[0, 0, 0, 0] == 0


def test_linear_labels_equal_masks_by_scipy_of_which_the_largest_wins():
    labels = torch.randint(0, 6, (1, 1, *SHAPE), dtype=torch.uint8) * 40
    u = smooth_field(SHAPE, 2.0)
    points = (identity_grid(SHAPE) + u)[0].numpy()
    values = [0, 40, 80, 120, 160, 200]
    masks = [map_coordinates((labels[0, 0].numpy() == v) * 1.0, points, order=1) for v in values]
    two = np.sort(masks, axis=0)[-2:]
    clear = two[1] - two[0] > 1e-4
    inside = np.all([(p > 0) & (p < n - 1) for p, n in zip(points, SHAPE)], axis=0)
    ours = warp_labels(labels, u, "bilinear")
    assert ours.dtype == torch.uint8 and (clear & inside).mean() > 0.3
    expected = np.array(values)[np.argmax(masks, axis=0)]
    assert (ours[0, 0].numpy() == expected)[clear & inside].all()
    assert (warp_labels(labels, u)[0, 0].numpy() != expected)[clear & inside].mean() > 0.05
    assert torch.equal(warp_labels(labels, 0 * u, "bilinear"), labels)


def test_coordinates_stay_float32_under_autocast():
    ramp = torch.arange(300.0).view(1, 1, 300, 1, 1).expand(1, 1, 300, 2, 2)
    u = torch.full((1, 3, 300, 2, 2), 0.0)
    u[:, 0] = 0.3
    with torch.autocast("cpu", dtype=torch.bfloat16):
        warped = warp(ramp, u)
        assert integrate(u.bfloat16()).dtype == torch.float32
    assert warped.dtype == torch.float32
    torch.testing.assert_close(warped[0, 0, :-1, 0, 0], ramp[0, 0, :-1, 0, 0] + 0.3, atol=1e-3, rtol=0)


def test_shapes_that_do_not_belong_together():
    with pytest.raises(ValueError, match="cannot warp"):
        warp(torch.rand(1, 1, *SHAPE), torch.zeros(1, 2, *SHAPE))


def test_compose_is_u_after_v():
    """Non-commuting maps with exact answers: a scaling about the origin and a translation."""
    grid = identity_grid((12, 12, 12))
    double, shift = grid.clone(), torch.full_like(grid, 2.0)
    expected = grid + 2 + 2  # x + 2, then doubled: 2x + 4
    inner = (slice(None), slice(None), *[slice(0, 9)] * 3)
    torch.testing.assert_close(compose(double, shift)[inner], expected[inner], atol=1e-4, rtol=0)
    torch.testing.assert_close(compose(shift, double)[inner], (grid + 2)[inner], atol=1e-4, rtol=0)


def test_warping_by_a_composition_is_warping_twice():
    shape = (24, 24, 24)
    image = (identity_grid(shape) / 6).sin().prod(1, keepdim=True)
    u, v = smooth_field(shape, 1.5, 1), smooth_field(shape, 1.5, 2)
    inner = (slice(None), slice(None), *[slice(6, -6)] * 3)
    once, twice = warp(image, compose(u, v)), warp(warp(image, u), v)
    other = warp(image, compose(v, u))
    assert (once - twice)[inner].abs().max() < 0.02
    assert (other - twice)[inner].abs().max() > 0.05


def test_integrate_solves_the_flow():
    """dx/dt = a (x - c): x(1) = c + exp(a) (x0 - c); its inverse belongs to -a."""
    grid = identity_grid((17, 17, 17))
    centre, rate = 8.0, 0.2
    velocity = rate * (grid - centre)
    u = integrate(velocity)
    inner = (slice(None), slice(None), *[slice(3, -3)] * 3)
    expected = (np.exp(rate) - 1) * (grid - centre)
    torch.testing.assert_close(u[inner], expected[inner], atol=2e-3, rtol=0)
    back = compose(integrate(-velocity), u)
    assert back[inner].abs().max() < 5e-3


def test_resized_field_has_values_in_new_voxels():
    u = torch.ones(1, 3, 5, 5, 5)
    resized = resize_displacement(u, (9, 5, 17))
    np.testing.assert_allclose(resized.amax((0, 2, 3, 4)), [2, 1, 4])
    ramp = 0.5 * identity_grid((6, 7, 8))
    torch.testing.assert_close(resize_displacement(ramp, (11, 13, 15)), 0.5 * identity_grid((11, 13, 15)))
    flat = torch.ones(1, 2, 1, 4)
    assert torch.isfinite(resize_displacement(flat, (1, 8))).all()


def test_warp_is_differentiable():
    """On a ramp along one axis the derivative by the field is the slope, for that channel alone."""
    image = 0.5 * identity_grid((6, 6, 6))[:, 1:2]
    u = torch.full((1, 3, 6, 6, 6), 0.3, requires_grad=True)
    warp(image, u).sum().backward()
    assert u.grad is not None
    inner = u.grad[0, :, 1:-1, 1:-1, 1:-1]
    torch.testing.assert_close(inner[1], torch.full_like(inner[1], 0.5), atol=1e-4, rtol=0)
    assert inner[[0, 2]].abs().max() < 1e-4


# --- B-splines -------------------------------------------------------------------------------------


def test_lattice_shape_of_the_paper():
    assert lattice_shape((160, 192, 224), 3) == (56, 67, 78)
    assert lattice_shape((160, 192, 224), (3, 4, 5)) == (56, 51, 48)


@pytest.mark.parametrize(("shape", "spacing"), [((10, 8, 13), 3), ((9, 12), (2, 5))])
def test_bspline_equals_scipy(shape, spacing):
    up = CubicBSplineUpsample(spacing, shape)
    control = torch.randn(1, 2, *up.lattice, dtype=torch.float64)
    expected = control.numpy()
    for axis, (n, m, s) in enumerate(zip(shape, up.lattice, up.spacing)):
        knots = np.arange(-2, m + 2) - 1.0  # basis i is centred on i - 1
        spline = BSpline(knots, np.moveaxis(expected, axis + 2, 0), 3)
        expected = np.moveaxis(spline(np.arange(n) / s), 0, axis + 2)
    np.testing.assert_allclose(up(control).numpy(), expected, atol=1e-5)


def test_bspline_equals_the_transposed_convolution():
    shape, spacing = (10, 8, 13), 3
    up = CubicBSplineUpsample(spacing, shape)
    control = torch.randn(2, 3, *up.lattice)
    line = cubic_basis(torch.arange(1 - 2 * spacing, 2 * spacing) / spacing)
    kernel = torch.einsum("i,j,k->ijk", line, line, line).expand(3, 1, -1, -1, -1)
    dense = F.conv_transpose3d(control, kernel, stride=spacing, padding=2 * spacing - 1, groups=3)
    cropped = dense[..., spacing:, spacing:, spacing:][..., : shape[0], : shape[1], : shape[2]]
    torch.testing.assert_close(up(control), cropped, atol=1e-5, rtol=1e-5)


def test_bspline_reproduces_constants_and_ramps():
    shape, spacing = (11, 12, 10), 3
    up = CubicBSplineUpsample(spacing, shape)
    ones = up(torch.ones(1, 1, *up.lattice))
    torch.testing.assert_close(ones, torch.ones_like(ones))
    ramp = (identity_grid(up.lattice) - 1) * spacing
    torch.testing.assert_close(up(ramp), identity_grid(shape), atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="lattice"):
        up(torch.zeros(1, 3, 4, 4, 4))
