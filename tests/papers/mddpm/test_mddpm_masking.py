"""The Masking Block: coverage, spectra that stay real, and what each kind leaves alone."""

import pytest
import torch

from mlmi2023.papers.mddpm.masking import (
    Masking,
    covering,
    drawn_patches,
    opposite,
    rectangles,
    released,
    spectral,
)
from mlmi2023.papers.mddpm.options import Released, Window
from mlmi2023.papers.mddpm.patched import drawn_window, windows


def batch(count=6, size=(24, 28)):
    torch.manual_seed(0)
    brain = torch.zeros(count, 1, *size, dtype=torch.bool)
    brain[:, :, 3:-4, 5:-3] = True
    return torch.rand(count, 1, *size) * 0.8 * brain + 0.1 * brain, brain


@pytest.mark.parametrize("size", [(8, 8), (9, 7), (8, 11)])
def test_a_symmetric_spectral_mask_is_its_own_adjoint_and_gives_real_images(size):
    torch.manual_seed(1)
    a, b = torch.randn(2, 3, 1, *size, dtype=torch.float64)
    keep = torch.rand(3, 1, *size) < 0.5
    keep = keep & opposite(keep)
    left, right = (spectral(a, keep) * b).sum(), (a * spectral(b, keep)).sum()
    assert float(left) == pytest.approx(float(right), abs=1e-9)
    whole = torch.fft.ifft2(torch.fft.fft2(a) * torch.fft.ifftshift(keep, (-2, -1)))
    assert float(whole.imag.abs().max()) < 1e-12
    assert torch.allclose(spectral(spectral(a, keep), keep), spectral(a, keep))
    assert torch.allclose(spectral(a, torch.ones_like(keep)), a)


def test_a_mask_that_is_not_symmetric_does_not():
    a = torch.randn(1, 1, 8, 8, dtype=torch.float64)
    keep = torch.ones(1, 1, 8, 8)
    keep[..., 2, 5] = 0
    assert (
        float(torch.fft.ifft2(torch.fft.fft2(a) * torch.fft.ifftshift(keep, (-2, -1))).imag.abs().max())
        > 1e-3
    )


@pytest.mark.parametrize("size", [(6, 6), (7, 5)])
def test_opposite_frequencies_lie_at_minus_k(size):
    spot = torch.zeros(1, 1, *size, dtype=torch.bool)
    spot[0, 0, size[0] // 2 + 1, size[1] // 2 + 2] = True
    found = opposite(spot)
    assert found.sum() == 1 and bool(found[0, 0, size[0] // 2 - 1, size[1] // 2 - 2])
    middle = torch.zeros_like(spot)
    middle[0, 0, size[0] // 2, size[1] // 2] = True
    assert torch.equal(opposite(middle), middle)


def test_patches_cover_the_share_that_is_asked_for():
    _, brain = batch(40)
    for share in (0.1, 0.5, 0.9):
        covered = drawn_patches(brain, (share, share), (0.09, 0.18), 400) & brain
        found = covered.flatten(1).sum(1) / brain.flatten(1).sum(1)
        assert bool((found >= share).all())
        assert float(found.mean()) < share + 0.05, "no more patches than needed"


def test_covering_takes_patches_in_their_order():
    area = torch.ones(1, 1, 1, 4, dtype=torch.bool)
    rows = torch.ones(1, 3, 1)
    columns = torch.tensor([[[1.0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]]])

    def covered(share, paired=False):
        return covering(rows, columns, area, torch.tensor([share]), paired).flatten().tolist()

    assert covered(0.0) == [False] * 4
    assert covered(0.2) == [True, False, False, False]
    assert covered(0.3) == [True, True, False, False]
    assert covered(0.9) == [True] * 4
    # of four columns the third is frequency 0, and the first its own opposite
    assert covered(0.3, True) == [True, True, False, True]


def test_a_share_that_cannot_be_covered_takes_all_patches():
    area = torch.ones(1, 1, 1, 4, dtype=torch.bool)
    columns = torch.tensor([[[1.0, 0, 0, 0], [0, 1, 0, 0]]])
    found = covering(torch.ones(1, 2, 1), columns, area, torch.tensor([0.9]))
    assert found.flatten().tolist() == [True, True, False, False]


def test_rectangles_have_the_sides_that_are_asked_for():
    _, brain = batch(20)
    rows, columns = rectangles(brain, (0.25, 0.25), 5)
    assert int(rows.sum(2).max()) == 6 and float(rows.sum(2).mean()) > 4
    assert int(columns.sum(2).max()) == 6  # of the height too
    middles = (columns * torch.arange(28)).sum(2) / columns.sum(2)
    assert float(middles.min()) >= 3 and float(middles.max()) <= 26 and float(middles.std()) > 3


@pytest.mark.parametrize("kind", ["ipm", "fpm", "fpmcm"])
def test_masks_change_the_foreground_alone_and_keep_the_range(kind):
    image, brain = batch()
    masked = Masking({"kind": kind})(image, brain)
    assert bool((masked[~brain] == 0).all())
    assert float(masked.min()) >= 0 and float(masked.max()) <= 1
    assert bool(((masked - image).abs().flatten(1).sum(1) > 0).all())
    if kind == "ipm":
        assert bool(((masked == 0) | (masked == image)).all())
    if kind == "fpmcm":
        same = (masked == image)[brain].float().mean()
        assert 0.1 < float(same) < 0.9


def test_frequency_patches_with_nothing_masked_return_the_image():
    image, brain = batch()
    assert torch.allclose(Masking({"kind": "fpm", "ratio": [0, 0]})(image, brain), image, atol=0.35)
    assert torch.equal(Masking(None)(image, brain), image)


def test_released_masks_paste_into_the_image():
    image, brain = batch(30)
    masked = released(image, brain, Released(kind="released", half=(2, 4), pasted=3))
    changed = (masked != image).flatten(1).float().mean(1)
    assert float(changed.min()) == 0 and 0 < float(changed.max()) < 0.3
    assert bool((masked[~brain] == 0).all())


def test_windows_cover_the_slice_and_one_is_drawn():
    keys = Window(side=0.5, grid=2)
    grid = torch.stack(windows(keys, (24, 28)))
    assert grid.shape == (4, 24, 28) and torch.equal(grid.sum(0), torch.ones(24, 28))
    torch.manual_seed(0)
    drawn = drawn_window(keys, torch.zeros(40, 1, 24, 28))
    assert bool((drawn.flatten(1).sum(1) == 12 * 14).all())
    assert len({tuple(mask.flatten().tolist()) for mask in drawn}) == 4
    assert "gaps" in Window(side=0.3, grid=3).wrong()
