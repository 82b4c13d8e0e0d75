"""Scans with and without labels: BHSD's lists, hidden labels, patients, slices by position, photographs."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from bad_inputs import said
from dicom_slices import write_series
from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.pool_scans.form import HIDDEN, pack, raw_files
from mlmi2023.cohorts.forms.pool_scans.listing import list_scans
from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from preflight_root import ROOT

AFFINE = np.diag([-0.5, 0.5, 5.0, 1.0])  # stored from left to right


def scan(file, number, labels=None):
    """Write a head of a few voxels: air around tissue, and labels if a file is named."""
    image = np.full((8, 8, 6), -1000.0)
    image[1:7, 1:7, 1:5] = 30 + number
    write_volume(file, image, AFFINE)
    if labels is not None:
        found = np.zeros(image.shape, np.uint8)
        found[1:3, 2:5, 2:4] = 1 + number % 5  # on the stored left side: the patient's right
        write_volume(labels, found, AFFINE)


def bhsd(root, second=False):
    """Write BHSD in small: three training and two tested scans by its lists, and both pools."""
    training = ["ID_a1_ID_s1", "ID_a1_ID_s2", "ID_a3_ID_s3"]
    tests = ["ID_b1_ID_s4", "ID_a3_ID_s9" if second else "ID_b2_ID_s5"]
    for number, name in enumerate(training):
        scan(root / f"imagesTr/{name}.nii.gz", number, root / f"labelsTr/{name}.nii.gz")
    for number, name in enumerate(tests, 3):
        scan(root / f"imagesTs/{name}.nii.gz", number, root / f"labelsTs/{name}.nii.gz")
    pools = {"no_bleed": ["ID_c1_ID_s6", "ID_c2_ID_s7"], "unlabelled": ["ID_b1_ID_s8", "ID_d1_ID_s9"]}
    for folder, names in pools.items():
        for number, name in enumerate(names):
            scan(root / f"{folder}/{name}.nii.gz", number)
    lists = {
        "training": [
            {"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii.gz"} for n in training
        ],
        "test": [f"./imagesTs/{n}.nii.gz" for n in tests],
    }
    (root / "dataset.json").write_text(json.dumps(lists))


def config(root):
    own = read_yaml(ROOT / "config/cohorts/bhsd.yaml")["paper"]
    layout = read_yaml(ROOT / "resources/datasets/bhsd.yaml")
    layout["read"]["groups"][0]["split"] = {"test_no_bleed": 1, "no_bleed": "rest"}
    return merge({**own, "layout": layout, "root": str(root)}, {"read": {"lists": {"val": 1}}})


def test_bhsd_is_read_by_its_lists_and_pools_lose_the_patients_that_have_labels(tmp_path):
    bhsd(tmp_path)
    setup = config(tmp_path)
    assert all(file.is_file() for file in raw_files(setup, tmp_path))
    pack(setup, tmp_path, tmp_path / "packed", "bhsd")
    scans = open_scans(tmp_path / "packed")
    assert {split: len(scans.rows(split)) for split in set(scans.splits)} == {
        "train": 1 if scans.rows("val")[1:] else 2, "val": 2 if scans.rows("val")[1:] else 1, "test": 2,
        "no_bleed": 1, "test_no_bleed": 1, "unlabelled": 1,
    }  # fmt: skip
    # both scans of a patient are on one side
    side = dict(zip(scans.subjects, scans.splits))
    assert side["ID_a1_ID_s1"] == side["ID_a1_ID_s2"] != side["ID_a3_ID_s3"]
    assert "ID_b1_ID_s8" not in side  # its patient is tested
    assert scans.label_names[5] == "subdural"
    row = scans.subjects.index("ID_a1_ID_s2")
    assert (scans.labels(row)[5:7, 2:5, 2:4] == 2).all() and (scans.labels(row) == 2).sum() == 12
    # the window: air is 0, 40 Hounsfield units are a half
    assert scans.image(row).min() == 0 and np.isclose(
        float(scans.image(row).max()), (31 + 40) / 160, atol=1e-3
    )
    assert not scans.labels(scans.rows("no_bleed")[0]).any()
    assert (scans.labels(scans.rows("unlabelled")[0]) == HIDDEN).all()


def test_files_may_lie_in_the_folders_of_the_archive(tmp_path):
    bhsd(tmp_path)
    for old, new in (("images", "images"), ("labels", "ground truths")):
        (tmp_path / "label_192" / new).mkdir(parents=True)
        for end in ("Tr", "Ts"):
            for file in (tmp_path / f"{old}{end}").iterdir():
                shutil.move(file, tmp_path / "label_192" / new / file.name)
    rows = list_scans("config", config(tmp_path), tmp_path)
    assert rows[0]["image"].endswith("label_192/images/ID_a1_ID_s1.nii.gz")
    assert rows[0]["labels"].endswith("label_192/ground truths/ID_a1_ID_s1.nii.gz")


def test_a_patient_on_two_sides_is_refused(tmp_path):
    bhsd(tmp_path, second=True)
    said(lambda: list_scans("config", config(tmp_path), tmp_path), "group 'a3' is torn apart")


def test_mistakes_have_one_line(tmp_path):
    bhsd(tmp_path)
    setup = config(tmp_path)
    (tmp_path / "labelsTs/ID_b1_ID_s4.nii.gz").unlink()
    said(
        lambda: pack(setup, tmp_path, tmp_path / "packed", "bhsd"),
        "labelsTs/ID_b1_ID_s4.nii.gz: no such file",
    )
    (tmp_path / "dataset.json").write_text("[]")
    said(lambda: list_scans("config", setup, tmp_path), "dataset.json")
    (tmp_path / "dataset.json").unlink()
    said(lambda: list_scans("config", setup, tmp_path), "dataset.json", "huggingface")
    read = {"window": [0, 1], "groups": [{"image": "no_bleed/{subject}.nii.gz", "split": "test"}]}
    said(lambda: list_scans("config", {"read": read}, tmp_path), "has no labels", "read.hide")
    both = {"hide": ["a"], "empty": ["a"], "window": [0, 1]}
    said(lambda: list_scans("config", {"read": both}, tmp_path), "both name 'a'")


def test_dicom_slices_are_sorted_by_their_position_and_not_by_their_names(tmp_path):
    up = write_series(tmp_path / "up/s1", slices=4)
    down = tmp_path / "down/s1"
    down.mkdir(parents=True)
    for number, file in enumerate(sorted(up.iterdir(), reverse=True)):
        shutil.copy(file, down / f"s{number}.dcm")
    write_volume(tmp_path / "a.nii.gz", np.random.default_rng(0).normal(0, 50, (8, 8, 4)), np.eye(4))
    write_volume(tmp_path / "a_l.nii.gz", np.eye(8, dtype=np.uint8)[:, :, None].repeat(4, 2), np.eye(4))
    images = []
    for folder in ("up", "down"):
        groups = [
            {"image": "{subject}.nii.gz", "labels": "{subject}_l.nii.gz", "split": {"test": ["a"]}},
            {"image": folder + "/{subject}/", "split": "unlabelled"},
        ]
        setup = {"kind": "folder", "read": {"window": [-200, 200], "groups": groups, "hide": ["unlabelled"]}}
        assert len(raw_files(setup, tmp_path)) == 6
        pack(setup, tmp_path, tmp_path / f"packed_{folder}", "slices")
        scans = open_scans(tmp_path / f"packed_{folder}")
        row = scans.rows("unlabelled")[0]
        assert scans.shapes[row] == (16, 16, 4) and scans.spacings[row] == (1, 1, 2.5)
        images.append(np.array(scans.image(row)))
    assert np.array_equal(*images) and len(np.unique(images[0][:, :, 0])) > 1
    assert not np.array_equal(images[0], images[0][:, :, ::-1])


@pytest.mark.parametrize("hidden", [False, True])
def test_photographs_are_scans_of_one_slice(tmp_path, hidden):
    for number in range(3):
        pixels = np.zeros((6, 9), np.uint8)
        pixels[0, 2] = 200 + number  # on top
        Image.fromarray(np.stack([pixels] * 3, -1)).save(tmp_path / f"{number}.png")
        Image.fromarray(np.where(pixels > 0, 255, 0).astype(np.uint8)).save(tmp_path / f"{number}_m.png")
    group = {"image": "{subject}.png", "labels": "{subject}_m.png"}
    group["split"] = {"train": ["0"], "unlabelled" if hidden else "val": ["1"], "test": ["2"]}
    read = {
        "scale": "percentiles",
        "threshold": 127,
        "groups": [group],
        "hide": ["unlabelled"] if hidden else [],
    }
    pack({"kind": "folder", "read": read}, tmp_path, tmp_path / "packed", "photos")
    scans = open_scans(tmp_path / "packed")
    assert scans.shapes[0] == (9, 6, 1)
    labels = np.array(scans.labels(0))
    assert labels[2, 5, 0] == 1 == labels.sum() and scans.image(0)[2, 5, 0] == 1
    assert (scans.labels(1) == HIDDEN).all() == hidden
