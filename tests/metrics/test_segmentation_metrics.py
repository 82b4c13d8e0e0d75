"""Rates and distances against MONAI, SimpleITK and values by hand; empty masks; pooled against mean."""

import numpy as np
import pytest
import torch

from mlmi2023.metrics import segmentation as seg


def blobs(seed, shape=(24, 30)):
    rng = np.random.default_rng(seed)
    from scipy import ndimage

    return [ndimage.gaussian_filter(rng.normal(size=shape), 3) > 0.03 for _ in range(2)]


def test_rates_by_hand():
    found = np.array([[1, 1, 0, 0], [1, 0, 0, 2]])
    truth = np.array([[1, 0, 1, 0], [1, 0, 0, 1]])
    counts = seg.count(found, truth)
    assert counts == seg.Counts(tp=2, fp=1, fn=2, tn=3)
    values = seg.rates(counts)
    assert values["dice"] == pytest.approx(4 / 7) and values["iou"] == pytest.approx(2 / 5)
    assert values["sensitivity"] == pytest.approx(2 / 4) and values["specificity"] == pytest.approx(3 / 4)
    assert values["accuracy"] == pytest.approx(5 / 8) and values["precision"] == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="differ in shape"):
        seg.count(found, truth[:1])


@pytest.mark.parametrize("seed", range(3))
def test_rates_agree_with_simpleitk(seed):
    import SimpleITK as sitk

    a, b = blobs(seed)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*(sitk.GetImageFromArray(m.astype(np.uint8)) for m in (a, b)))
    values = seg.rates(seg.count(a.astype(int), b.astype(int)))
    assert values["dice"] == pytest.approx(overlap.GetDiceCoefficient())
    assert values["iou"] == pytest.approx(overlap.GetJaccardCoefficient())
    assert values["sensitivity"] == pytest.approx(1 - overlap.GetFalseNegativeError())


@pytest.mark.parametrize(("seed", "shape"), [(0, (24, 30)), (1, (24, 30)), (2, (10, 14, 12))])
def test_distances_agree_with_monai(seed, shape):
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    spacing = (0.7, 1.3, 2.0)[: len(shape)]
    a, b = blobs(seed, shape)
    one, two = (torch.from_numpy(m)[None, None].float() for m in (a, b))
    for share in (0.95, 1.0):
        theirs = compute_hausdorff_distance(one, two, percentile=100 * share, spacing=spacing)
        assert seg.voxel_hd95(a, b, spacing, share=share) == pytest.approx(float(theirs), rel=1e-5)
    theirs = compute_average_surface_distance(one, two, symmetric=True, spacing=spacing)
    assert seg.assd(a, b, spacing) == pytest.approx(float(theirs), rel=1e-5)
    assert seg.voxel_hd95(a, b, spacing, together=True) <= seg.voxel_hd95(a, b, spacing) + 1e-9


def test_a_shift_of_three_pixels_is_a_distance_of_three():
    import SimpleITK as sitk

    a = np.zeros((30, 30), bool)
    a[5:15, 5:15] = True
    assert seg.voxel_hd95(a, np.roll(a, 3, axis=1), share=1.0) == 3 and seg.voxel_hd95(a, a) == 0
    assert seg.voxel_hd95(a, np.roll(a, 3, axis=1), (1.0, 0.5), share=1.0) == 1.5
    classical = sitk.HausdorffDistanceImageFilter()
    classical.Execute(*(sitk.GetImageFromArray(m.astype(np.uint8)) for m in (a, np.roll(a, 3, axis=1))))
    assert classical.GetHausdorffDistance() == 3
    assert 0 < seg.assd(a, np.roll(a, 3, axis=1)) < 3


def test_empty_masks():
    none, some = np.zeros((4, 4), int), np.eye(4, dtype=int)
    neither = seg.rates(seg.count(none, none))
    assert np.isnan(neither["dice"]) and np.isnan(neither["sensitivity"]) and neither["accuracy"] == 1
    missed = seg.rates(seg.count(none, some))
    assert missed["dice"] == 0 and missed["sensitivity"] == 0 and np.isnan(missed["precision"])
    assert np.isnan(seg.rates(seg.count(some, np.ones((4, 4), int)))["specificity"])
    assert np.isnan(seg.voxel_hd95(none > 0, some > 0)) and seg.assd(some > 0, none > 0, missing=99.0) == 99


def test_pooled_rates_weigh_by_size_and_contributions_average_to_them():
    large = seg.Counts(tp=900, fp=50, fn=50, tn=9000)
    small = seg.Counts(tp=2, fp=8, fn=8, tn=9982)
    pooled, mean = seg.pooled([large, small]), np.mean([seg.rates(c)["dice"] for c in (large, small)])
    assert pooled["dice"] == pytest.approx(2 * 902 / (2 * 902 + 58 + 58)) and pooled["dice"] > mean + 0.3
    rng = np.random.default_rng(0)
    many = [seg.Counts(*(int(n) for n in rng.integers(1, 100, 4))) for _ in range(9)]
    for name, values in seg.pooled_contributions(many).items():
        assert values.shape == (9,) and values.mean() == pytest.approx(seg.pooled(many)[name])
    absent = seg.pooled_contributions([seg.Counts(0, 0, 0, 9)] * 2)
    assert np.isnan(absent["dice"]).all() and (absent["specificity"] == 1).all()
