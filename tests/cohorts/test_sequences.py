"""The form of sequences: CAMUS's layout from small files, cutting and resizing, and what cannot be read."""

import nibabel as nib
import numpy as np
import pytest

from bad_inputs import damaged, reads_or_says, said
from mlmi2023.cohorts.forms import raw_files
from mlmi2023.cohorts.forms.sequences import form
from mlmi2023.cohorts.forms.sequences.files import read_frames, read_marks
from mlmi2023.cohorts.forms.sequences.listing import items
from mlmi2023.cohorts.forms.sequences.packing import squared
from mlmi2023.cohorts.forms.sequences.reader import open_sequences
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from preflight_root import ROOT

LAYOUT = read_yaml(ROOT / "resources/datasets/camus_sequences.yaml")


def write(path, array, spacing=0.3):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.diag([spacing, spacing, 1, 1])), path)


def patient(root, number, frames=4, shape=(40, 56), views=("2CH", "4CH")):
    """Write a patient as CAMUS has it: 40 columns, 56 rows; the square holds rows 8 to 47."""
    folder, name = root / f"database_nifti/patient{number:04d}", f"patient{number:04d}"
    rng = np.random.default_rng(number)
    for view in views:
        sequence = rng.integers(0, 255, (*shape, frames)).astype(np.uint8)
        write(folder / f"{name}_{view}_half_sequence.nii.gz", sequence)
        for mark, columns in (("ED", 12), ("ES", 8)):
            labels = np.zeros(shape, np.uint8)
            labels[10 : 10 + columns, 20:36] = 2
            labels[12:16, 22:30] = 1
            labels[:3, :12] = 3
            write(folder / f"{name}_{view}_{mark}_gt.nii.gz", labels)
        (folder / f"Info_{view}.cfg").write_text(f"ED: 1\nES: {frames}\nNbFrame: {frames}\nSex: F\n")
    return folder


def cohort(root, **more):
    own = {
        "kind": "dataset", "form": "sequences", "dataset": "camus_sequences", "root": str(root),
        "layout": LAYOUT, "read": {"size": 20}, "split": {"train": 1, "val": 1, "test": "rest"},
    }  # fmt: skip
    return merge(own, more)


def test_camus_is_read_cut_to_a_square_and_split_by_patient(tmp_path):
    for number in (1, 2, 3, 10):
        patient(tmp_path, number)
    setup = cohort(tmp_path)
    files = raw_files("camus", setup, tmp_path)
    assert len(files) == 4 * 2 * 4 and all(file.is_file() for file in files)
    form.pack(setup, tmp_path, tmp_path / "packed", "camus")
    found = open_sequences(tmp_path / "packed")
    assert found.subjects[:2] == ["patient0001_2CH", "patient0001_4CH"] and len(found.subjects) == 8
    sides = {group: {s for g, s in zip(found.groups, found.splits) if g == group} for group in found.groups}
    assert all(len(own) == 1 for own in sides.values()) and found.splits.count("test") == 4
    assert found.frames.shape == (32, 20, 20) and found.flow is None and not found.known
    assert found.spacings[0] == pytest.approx((0.6, 0.6)) and found.marks[0] == {"ED": 0, "ES": 3}
    # rows go down: label 2 of columns 10 to 21 and rows 20 to 35 of the file, of which 8 are cut away
    first = found.labels[0]
    assert set(np.unique(first)) == {0, 1, 2} and first[6:14, 5:11].all() and not first[:6].any()
    assert (first[7:11, 6:8] == 1).all() and not found.labels[1:3].any()
    form.draw_samples(tmp_path / "packed", tmp_path / "samples.png")
    assert len(list(form.looks(tmp_path / "packed"))) == 8


def test_450_of_500_patients_are_drawn_as_in_the_paper(tmp_path):
    setup = {key: value for key, value in cohort(tmp_path).items() if key != "split"}
    for number in range(1, 501):
        folder = tmp_path / f"database_nifti/patient{number:04d}"
        folder.mkdir(parents=True)
        for end in ("half_sequence", "ED_gt", "ES_gt"):
            (folder / f"patient{number:04d}_2CH_{end}.nii.gz").touch()
        (folder / "Info_2CH.cfg").touch()
    found = items("x", form.with_split(setup), form.read_key(setup), tmp_path)
    splits = [item.split for item in found]
    assert {split: splits.count(split) for split in set(splits)} == {"train": 360, "val": 45, "test": 45}
    assert all(file.exists() for file in raw_files("camus", setup, tmp_path))


def test_the_longer_side_is_cut_at_both_ends():
    array = np.arange(2 * 7 * 4).reshape(2, 7, 4)
    assert (squared(array) == array[:, 1:5]).all() and (
        squared(array.swapaxes(1, 2))[0] == array[0, 1:5].T
    ).all()


def test_what_is_missing_or_wrong_is_one_line(tmp_path):
    setup = cohort(tmp_path)
    said(lambda: raw_files("camus", setup, tmp_path), "no such file", "CAMUS", "creatis")
    folder = patient(tmp_path, 1)
    few = cohort(tmp_path, split={"train": 5})
    said(lambda: form.pack(few, tmp_path, tmp_path / "packed", "camus"), "asks for")
    setup = cohort(tmp_path)
    setup["split"] = {"test": "rest"}

    def again():
        form.pack(setup, tmp_path, tmp_path / "packed", "camus")

    (folder / "Info_4CH.cfg").write_text("ED: 1\nES: 9\n")
    said(again, "Info_4CH.cfg", "ES is '9'", "4 frames")
    (folder / "Info_4CH.cfg").unlink()
    said(again, "has no file", "Info_4CH.cfg")
    (folder / "Info_4CH.cfg").write_text("ED: 1\nES: 4\n")
    labels = folder / "patient0001_4CH_ES_gt.nii.gz"
    write(labels, np.full((40, 56), 7, np.uint8))
    said(again, "holds the value 7", "read.classes")
    write(labels, np.ones((30, 56), np.uint8))
    said(again, "has the shape (1, 56, 30)")
    write(labels, np.zeros((40, 56), np.uint8))
    said(again, "has no label")
    write(folder / "patient0001_2CH_half_sequence.nii.gz", np.full((40, 56, 4), 300, np.int16))
    said(again, "300", "0 to 255")


def test_damaged_files_are_one_line(tmp_path):
    write(tmp_path / "a.nii.gz", np.random.default_rng(0).integers(0, 255, (16, 16, 4)).astype(np.uint8))
    data, file = (tmp_path / "a.nii.gz").read_bytes(), tmp_path / "b.nii.gz"

    def read(copy):
        file.write_bytes(copy)
        read_frames(str(file))

    assert reads_or_says(read, damaged(data, 60)) < 30
    file.with_suffix(".cfg").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError):
        read_marks(str(file.with_suffix(".cfg")), 4)
