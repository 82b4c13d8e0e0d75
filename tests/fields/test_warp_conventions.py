"""Our fields against ITK's: what a warp reads, in millimetres, on a grid with oblique and unequal axes.

The images are coordinates: three volumes whose values are x, y and z of the world. Linear interpolation is
exact on them, so the value after a warp says from where in the world it was read, whoever warped. A flipped
sign, a swapped axis, mm taken for voxels, RAS for LPS or a shift by half a voxel all show as millimetres.
"""

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from scipy import ndimage

from mlmi2023.classical.bridge import FLIP, load_ants, to_ants
from mlmi2023.classical.itk_fields import field_to_itk, field_to_voxels
from mlmi2023.fields.displacement import compose, integrate, warp
from mlmi2023.metrics.landmarks import move_points

SHAPE = (18, 22, 14)
TOLERANCE = 1e-3  # mm
INNER = (slice(4, -4), slice(4, -4), slice(4, -4))  # reads from inside the image alone


def oblique() -> np.ndarray:
    """Voxel to RAS mm: turned about two axes, the first axis running left, voxels of 1.5 x 0.9 x 2.2 mm."""
    a, b = np.deg2rad(17), np.deg2rad(-11)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ tilt @ np.diag([-1.5, 0.9, 2.2])
    affine[:3, 3] = (31.0, -12.5, 47.0)
    return affine


def voxels() -> np.ndarray:
    return np.stack(np.meshgrid(*[np.arange(n, dtype=float) for n in SHAPE], indexing="ij"))


def world(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Voxel coordinates (3, ...) to RAS mm."""
    return np.einsum("ij,j...->i...", affine[:3, :3], points) + affine[:3, 3].reshape(
        3, *[1] * (points.ndim - 1)
    )


def of_map(affine: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The field in voxels of a 4x4 map of fixed RAS mm to moving RAS mm."""
    pull = np.linalg.inv(affine) @ matrix @ affine
    return np.einsum("ij,jxyz->ixyz", pull[:3, :3] - np.eye(3), voxels()) + pull[:3, 3].reshape(3, 1, 1, 1)


def translation(affine):
    matrix = np.eye(4)
    matrix[:3, 3] = (1.3, -2.1, 0.8)  # mm to the right, back and up
    return of_map(affine, matrix)


def rotation(affine):
    angle = np.deg2rad(6)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    centre = world(affine, (np.array(SHAPE, float) - 1) / 2)
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre
    return of_map(affine, matrix)


def diffeomorphism(affine):
    noise = np.random.default_rng(4).standard_normal((3, *SHAPE))
    velocity = np.stack([ndimage.gaussian_filter(n, 3.0) for n in noise])
    velocity *= 1.5 / np.abs(velocity).max()
    return integrate(torch.from_numpy(velocity)[None].float(), 7)[0].double().numpy()


FIELDS = {"translation": translation, "rotation": rotation, "diffeomorphism": diffeomorphism}


@pytest.fixture(params=list(FIELDS))
def case(request):
    """The affine, a field in voxels, the coordinate images, and where our warp reads them, in RAS mm."""
    affine = oblique()
    u = FIELDS[request.param](affine).astype(np.float32)
    coordinates = world(affine, voxels())
    ours = warp(torch.from_numpy(coordinates)[None].float(), torch.from_numpy(u)[None])[0].numpy()
    return affine, u, coordinates, ours


def lps(affine: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    turned = FLIP @ affine
    spacing = np.linalg.norm(turned[:3, :3], axis=0)
    return spacing, turned[:3, :3] / spacing, turned[:3, 3]


def as_sitk(array: np.ndarray, affine: np.ndarray) -> sitk.Image:
    spacing, direction, origin = lps(affine)
    vector = array.ndim == 4
    image = sitk.GetImageFromArray(
        np.ascontiguousarray(array.transpose(2, 1, 0, *([3] if vector else []))), vector
    )
    image.SetSpacing(spacing.tolist())
    image.SetDirection(direction.ravel().tolist())
    image.SetOrigin(origin.tolist())
    return image


def test_our_warp_reads_where_the_field_points(case):
    affine, u, _, ours = case
    aim = world(affine, voxels() + u)
    assert np.abs(ours - aim)[(slice(None), *INNER)].max() < TOLERANCE
    moved = np.abs(u)[(slice(None), *INNER)].max()
    assert moved > 0.5  # there is something to get wrong


def test_ants_reads_the_same_places(case):
    affine, u, coordinates, ours = case
    ants = load_ants()
    spacing, direction, origin = lps(affine)
    vectors = field_to_itk(u, spacing, direction).astype(np.float32)
    field = ants.from_numpy(
        vectors, origin=origin.tolist(), spacing=spacing.tolist(), direction=direction, has_components=True
    )
    transform = ants.transform_from_displacement_field(field)
    for axis in range(3):
        image = to_ants(coordinates[axis], affine)
        theirs = transform.apply_to_image(image, image, interpolation="linear").numpy()
        assert np.abs(theirs - ours[axis])[INNER].max() < TOLERANCE


def test_ants_apply_transforms_on_files_reads_the_same_places(case, tmp_path):
    affine, u, coordinates, ours = case
    ants = load_ants()
    spacing, direction, origin = lps(affine)
    field = ants.from_numpy(
        field_to_itk(u, spacing, direction).astype(np.float32),
        origin=origin.tolist(), spacing=spacing.tolist(), direction=direction, has_components=True,
    )  # fmt: skip
    file = str(tmp_path / "warp.nii.gz")
    ants.image_write(field, file)
    for axis in range(3):
        image = to_ants(coordinates[axis], affine)
        theirs = ants.apply_transforms(image, image, [file], interpolator="linear").numpy()
        assert np.abs(theirs - ours[axis])[INNER].max() < TOLERANCE


def test_simpleitk_reads_the_same_places(case):
    affine, u, coordinates, ours = case
    spacing, direction, _ = lps(affine)
    field = as_sitk(field_to_itk(u, spacing, direction), affine)
    transform = sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64))
    for axis in range(3):
        image = as_sitk(coordinates[axis], affine)
        theirs = sitk.GetArrayFromImage(sitk.Resample(image, image, transform, sitk.sitkLinear)).transpose(
            2, 1, 0
        )
        assert np.abs(theirs - ours[axis])[INNER].max() < TOLERANCE


