"""Dice, Hausdorff distance and landmark error against hand-worked values and other tools."""

import math

import numpy as np
import pytest

from mlmi2023.metrics.landmarks import move_points, tre_mm
from mlmi2023.metrics.overlap import dice_per_label, mean_over_labels
from mlmi2023.metrics.surface import _surface_areas, hausdorff, hd95_per_label


def test_dice_by_hand():
    a = np.array([[0, 1, 1, 2], [3, 0, 0, 2]], np.uint8)
    b = np.array([[0, 1, 2, 2], [0, 0, 0, 2]], np.int16)
    dice = dice_per_label(a, b, [1, 2, 3, 4])
    assert dice[1] == pytest.approx(2 / 3)
    assert dice[2] == pytest.approx(4 / 5)
    assert dice[3] == 0
    assert math.isnan(dice[4])
    assert mean_over_labels(dice) == pytest.approx((2 / 3 + 4 / 5) / 3)
    assert math.isnan(mean_over_labels({1: float("nan")}))
    with pytest.raises(ValueError, match="shape"):
        dice_per_label(a, b[:1], [1])


def test_dice_equals_simpleitk():
    import SimpleITK as sitk

    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 5, (9, 8, 7)).astype(np.uint8) for _ in range(2))
    filter_ = sitk.LabelOverlapMeasuresImageFilter()
    filter_.Execute(sitk.GetImageFromArray(a), sitk.GetImageFromArray(b))
    for label, value in dice_per_label(a, b, [1, 2, 3, 4]).items():
        assert value == pytest.approx(filter_.GetDiceCoefficient(label))


def test_surface_areas():
    """The table agrees with the published one for 2x2x2 neighbourhoods (as MONAI carries it)."""
    areas = _surface_areas()
    assert areas[0] == areas[255] == 0
    assert areas[1] == pytest.approx(math.sqrt(3) / 8)  # one corner cut off
    assert areas[0b00001111] == pytest.approx(1)  # a flat face
    from monai.metrics.utils import get_code_to_measure_table

    theirs, _ = get_code_to_measure_table((1, 1, 1))
    mirrored = [int(f"{code:08b}"[::-1], 2) for code in range(256)]  # they count corners from the other end
    np.testing.assert_allclose(areas, np.asarray(theirs)[mirrored], atol=1e-3)


def box(shape, start, stop):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(i, j) for i, j in zip(start, stop))] = True
    return mask


def test_hausdorff_of_shifted_boxes():
    a, b = box((20, 20, 20), (4, 5, 6), (10, 11, 12)), box((20, 20, 20), (7, 5, 6), (13, 11, 12))
    assert hausdorff(a, b, 1) == pytest.approx(3)
    assert hausdorff(a, b, 0.95) == pytest.approx(3)
    assert hausdorff(a, b, 0.3) == pytest.approx(0)
    assert hausdorff(a, a) == 0


def test_hd95_ignores_a_small_spike():
    a = box((40, 40, 40), (5, 5, 5), (25, 25, 25))
    b = a.copy()
    b[25:33, 15, 15] = True
    assert hausdorff(a, b, 1) > 6
    assert hausdorff(a, b, 0.95) == 0


def test_full_hausdorff_is_near_simpleitk():
    import SimpleITK as sitk

    rng = np.random.default_rng(2)
    grid = np.stack(np.meshgrid(*[np.arange(24)] * 3, indexing="ij"))
    for _ in range(3):
        a, b = (
            (((grid - rng.uniform(9, 14, 3)[:, None, None, None]) / rng.uniform(4, 8)) ** 2).sum(0) < 1
            for _ in range(2)
        )
        filter_ = sitk.HausdorffDistanceImageFilter()
        filter_.Execute(*(sitk.GetImageFromArray(m.astype(np.uint8)) for m in (a, b)))
        # Theirs runs over all voxels, ours over the surfaces between voxels.
        assert hausdorff(a, b, 1) == pytest.approx(filter_.GetHausdorffDistance(), abs=1.5)


def test_hd95_per_label_and_missing_structures():
    a, b = np.zeros((12, 12, 12), np.uint8), np.zeros((12, 12, 12), np.uint8)
    a[2:6, 2:6, 2:6], b[2:6, 2:6, 4:8] = 1, 1
    a[8:10, 8:10, 8:10] = 2
    hd = hd95_per_label(a, b, [1, 2, 3])
    assert hd[1] == pytest.approx(2)
    assert math.isnan(hd[2])
    assert math.isnan(hd[3])


def test_landmarks_move_with_the_field():
    rng = np.random.default_rng(0)
    shape = (8, 9, 10)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")).astype(float)
    matrix = np.array([[0.1, 0.02, 0], [0, -0.1, 0.05], [0.03, 0, 0.2]])
    u = np.einsum("ij,jxyz->ixyz", matrix, grid) + np.array([1, 2, 3])[:, None, None, None]
    fixed = rng.uniform(1, 6, (20, 3))
    moved = fixed + fixed @ matrix.T + [1, 2, 3]
    np.testing.assert_allclose(move_points(u, fixed), moved, atol=1e-9)
    np.testing.assert_allclose(tre_mm(u, fixed, moved, (1, 2, 3)), 0, atol=1e-9)
    error = tre_mm(u, fixed, moved + np.array([0, 1, 1]), (1, 2, 3))
    np.testing.assert_allclose(error, math.hypot(2, 3))
