"""Contours: Fourier series, order of points, rays, overlap, anchors, scores."""

import numpy as np
import pytest
import torch

from mlmi2023.cohorts.sources.simulators.ultrasound_contours.shapes import template
from mlmi2023.papers.ffpn.anchors import cluster
from mlmi2023.papers.ffpn.efd import decode, encode, extents, in_order
from mlmi2023.papers.ffpn.evaluate import measure
from mlmi2023.papers.ffpn.outlines import filled, from_rays, outline_of, rays_of, scaled
from mlmi2023.papers.ffpn.overlap import box_iou, contour_iou, polar_iou
from mlmi2023.papers.ffpn.polarmask import rays_to, shared_out


def series(seed=0, orders=7):
    rng = np.random.default_rng(seed)
    found = rng.normal(0, 1, (orders, 4)) / np.arange(1, orders + 1)[:, None] ** 2
    found[0] = [20, 1, 2, -15]
    return found, np.array([31.0, 27.5])


def circle(radius=10.0, x=32.0, y=32.0, count=128):
    angle = 2 * np.pi * np.arange(count) / count
    return np.stack([x + radius * np.sin(angle), y - radius * np.cos(angle)], 1)


@pytest.mark.parametrize("orders", [1, 4, 7])
def test_a_band_limited_contour_is_encoded_and_decoded_exactly(orders):
    coefficients, centre = series(orders=orders)
    points = decode(torch.from_numpy(coefficients), torch.from_numpy(centre), 128).numpy()
    found, place = encode(points, orders)
    assert np.abs(found - coefficients).max() < 1e-6 and np.abs(place - centre).max() < 1e-6
    again = decode(torch.from_numpy(found), torch.from_numpy(place), 128).numpy()
    assert np.abs(again - points).max() < 1e-6


def test_slots_are_those_of_equation_1():
    """a and c belong to the sine, b and d to the cosine; x comes first."""
    own = torch.tensor([[2.0, 3.0, 5.0, 7.0]], dtype=torch.float64)
    points = decode(own, torch.tensor([10.0, 20.0], dtype=torch.float64), 4)
    assert np.allclose(points, [[13, 27], [12, 25], [7, 13], [8, 15]])


def test_start_and_direction_do_not_matter():
    coefficients, centre = series()
    points = decode(torch.from_numpy(coefficients), torch.from_numpy(centre), 512).numpy()
    first = encode(in_order(points, 128), 7)[0]
    for other in (points[::-1], np.roll(points, 100, axis=0), np.roll(points[::-1], 37, axis=0)):
        assert np.abs(encode(in_order(other, 128), 7)[0] - first).max() < 0.02
    assert np.abs(encode(in_order(points + np.array([3, 4]), 128), 7)[0] - first).max() < 0.02


def test_a_contour_begins_above_its_centre_and_runs_clockwise():
    points = in_order(circle()[::-1], 128)
    assert np.allclose(points[0], [32, 22], atol=0.05) and np.allclose(points[32], [42, 32], atol=0.1)
    arch = in_order(10 * template("hook").points(720) + 32, 128)
    above = arch[np.abs(arch[:, 0] - arch[:, 0].mean()) < 1]
    assert arch[0, 1] == pytest.approx(above[:, 1].min(), abs=0.3), "the farthest of both crossings"


def test_outlines_of_masks_and_back():
    mask = np.zeros((64, 64), bool)
    mask[10:40, 12:50], mask[20:25, 20:25], mask[50:60, 50:60] = True, False, True
    points = outline_of(mask, 128)
    back = filled(points, (64, 64))
    assert back[10:40, 12:50].mean() > 0.99 and back[20:25, 20:25].all() and not back[50:].any()
    assert outline_of(np.zeros((8, 8), bool), 128) is None
    assert np.allclose(scaled(np.array([[31.5, 31.5]]), (64, 64), (32, 128)), [[63.5, 15.5]])


def test_extents_are_at_least_a_share_of_the_first_orders():
    own = torch.tensor([[3.0, 4.0, 0.0, 6.0], [0.0, 0.0, 0.3, 0.4]])
    assert torch.allclose(extents(own, 0.05), torch.tensor([[10.0, 12.0], [0.6, 1.0]]), atol=1e-4)


