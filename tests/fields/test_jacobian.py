"""Folding measures on fields with known answers."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mlmi2023.fields.displacement import identity_grid, integrate
from mlmi2023.fields.jacobian import digital_folding, jacobian_determinant, sd_log_jacobian


def test_identity_and_translation_do_not_fold():
    for u in (np.zeros((3, 7, 8, 9), np.float32), np.full((3, 7, 8, 9), 2.5, np.float32)):
        folding = digital_folding(u)
        assert (folding.pct_fold, folding.pct_fold_central, folding.ndv) == (0, 0, 0)
        assert sd_log_jacobian(u) == 0
        assert torch.equal(jacobian_determinant(u), torch.ones(5, 6, 7))


def test_linear_map_has_its_determinant():
    matrix = np.array([[1.2, 0.3, 0.0], [-0.1, 0.9, 0.2], [0.0, 0.1, 1.1]])
    grid = identity_grid((6, 7, 8))[0].numpy()
    u = np.einsum("ij,jxyz->ixyz", matrix - np.eye(3), grid)
    np.testing.assert_allclose(jacobian_determinant(u), np.linalg.det(matrix), rtol=1e-4)
    assert sd_log_jacobian(u) == pytest.approx(0, abs=1e-4)
    assert digital_folding(u).pct_fold == 0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_mirror_inverts_everything(axis):
    u = np.zeros((3, 6, 7, 8), np.float32)
    u[axis] = -2 * identity_grid((6, 7, 8))[0, axis].numpy()
    folding = digital_folding(u)
    assert folding.pct_fold == folding.pct_fold_central == 100
    assert folding.ndv == pytest.approx(100)


def test_one_displaced_voxel_by_hand():
    """One voxel thrown t = 1.5 along x.

    Its 4 corner tetrahedra that open towards +x get the determinant 1 - t = -0.5, and so do the 4 of its
    neighbour at +x that open towards -x. Every middle tetrahedron with the voxel as a vertex has 2 - t or
    2 + t, which is positive. So 2 voxels fold and 8 tetrahedra of 0.5 / 6 are inverted, each in one of
    two cuts.
    """
    t = 1.5
    u = np.zeros((3, 9, 9, 9), np.float32)
    u[0, 4, 4, 4] = t
    folding = digital_folding(u)
    voxels = 7**3
    assert folding.pct_fold == pytest.approx(100 * 2 / voxels)
    assert folding.pct_fold_central == 0
    assert folding.ndv == pytest.approx(100 * (8 * 0.5 / 12) / voxels, rel=1e-5)


def test_ndv_equals_signed_volumes_of_tetrahedra():
    """Independent count: both cuts of every cube, volumes by numpy.linalg.det, on a wild field."""
    rng = np.random.default_rng(4)
    u = np.zeros((3, 8, 8, 8))
    u[:, 2:6, 2:6, 2:6] = rng.normal(0, 0.7, (3, 4, 4, 4))  # support away from the border
    position = u + identity_grid((8, 8, 8))[0].numpy()
    total = 0.0
    for cube in np.ndindex(7, 7, 7):
        for parity in (0, 1):
            corners = [c for c in np.ndindex(2, 2, 2) if sum(c) % 2 == parity]
            centre = [np.array(c) for c in corners]
            tetrahedra = [centre]
            for apex in (np.array(c) for c in np.ndindex(2, 2, 2) if sum(c) % 2 != parity):
                tetrahedra.append([apex] + [np.array(apex) ^ np.eye(3, dtype=int)[a] for a in range(3)])
            for points in tetrahedra:
                before = np.array([p - points[0] for p in points[1:]], float)
                after = [position[(slice(None), *(np.array(cube) + p))] for p in points]
                moved = np.array([p - after[0] for p in after[1:]])
                volume = np.linalg.det(moved) * np.sign(np.linalg.det(before)) / 6
                total += max(-volume, 0) / 2
    assert total > 0.5
    assert digital_folding(u).ndv == pytest.approx(100 * total / 6**3, rel=1e-4)


def test_checkerboard_is_caught_only_by_one_sided_differences():
    index = identity_grid((8, 8, 8))[0].sum(0)
    u = torch.zeros(3, 8, 8, 8)
    u[0] = torch.where(index % 2 == 0, 0.8, -0.8)  # central differences cancel along x
    folding = digital_folding(u)
    assert folding.pct_fold_central == 0
    assert folding.pct_fold == 100
    assert folding.ndv > 5


def one_sided(u):
    """The eight determinants at interior voxels by numpy, (8, X-2, Y-2, Z-2)."""
    position = u + identity_grid(u.shape[1:])[0].numpy()
    sides = []
    for axis in range(3):
        step = np.diff(position, axis=axis + 1)
        inner = [slice(None)] + [slice(1, -1)] * 3
        forward, backward = inner.copy(), inner.copy()
        forward[axis + 1], backward[axis + 1] = slice(1, None), slice(None, -1)
        sides.append((step[tuple(forward)], step[tuple(backward)]))
    found = [np.stack([sides[a][s[a]] for a in range(3)], axis=-1) for s in np.ndindex(2, 2, 2)]
    return np.linalg.det(np.moveaxis(np.stack(found), 1, -2))


def middle(u):
    """The two determinants of the tetrahedra in the middle by numpy, (2, X-2, Y-2, Z-2)."""
    position, [x, y, z] = u + identity_grid(u.shape[1:])[0].numpy(), (n - 2 for n in u.shape[1:])
    found = []
    for ends in ([(-1, -1, 0), (-1, 0, -1), (0, -1, -1)], [(1, 1, 0), (0, 1, 1), (1, 0, 1)]):
        near = position[:, 1:-1, 1:-1, 1:-1]
        far = [position[:, 1 + i : 1 + i + x, 1 + j : 1 + j + y, 1 + k : 1 + k + z] for i, j, k in ends]
        found.append(np.linalg.det(np.moveaxis([p - near for p in far], (0, 1), (-1, -2))))
    return np.stack(found)


def test_folded_voxels_are_those_with_a_one_sided_determinant_that_is_not_positive():
    """As the authors' code counts them: tetrahedra in the middle fold nothing, and enter the volume alone."""
    u = np.random.default_rng(3).normal(0, 0.35, (3, 24, 20, 18)).astype(np.float32)
    corners, ten = one_sided(u), np.concatenate([one_sided(u), middle(u)])
    folding, share = digital_folding(u), 100 * (corners <= 0).any(0).mean()
    assert 20 < share < 80 and 100 * (ten <= 0).any(0).mean() > share
    assert folding.pct_fold == pytest.approx(share)
    assert folding.ndv == pytest.approx(100 * np.maximum(-ten, 0).sum() / 12 / corners[0].size, rel=1e-4)
    assert folding.pct_fold_central < share


