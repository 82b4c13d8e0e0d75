"""Images of one patient on grids of their own: registered, brought to one grid, chosen among series."""

import numpy as np
import pytest

from bad_inputs import said
from dicom_slices import write_series
from mlmi2023.cohorts.formats.mr_series import read_mr_series
from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.registered_scans.aligning import bring
from mlmi2023.cohorts.forms.registered_scans.form import pack, raw_files, read_key
from mlmi2023.cohorts.forms.registered_scans.listing import list_patients
from mlmi2023.cohorts.forms.registered_scans.options import Read
from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.core.options import options
from mlmi2023.preprocessing.resample import grid_affine

MODALITY, POSITION = (0x8, 0x60), (0x20, 0x32)
KEYS = {
    "images": {"fine": "{subject}_fine.nii.gz", "thick": "{subject}_thick.nii.gz"},
    "labels": "{subject}_seg.nii.gz",
    "reference": "fine",
    "spacing": [2.0, 2.0, 2.0],
    "shape": [20, 18, 16],
}


def key(**own):
    return options(Read, {**KEYS, **own}, "config", "read")


def scene(shape, spacing, shift=(0.0, 0.0, 0.0)):
    """Return an image of two blobs about the origin, moved by ``shift`` mm, and its affine."""
    affine = grid_affine(shape, spacing, np.zeros(3))
    x, y, z = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing)], indexing="ij")
    x, y, z = x - shift[0], y - shift[1], z - shift[2]
    big = np.exp(-((x / 9) ** 2 + (y / 6) ** 2 + (z / 7) ** 2))
    return (100 * big + 60 * np.exp(-(((x - 6) / 3) ** 2 + ((y + 4) / 3) ** 2 + ((z - 5) / 3) ** 2))), affine


def patient(shift=(0.0, 0.0, 0.0)):
    fine, thick = scene((24, 22, 20), (1.7, 1.7, 1.7)), scene((24, 24, 9), (1.7, 1.7, 4.5), shift)
    return {"fine": fine, "thick": (-thick[0], thick[1])}, ((fine[0] > 40).astype(np.uint8), fine[1])


def test_registration_finds_what_headers_do_not_know():
    images, labels = patient((3.0, -2.0, 2.0))
    still = bring(images, labels, key(register={"transform": "none"}))
    found = bring(
        images, labels, key(register={"transform": "rigid", "share": 1.0, "shrink": [1], "smooth": [0.0]})
    )
    assert still.shifts == {"thick": 0.0} and abs(found.shifts["thick"] - 17**0.5) < 1.0
    match = {
        name: np.corrcoef(own.images["fine"].ravel(), own.images["thick"].ravel())[0, 1]
        for name, own in (("still", still), ("found", found))
    }
    # the contrast of the other image is turned round
    assert match["found"] < match["still"] < 0 and match["found"] < -0.95
    assert np.array_equal(still.images["fine"], found.images["fine"]) and found.labels.shape == (20, 18, 16)


def test_neighbours_give_old_values_alone_and_lines_give_new_ones():
    images, labels = patient()
    thick = images["thick"][0].astype(np.float32)
    kept = {}
    for how in ("nearest", "linear"):
        brought = bring(images, labels, key(interpolation=how, register={"transform": "none"}))
        inside = brought.images["thick"][brought.inside["thick"]]
        kept[how] = np.isin(inside, thick).mean()
    assert kept["nearest"] == 1.0 and kept["linear"] < 0.2


def test_labels_come_to_the_grid_by_their_place_in_the_world():
    images, _ = patient()
    own = grid_affine((10, 10, 10), (4.0, 4.0, 4.0), np.array([6.0, 0.0, 0.0]))  # coarse, and off the middle
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[4:6, 4:6, 4:6] = 2
    brought = bring(images, (labels, own), key(register={"transform": "none"}))
    grid = grid_affine((20, 18, 16), (2.0, 2.0, 2.0), np.zeros(3))
    spots = np.argwhere(brought.labels == 2).mean(axis=0)
    assert np.allclose(grid[:3, :3] @ spots + grid[:3, 3], [6.0, 0.0, 0.0], atol=1.0)
    assert set(np.unique(brought.labels)) == {0, 2} and (brought.labels == 2).sum() == 64


def folder(root, subjects=("p1", "p2", "p10")):
    for number, subject in enumerate(subjects):
        images, labels = patient((0.5 * number, 0.0, 0.0))
        for name, (array, affine) in images.items():
            write_volume(root / f"{subject}_{name}.nii.gz", array.astype(np.float32), affine)
        write_volume(root / f"{subject}_seg.nii.gz", *labels)
    return root


def test_patients_are_packed_as_scans_with_folds_and_scaled_images(tmp_path):
    read = {**KEYS, "register": {"iterations": 5}, "labels_kept": {1: 1}}
    config = {"kind": "folder", "read": read, "folds": {"count": 3, "seed": 0}, "label_names": {1: "gland"}}
    root = folder(tmp_path / "raw")
    assert len(raw_files(config, root)) == 9
    pack(config, root, tmp_path / "packed", "mine")
    scans = open_scans(tmp_path / "packed")
    assert scans.subjects == ["p1", "p2", "p10"] and sorted(scans.folds) == [0, 1, 2]
    assert scans.modalities == ["fine", "thick"] and scans.label_names == {1: "gland"}
    assert scans.shapes[0] == (20, 18, 16) and scans.spacings[0] == (2.0, 2.0, 2.0)
    image = scans.image(0, "fine").astype(float)
    assert abs(image.mean()) < 0.02 and abs(image.std() - 1) < 0.05
    # beyond an image's field of view lies 0, in it never
    thick = scans.image(0, "thick")
    assert (image != 0).all() and thick.shape == image.shape
    assert np.corrcoef(image.ravel(), np.asarray(scans.labels(0)).ravel())[0, 1] > 0.6


