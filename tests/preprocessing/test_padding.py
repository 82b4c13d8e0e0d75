"""Volumes in a larger grid: beyond an image lies what lies around its subject, not a grey border."""

import nibabel as nib
import numpy as np
import pytest

from mlmi2023.cohorts.formats.volumes import read_volume
from mlmi2023.preprocessing.resample import background
from mlmi2023.preprocessing.steps import load_records, run_step

GRID = {"shape": [30, 30, 30], "spacing": 4.0, "centre": "volume", "low": 0.5, "high": 99.5}


def ball(inside, outside, noise=0.0):
    axes = np.meshgrid(*[np.linspace(-1, 1, 20)] * 3, indexing="ij")
    array = np.where(sum(a**2 for a in axes) < 0.6, inside, outside)
    shades = np.random.default_rng(0).normal(0, 0.1 * abs(inside - outside), array.shape) * (array == inside)
    return (array + shades + np.random.default_rng(1).normal(0, 1, array.shape) * noise).astype(np.float32)


def on_grid(tmp_path, array, **keys):
    path = tmp_path / "sub.nii.gz"
    nib.save(nib.Nifti1Image(array, np.diag([4, 4, 4, 1.0])), path)
    record = {"subject": "01", "split": "train", "images": {"CT": str(path)}}
    record |= dict.fromkeys(("labels", "truth", "mask", "affine_xfm"))
    run_step("grid", [record], tmp_path, tmp_path / "out/batch-000", {**GRID, **keys}, 1)
    return read_volume(load_records(tmp_path / "out/batch-000")[0]["images"]["CT"])[0]


PADDED = np.s_[:4, :4, :4]  # of the grid, beyond the image
CORNER = np.s_[6:9, 6:9, 6:9]  # of the image, off the ball


@pytest.mark.parametrize(
    ("array", "value"),
    [
        (ball(100, 0), 0),  # stripped head
        (ball(2.0, 0) - ball(4.0, 0) * (np.arange(20) < 10), 0),  # stripped and centred: 0 lies in the middle
        (ball(100, 0, 1) ** 2, 0),  # magnitudes with noise
        (ball(40, -1000), -1000),
        (ball(40, -3024), -3024),  # the padding of a CT
    ],
)
def test_background_is_what_surrounds_the_subject(array, value):
    assert background(array) == value


def test_background_of_noisy_air_is_dark():
    assert -1100 < background(ball(40, -1000, 20)) < -1000


@pytest.mark.parametrize("noise", [0.0, 15.0])
def test_air_of_ct_is_continued(tmp_path, noise):
    found = on_grid(tmp_path, ball(40, -1000, noise))
    assert found[PADDED].max() == 0 and found[CORNER].max() < 0.2
    assert found[10:20, 10:20, 10:20].mean() > 0.4


def test_a_centred_image_is_padded_with_its_background(tmp_path):
    found = on_grid(tmp_path, ball(2.0, 0) - ball(4.0, 0) * (np.arange(20) < 10))
    assert np.ptp(found[PADDED]) == 0 and found[PADDED].max() == pytest.approx(found[CORNER].max(), abs=1e-6)
    assert 0.2 < found[PADDED].max() < 0.8


def test_what_lies_outside_may_be_said(tmp_path):
    assert on_grid(tmp_path, ball(40, -1000, 15.0), outside=40.0)[PADDED].min() > 0.5