def test_smooth_diffeomorphism_does_not_fold():
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, 3, 5, 5, 5, generator=generator)
    velocity = F.interpolate(coarse, size=(24, 26, 28), mode="trilinear", align_corners=True)
    for _ in range(2):
        velocity = F.avg_pool3d(velocity, 5, 1, 2)
    u = integrate(2 * velocity)[0]
    assert u.abs().max() > 1.5
    folding = digital_folding(u)
    assert folding.pct_fold == 0
    assert folding.ndv == 0
    assert jacobian_determinant(u).min() > 0
    assert 0 < sd_log_jacobian(u) < 0.2


def test_sd_of_two_halves_by_hand():
    """det = 1 in one half and 2 in the other, log(4) and log(5), cut two voxels from each face."""
    u = np.zeros((3, 20, 6, 6), np.float32)
    x = np.arange(20)
    u[0] = np.where(x > 10, x - 10, 0)[:, None, None]
    det = np.where(x > 10, 2.0, 1.0)
    det[10] = 1.5
    assert sd_log_jacobian(u) == pytest.approx(np.log(det[2:-2] + 3).std(), rel=1e-5)


def test_mask_picks_the_region():
    u = np.zeros((3, 12, 6, 6), np.float32)
    u[0, 6:] = (-2 * np.arange(12))[6:, None, None]
    mask = np.zeros((12, 6, 6), bool)
    mask[8:] = True
    assert digital_folding(u, mask).pct_fold == 100
    assert digital_folding(u, ~mask).pct_fold < 60
    with pytest.raises(ValueError, match="mask"):
        digital_folding(u, mask[1:])


def test_thin_volumes_have_no_value():
    assert math.isnan(digital_folding(np.zeros((3, 8, 8, 2))).ndv)
    assert math.isnan(sd_log_jacobian(np.zeros((3, 8, 8, 4))))
