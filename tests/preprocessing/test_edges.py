"""The letters at the edges of slices: R where the patient's right is, A where the front is."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import pytest

from mlmi2023.cohorts.formats.volumes import read_volume
from mlmi2023.cohorts.forms.aligned_scans import form as aligned
from mlmi2023.cohorts.forms.scans import form as scans
from mlmi2023.drawing.slices import PLANES, Volume, show

SHAPE = (20, 24, 16)
# the right side of the patient is bright, and so is the front
SIDES = np.indices(SHAPE).astype(np.float32)
IMAGE = 100 * (SIDES[0] > 14) + 80 * (SIDES[1] > 18) + np.random.default_rng(0).random(SHAPE, np.float32)


def stored(path, array, axes):
    """Write an array in RAS order with the axes on disk in another order."""
    codes = nib.orientations.axcodes2ornt
    turn = nib.orientations.ornt_transform(codes("RAS"), codes(axes))
    affine = np.diag([2.0, 2.0, 3.0, 1.0]) @ nib.orientations.inv_ornt_aff(turn, array.shape)
    nib.Nifti1Image(nib.orientations.apply_orientation(array, turn), affine).to_filename(path)
    return path


def brighter_edge(axes):
    """Return the letter at the brighter end of a picture, and the one at the other end, as they are drawn."""
    picture = axes.images[0]
    columns = np.asarray(picture.get_array(), float).mean(0)
    bright = columns[: len(columns) // 4].mean() < columns[-len(columns) // 4 :].mean()
    ends = axes.transData.transform([(0, 0), (len(columns) - 1, 0)])[:, 0]
    letters = sorted(
        (text.get_transform().transform(text.get_position())[0], text.get_text()) for text in axes.texts
    )
    letters = [text for _, text in letters if len(text) == 1]
    assert len(letters) == 2
    if ends[0] > ends[1]:  # an axis that runs to the left
        bright = not bright
    return tuple(letters[::-1] if bright else letters)


@pytest.mark.parametrize("axes", ["RAS", "LPS", "LIA", "PSR", "ASL"])
@pytest.mark.parametrize("plane", PLANES)
def test_letters_stand_on_the_right_sides(tmp_path, axes, plane):
    array, affine = read_volume(stored(tmp_path / "a.nii.gz", IMAGE, axes))
    figure, frame = plt.subplots()
    show(frame, Volume.of(array, affine), plane, (10, 12, 8))
    assert brighter_edge(frame) == (("A", "P") if plane == "sagittal" else ("R", "L"))
    plt.close(figure)


@pytest.mark.parametrize("form", [scans, aligned])
def test_sheets_of_scans_have_them_too(tmp_path, monkeypatch, form):
    labels = (IMAGE > 150).astype(np.uint8)
    for n in range(3):
        stored(tmp_path / f"s{n}.nii.gz", IMAGE, ("RAS", "LPS", "LIA")[n])
        stored(tmp_path / f"l{n}.nii.gz", labels, ("RAS", "LPS", "LIA")[n])
    group = {"image": "s{subject}.nii.gz", "labels": "l{subject}.nii.gz", "split": {"train": 2, "test": 1}}
    read = {"window": [0, 200], "groups": [group]}
    if form is aligned:
        read |= {"spacing": [2.0, 2.0, 3.0], "shape": list(SHAPE), "align": False}
    form.pack({"kind": "folder", "read": read}, tmp_path, tmp_path / "out", "mine")
    monkeypatch.setattr(plt, "close", lambda _: None)
    form.draw_samples(tmp_path / "out", tmp_path / "s.png")
    panels = [axes for axes in plt.gcf().axes if axes.images]
    assert len(panels) == 12 and {brighter_edge(axes) for axes in panels} == {("R", "L")}
    monkeypatch.undo()
    plt.close("all")