def test_rays_hold_a_circle_and_not_an_arch():
    lengths = rays_of(circle(), np.array([32.0, 32.0]), 36)
    assert np.allclose(lengths, 10, atol=0.02)
    assert np.abs(np.hypot(*(from_rays(lengths, np.array([32.0, 32.0])) - 32).T) - 10).max() < 0.02
    arch = 20 * template("hook").points(720) + 32
    mask = filled(arch, (96, 96))
    middle = np.argwhere(mask).mean(0)[::-1]
    held = filled(from_rays(rays_of(arch, middle, 36), middle), (96, 96))
    orders = filled(decode(*map(torch.from_numpy, encode(in_order(arch, 128), 7)), 128).numpy(), (96, 96))
    assert measure(orders, mask)["dice"] > max(88, measure(held, mask)["dice"] + 8)


def test_rays_in_torch_are_those_in_numpy():
    arch = np.stack([20 * template("hook").points(128) + 32, circle()]).astype(np.float32)
    places = np.array([[30.0, 25.0], [35.0, 30.0]], np.float32)
    found = rays_to(torch.from_numpy(arch), torch.from_numpy(places), 24, least=0.0)
    assert np.allclose(found, [rays_of(p, m, 24) for p, m in zip(arch, places)], atol=1e-3)


def test_overlap_of_contours():
    small, large = (torch.from_numpy(circle(r)) for r in (10.0, 14.0))
    centre = torch.tensor([32.0, 32.0], dtype=torch.float64)
    assert polar_iou(small, large, centre, "printed") == pytest.approx(10 / 14)
    assert polar_iou(small, large, centre, "released") == pytest.approx(1 - np.log(1.4))
    assert polar_iou(small, torch.from_numpy(circle(40.0)), centre, "released") == 0
    assert box_iou(small, large) == pytest.approx((10 / 14) ** 2, abs=1e-3)
    assert contour_iou(small, small, centre, "printed") == pytest.approx(1)
    assert contour_iou(small, large, centre, "printed") == pytest.approx((10 / 14) ** 3, abs=1e-3)
    beside = torch.from_numpy(circle(10.0, x=60.0))
    assert contour_iou(small, beside, centre, "printed") == 0


def test_anchors_are_the_middles_of_clusters_from_large_to_small():
    rng = np.random.default_rng(0)
    groups = [size * np.ones((20, 7, 4)) + rng.normal(0, 0.01, (20, 7, 4)) for size in (1.0, 5.0, 3.0)]
    found = cluster(np.concatenate(groups).astype(np.float32), 3)
    assert np.allclose(found, np.array([5, 3, 1])[:, None, None] * np.ones((3, 7, 4)), atol=0.02)
    assert cluster(np.ones((2, 7, 4), np.float32), 4).shape == (4, 7, 4)


def test_scores_of_masks():
    true, found = np.zeros((40, 30), bool), np.zeros((40, 30), bool)
    true[10:20, 10:20], found[10:20, 12:22] = True, True
    own = measure(found, true)
    assert own["dice"] == pytest.approx(80) and own["iou"] == pytest.approx(100 * 80 / 120)
    assert own["conf"] == pytest.approx(100 * (3 * 0.8 - 2) / 0.8) and own["hd"] == 2 and own["hd95"] == 2
    found[0, 0] = True
    assert measure(found, true)["hd"] > 12 and measure(found, true)["hd95"] < 6
    for missed in (measure(np.zeros_like(true), true), measure(true, np.zeros_like(true))):
        assert missed == {"dice": 0, "iou": 0, "conf": -100, "hd": 50, "hd95": 50}
    assert measure(np.zeros_like(true), np.zeros_like(true)) == {}
    hardly = np.zeros_like(true)
    hardly[19:30, 19:30] = True
    assert measure(hardly, true)["conf"] == -100


def test_a_cell_of_polarmask_learns_the_smallest_structure_and_each_structure_has_one():
    near = torch.tensor([[[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]]).bool()
    apart = torch.tensor([[1.0, 0, 2, 3, 4], [9, 1, 0, 1, 2], [9, 3, 0, 2, 1], [9, 9, 9, 9, 9]])[None]
    apart[0, 3] = torch.inf  # not in the image
    found = shared_out(near, apart, torch.tensor([[8.0, 5.0, 9.0, 1.0]]))
    assert found[0].int().tolist() == [[1, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]
