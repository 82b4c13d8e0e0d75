"""The example of whole heads with odd headers: who is paired, what is read, and what is said of them."""

from contextlib import nullcontext

import nibabel as nib
import numpy as np
import pytest

from mlmi2023.cohorts.find.index import index_cohort
from mlmi2023.cohorts.formats.volumes import check_same_grid, read_labels, read_volume
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.preprocessing.doubts import in_two_places
from preflight_root import ROOT

CONFIG = read_yaml(ROOT / "config/examples/whole_heads.yaml")["cohorts"]["heads"]
SHAPE, AFFINE = (10, 12, 8), np.diag([4.0, 4.0, 6.0, 1.0])
AXES = ("RAS", "LPS", "LAS", "PSR", "ASL", "LIA")


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    """Nine persons with two scans each, stored in other orientations, types and headers."""
    root = tmp_path_factory.mktemp("heads")
    draw = np.random.default_rng(0)
    for number in range(18):
        name = f"{number // 2 + 1:02d}_{('first', 'second')[number % 2]}"
        head = draw.integers(10, 1000, SHAPE).astype(np.int16)
        turn = nib.orientations.ornt_transform(
            nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(AXES[number % len(AXES)])
        )
        affine = AFFINE @ nib.orientations.inv_ornt_aff(turn, SHAPE)
        for ending, data in (("_T1w", head), ("_seg", (head > 500).astype(np.uint8))):
            stored = nib.orientations.apply_orientation(data, turn)
            if number == 3:
                stored = stored[..., None]  # one volume of a series
            image = nib.Nifti1Image(stored, affine)
            if number == 4 and ending == "_T1w":
                image.header.set_slope_inter(2.0, -50.0)
            if number == 5 and ending == "_T1w":  # a program moved the sform and left the qform
                moved = affine.copy()
                moved[:3, 3] += 40
                image.set_qform(affine, 1)
                image.set_sform(moved, 1)
            image.to_filename(root / f"{name}{ending}.nii.gz")
        np.save(root / f"{name}.npy", head)
    return root


def test_both_scans_of_a_person_are_on_one_side(heads):
    records = index_cohort("heads", CONFIG, heads)
    sides = {}
    for record in records:
        sides.setdefault(record.subject[:2], set()).add(record.split)
    assert len(records) == 18 and len(sides) == 9 and all(len(own) == 1 for own in sides.values())


def test_every_head_is_read_as_it_was_whatever_its_header(heads):
    for record in index_cohort("heads", CONFIG, heads):
        file = record.images["T1w"]
        head = np.load(file.replace("_T1w.nii.gz", ".npy")).astype(np.float32)
        scaled = record.subject == "03first"
        with pytest.warns(UserWarning, match="sform") if record.subject == "03second" else nullcontext():
            image = read_volume(file)
        np.testing.assert_allclose(image[0], 2 * head - 50 if scaled else head)
        labels = read_labels(record.labels)
        if record.subject != "03second":
            check_same_grid(image, labels, record.labels)
        assert (np.linalg.norm(image[1][:3, :3], axis=0) == [4, 4, 6]).all()


def test_the_header_that_says_two_things_is_named(heads):
    records = index_cohort("heads", CONFIG, heads)
    (line,) = in_two_places([record.images["T1w"] for record in records])
    assert "03_second_T1w.nii.gz: sform and qform lie up to 69 mm apart; the sform is used" in line
