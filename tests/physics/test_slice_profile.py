"""Slices of any thickness and overlap: exact integrals, adjoints, positions."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from mlmi2023.core.errors import InputError
from mlmi2023.physics.slice_profile import convolve, integrate, interpolate, slice_centres

# thickness and spacing, mm: no overlap, half of it, no multiple of a pixel, with gaps
PAIRS = [(5.0, 5.0), (5.0, 2.5), (3.7, 2.4), (2.5, 1.25), (3.0, 4.0)]


@pytest.mark.parametrize(("thickness", "spacing"), PAIRS)
def test_a_slice_is_the_integral_of_the_linear_interpolant(thickness, spacing):
    pixel, samples = 0.8, np.random.default_rng(1).standard_normal(40)
    centres = slice_centres(40 * pixel, thickness, spacing)
    found = integrate(40, pixel, centres, thickness)(torch.from_numpy(samples)[:, None])[:, 0]
    places = (np.arange(40) + 0.5) * pixel
    knots = places.tolist()
    for centre, value in zip(centres, found.tolist()):
        low, high = centre - thickness / 2, centre + thickness / 2
        inside = [low, *(k for k in knots if low < k < high), high]
        parts = [quad(np.interp, a, b, args=(places, samples))[0] for a, b in zip(inside, inside[1:])]  # noqa: RUF007
        assert value == pytest.approx(sum(parts) / thickness, abs=1e-9)


def test_a_box_of_known_height_and_thickness():
    # a plate 3 mm thick in a slice of 5 mm that holds it whole: 3/5 of its height
    plate = torch.zeros(30, 1, dtype=torch.float64)
    plate[12:15] = 100.0
    assert integrate(30, 1.0, np.array([13.5]), 5.0)(plate).item() == pytest.approx(60.0)
    # a ramp is read where the slice lies, whatever its thickness
    ramp = (torch.arange(30, dtype=torch.float64) + 0.5)[:, None]
    centres = np.array([5.3, 11.8, 20.05])
    assert integrate(30, 1.0, centres, 3.7)(ramp)[:, 0].tolist() == pytest.approx(centres.tolist())


def test_thick_slices_side_by_side_are_averaged_too():
    # the release reads slices without overlap at a point
    line = torch.zeros(20, 1)
    line[7] = 1.0
    found = integrate(20, 1.0, slice_centres(20, 5, 5), 5.0)(line)
    assert 0.15 < float(found.max()) < 0.25 and float(found.sum()) == pytest.approx(0.2, abs=1e-6)


def test_many_points_come_to_the_integral():
    centres = slice_centres(40, 3.7, 2.4)
    exact = integrate(40, 1.0, centres, 3.7).matrix
    errors = [np.abs(integrate(40, 1.0, centres, 3.7, points).matrix - exact).max() for points in (1, 9, 999)]
    assert errors[0] > 0.1 > errors[1] > errors[2] and errors[2] < 1e-4
    assert np.allclose(exact.sum(axis=1), 1)


@pytest.mark.parametrize(("thickness", "spacing"), PAIRS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_adjoints_by_dot_products(thickness, spacing, axis):
    centres = slice_centres(24.0, thickness, spacing)
    pair = [integrate(24, 1.0, centres, thickness), interpolate(centres, 24, 1.0), convolve(24, 5, 3)[0]]
    for operator in [*pair, pair[1] @ pair[0]]:
        rows, columns = operator.matrix.shape
        shape = [3, 4, 5]
        x, y = (
            torch.randn([*shape[:axis], n, *shape[axis + 1 :]], dtype=torch.float64) for n in (columns, rows)
        )
        assert torch.sum(operator(x, axis) * y).item() == pytest.approx(
            torch.sum(x * operator.adjoint(y, axis)).item(), rel=1e-10
        )


def test_banded_application_is_the_matrix_product():
    operator = interpolate(slice_centres(30, 5, 2.5), 30, 1.0) @ integrate(
        30, 1.0, slice_centres(30, 5, 2.5), 5
    )
    x = torch.randn(2, 30, 7, dtype=torch.float64)
    assert torch.allclose(operator(x), torch.from_numpy(operator.matrix) @ x)
    with pytest.raises(ValueError, match="takes 30 rows"):
        operator(x, 0)


def test_centres_fit_and_lie_in_the_middle():
    centres = slice_centres(64.0, 6.25, 3.125)
    assert np.allclose(np.diff(centres), 3.125)
    assert centres[0] - 3.125 >= -1e-9 and centres[-1] + 3.125 <= 64 + 1e-9
    assert centres[0] + centres[-1] == pytest.approx(64.0)
    # spacing is thickness less overlap: more overlap, more slices
    assert (
        len(slice_centres(64, 5, 5 - 3)) > len(slice_centres(64, 5, 5 - 2)) > len(slice_centres(64, 5, 5 + 2))
    )
    with pytest.raises(InputError, match="do not fit"):
        slice_centres(4.0, 5.0, 2.5)
    with pytest.raises(InputError, match="positive"):
        slice_centres(40.0, 5.0, 0.0)


def test_up_after_down_keeps_ramps_in_place():
    # half a pixel off, or stretched spacing, would tilt or shift it
    ramp = torch.arange(60, dtype=torch.float64)[:, None]
    for thickness, spacing in PAIRS[:4]:
        centres = slice_centres(60, thickness, spacing)
        back = (interpolate(centres, 60, 1.0) @ integrate(60, 1.0, centres, thickness))(ramp)
        inner = slice(8, 52)
        assert torch.allclose(back[inner], ramp[inner], atol=1e-9)


def test_a_strided_filter_matches_only_its_own_overlap():
    rows, places = convolve(30, 5, 3)
    image = torch.randn(30, 2, dtype=torch.float64)
    start = round(places[2] - 2.5)
    assert torch.allclose(rows(image)[2], image[start : start + 5].mean(0))
    assert np.allclose(np.diff(places), 3) and np.allclose(rows.matrix.sum(1), 1)
    with pytest.raises(InputError, match="does not fit"):
        convolve(4, 5, 3)