def test_points_go_where_simpleitk_sends_them(case):
    affine, u, _, _ = case
    spacing, direction, _ = lps(affine)
    field = as_sitk(field_to_itk(u, spacing, direction), affine)
    transform = sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64))
    points = np.random.default_rng(2).uniform(4, np.array(SHAPE) - 5, (20, 3))
    ours = world(affine, move_points(u, points).T).T
    starts = world(FLIP @ affine, points.T).T
    theirs = np.array([transform.TransformPoint(p.tolist()) for p in starts]) * [-1, -1, 1]
    assert np.abs(ours - theirs).max() < TOLERANCE


def test_composition_is_that_of_itk():
    """compose(u, v): v first, then u; ITK's composite applies the transform that was added last first."""
    affine = oblique()
    u, v = rotation(affine).astype(np.float32), diffeomorphism(affine).astype(np.float32)
    ours = compose(*(torch.from_numpy(f)[None] for f in (u, v)))[0].numpy()
    spacing, direction, _ = lps(affine)
    parts = []
    for field in (u, v):
        image = sitk.Cast(as_sitk(field_to_itk(field, spacing, direction), affine), sitk.sitkVectorFloat64)
        parts.append(sitk.DisplacementFieldTransform(image))
    both = sitk.CompositeTransform(parts)
    points = voxels()[(slice(None), *INNER)].reshape(3, -1).T[::7]
    theirs = np.array([both.TransformPoint(p.tolist()) for p in world(FLIP @ affine, points.T).T]) * [
        -1,
        -1,
        1,
    ]
    assert np.abs(world(affine, move_points(ours, points).T).T - theirs).max() < TOLERANCE


def test_a_field_survives_the_way_to_itk_and_back():
    affine = oblique()
    u = diffeomorphism(affine).astype(np.float32)
    spacing, direction, _ = lps(affine)
    back = field_to_voxels(field_to_itk(u, spacing, direction), spacing, direction)
    np.testing.assert_allclose(back, u, atol=1e-5)


@pytest.mark.parametrize("mistake", ["sign", "axes", "millimetres", "handedness"])
def test_the_tests_above_see_each_mistake(mistake):
    affine = oblique()
    u = translation(affine)
    spacing, direction, _ = lps(affine)
    right = field_to_itk(u, spacing, direction)
    wrong = {
        "sign": field_to_itk(-u, spacing, direction),
        "axes": field_to_itk(u[::-1], spacing, direction),
        "millimetres": field_to_itk(u, np.ones(3), direction),
        "handedness": right * [-1, -1, 1],
    }[mistake]
    assert np.linalg.norm(wrong - right, axis=-1).min() > 100 * TOLERANCE