def test_splits_come_from_counts_or_from_a_simulator(tmp_path):
    root = folder(tmp_path)
    rows = list_patients("c", {}, key(split={"train": 2, "test": "rest"}), root)
    assert [(row.subject, row.split) for row in rows] == [("p1", "train"), ("p2", "train"), ("p10", "test")]
    (root / "patients.csv").write_text(
        "subject,split,scanner,cancer\np1,test,b,true\np2,train,a,true\np10,val,a,false\n"
    )
    rows = list_patients("c", {}, key(), root)
    assert [(row.split, row.site) for row in rows] == [("test", "b"), ("train", "a"), ("val", "a")]


def series(root, name, change=None, **keys):
    change = {None: {MODALITY: ("CS", "MR")}, **(change or {})}
    return write_series(root / name, change, **keys)


def test_a_series_of_mr_is_read_and_of_ct_refused(tmp_path):
    image, affine = read_mr_series(series(tmp_path, "mr"))
    assert image.shape == (16, 16, 8) and np.allclose(np.abs(np.diag(affine)[:3]), [1, 1, 2.5])
    write_series(tmp_path / "ct")
    said(lambda: read_mr_series(tmp_path / "ct"), "'CT', not MR")
    # slices that are missing are not closed over
    lost = series(tmp_path, "lost")
    (lost / "s3.dcm").unlink()
    said(lambda: read_mr_series(lost), "s2.dcm and s4.dcm")
    (tmp_path / "none").mkdir()
    said(lambda: read_mr_series(tmp_path / "none"), "no series")


def test_of_several_series_the_first_the_last_or_that_of_the_labels_counts(tmp_path):
    root = tmp_path / "PROSTATEx/ProstateX-0004/study"
    moved = {n: {POSITION: ("DS", f"-8\\-8\\{2.5 * n + 40:g}")} for n in range(8)}
    series(root, "3.000000-t2tsetra-1")
    series(root, "10.000000-t2tsetra-2", moved)
    for number in (5, 20, 7):
        series(root, f"{number}.000000-tfl3d dynamisch fast-9")
    _, affine = read_mr_series(root / "10.000000-t2tsetra-2")
    labels = np.zeros((16, 16, 8), np.uint8)
    labels[4:12, 4:12, 2:6] = 3
    write_volume(tmp_path / "zones/ProstateX-0004.nii.gz", labels, affine)
    read = {
        "images": {
            "T2": "PROSTATEx/{subject}/*/*t2tsetra*/*.dcm",
            "first": "PROSTATEx/{subject}/*/*tfl3d dynamisch*/*.dcm",
            "last": "PROSTATEx/{subject}/*/*tfl3d dynamisch*/*.dcm",
        },
        "labels": "zones/{subject}.nii.gz",
        "reference": "T2",
        "choose": {"T2": "labels", "first": "first", "last": "last"},
        "register": {"transform": "none"},
        "spacing": [1.0, 1.0, 2.5],
        "shape": [16, 16, 8],
        "labels_kept": {3: 1},
    }
    (row,) = list_patients("c", {}, options(Read, read, "c", "read"), tmp_path)
    numbers = {
        name: [path.split("/")[-1].split(".")[0] for path in paths] for name, paths in row.images.items()
    }
    assert numbers == {"T2": ["3", "10"], "first": ["5"], "last": ["20"]}
    # the contrast frames lie elsewhere, so nothing of them is on the grid: the labels' series was taken
    said(lambda: pack({"kind": "folder", "read": read}, tmp_path, tmp_path / "out", "x"), "inside the grid")
    only = {**read, "images": {"T2": read["images"]["T2"]}, "choose": {"T2": "labels"}}
    pack({"kind": "folder", "read": only}, tmp_path, tmp_path / "packed", "x")
    scans = open_scans(tmp_path / "packed")
    assert (np.asarray(scans.labels(0)) == 1).sum() == 8 * 8 * 4
    del only["choose"]
    said(lambda: raw_files({"read": only}, tmp_path), "two series", "read.choose")


def test_what_is_missing_is_one_line_or_left_out(tmp_path):
    root = folder(tmp_path)
    (root / "p2_thick.nii.gz").unlink()
    said(lambda: list_patients("c", {}, key(), root), "subject p2", "leave_out")
    rows = list_patients("c", {}, key(missing="leave_out"), root)
    assert [row.subject for row in rows] == ["p1", "p10"]
    said(lambda: list_patients("c", {}, key(labels="{subject}_zones.nii.gz"), root), "_zones.nii.gz")


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"reference": "fien"}, "did you mean 'fine'"),
        ({"choose": {"thin": "last"}}, "thin"),
        ({"choose": {"fine": "best"}}, "best"),
        ({"interpolation": "cubic"}, "cubic"),
        ({"register": {"transform": "warp"}}, "warp"),
        ({"register": {"shrink": [2, 1], "smooth": [1.0]}}, "as many levels"),
        ({"scale": {"fine": "zscore"}}, "for thick"),
        ({"spaceing": [1, 1, 1]}, "spacing"),
    ],
)
def test_wrong_keys_are_one_line(over, words):
    said(lambda: read_key({"read": {**KEYS, **over}}), words)
