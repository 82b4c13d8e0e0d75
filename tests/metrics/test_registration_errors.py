"""Landmark errors on fields that are known exactly, and the same with SimpleITK, in millimetres."""

import numpy as np
import pytest
import SimpleITK as sitk

from mlmi2023.cohorts.forms.phased_scans.reader import exhale_to_inhale, open_phased
from mlmi2023.metrics.registration_errors import landmark_errors, summarise
from phases_data import packed_phases

SHAPE, SPACING = (24, 20, 16), (0.97, 1.16, 2.5)
RNG = np.random.default_rng(0)
POINTS = RNG.uniform(3, np.array(SHAPE) - 4.0, (60, 3))  # between voxels


def grid():
    return np.stack(np.meshgrid(*[np.arange(n, dtype=float) for n in SHAPE], indexing="ij"))


def affine_field(matrix, shift):
    """The field in voxels of a map of fixed mm to moving mm, and the same map on points in voxels."""
    step = np.array(SPACING)

    def move(voxels):
        return ((voxels * step) @ matrix.T + shift) / step

    moved = move(grid().reshape(3, -1).T).T.reshape(3, *SHAPE)
    return moved - grid(), move


MATRIX = np.eye(3) + RNG.normal(0, 0.03, (3, 3))
SHIFT = np.array([2.0, -1.5, 3.0])


@pytest.mark.parametrize("matrix", [np.eye(3), MATRIX])
def test_a_known_map_is_free_of_error_and_a_known_offset_is_its_length(matrix):
    u, move = affine_field(matrix, SHIFT)
    goal = move(POINTS)
    assert landmark_errors(u, POINTS, goal, SPACING).max() < 1e-9
    # 1 voxel along each axis is 0.97, 1.16 and 2.5 mm
    for axis, step in enumerate(SPACING):
        off = goal + np.eye(3)[axis]
        assert landmark_errors(u, POINTS, off, SPACING) == pytest.approx(np.full(60, step))
    # the other direction of the field is wrong by twice the way
    still = np.zeros_like(u)
    before = landmark_errors(still, POINTS, goal, SPACING)
    assert before == pytest.approx(np.linalg.norm((goal - POINTS) * SPACING, axis=1))
    assert landmark_errors(-u, POINTS, goal, SPACING) == pytest.approx(2 * before)


def test_no_registration_of_a_translation_is_its_length_in_mm():
    errors = landmark_errors(np.zeros((3, *SHAPE)), POINTS, POINTS + np.array([3, 0, -2]), SPACING)
    assert errors == pytest.approx(np.full(60, np.hypot(3 * 0.97, 2 * 2.5)))


def test_simpleitk_moves_landmarks_to_the_same_places():
    u = affine_field(MATRIX, SHIFT)[0] + RNG.normal(0, 1.0, (3, *SHAPE))
    goal = POINTS + RNG.normal(0, 3, POINTS.shape)
    vectors = (u * np.array(SPACING).reshape(3, 1, 1, 1)).transpose(3, 2, 1, 0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(vectors), isVector=True)
    image.SetSpacing(SPACING)
    transform = sitk.DisplacementFieldTransform(sitk.Cast(image, sitk.sitkVectorFloat64))
    moved = [transform.TransformPoint((p * SPACING).tolist()) for p in POINTS]
    expected = np.linalg.norm(np.array(moved) - goal * SPACING, axis=1)
    assert landmark_errors(u, POINTS, goal, SPACING) == pytest.approx(expected, abs=1e-5)


def test_landmarks_that_one_image_lacks_are_left_out():
    fixed, moving = POINTS.copy(), POINTS + np.array([1, 0, 0])
    fixed[3], moving[5, 1] = np.nan, np.nan
    assert landmark_errors(np.zeros((3, *SHAPE)), fixed, moving, SPACING) == pytest.approx(np.full(58, 0.97))
    with pytest.raises(ValueError, match="do not correspond"):
        landmark_errors(np.zeros((3, *SHAPE)), fixed, moving[:-1], SPACING)
    with pytest.raises(ValueError, match="outside"):
        landmark_errors(np.zeros((3, *SHAPE)), POINTS + np.array([20, 0, 0]), POINTS, SPACING)


def test_summary_counts_what_is_below_the_limit():
    found = summarise(np.array([1.0, 1.2, 0.4, 3.4]), 1.2)
    assert found == pytest.approx((1.5, np.std([1.0, 1.2, 0.4, 3.4], ddof=1), 0.5, 4))
    assert summarise(np.array([2.0]), 1.2) == (2.0, 0.0, 0.0, 1)
    nothing = summarise(np.array([]), 1.2)
    assert np.isnan(nothing.mean) and nothing.landmarks == 0


def test_the_stand_in_s_truth_has_next_to_no_error():
    cohort = open_phased(packed_phases())
    [(moving, fixed)] = exhale_to_inhale(cohort, ["3"])
    u = cohort.truth("3").astype(np.float32)
    marks = cohort.landmarks[fixed], cohort.landmarks[moving]
    errors = {sign: landmark_errors(sign * u, *marks, cohort.spacing) for sign in (1, 0, -1)}
    assert summarise(errors[1], 1.2).below > 0.75 > summarise(errors[0], 1.2).below
    assert errors[1].mean() < errors[0].mean() < errors[-1].mean()
