"""Scans with a class: tables, DICOM, images in other places, folds, mistakes; BraTS 2018 and RSNA."""

import json

import numpy as np
import pytest

from bad_inputs import said
from dicom_slices import write_series
from magnet_data import CLASSED, IMAGES, patients, scans
from mlmi2023.cohorts.formats.mr_series import read_mr_series
from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.classed_scans.form import (
    check_task,
    draw_samples,
    looks,
    pack,
    raw_files,
    read_key,
)
from mlmi2023.cohorts.forms.classed_scans.reader import open_classed
from mlmi2023.cohorts.forms.scans.form import pack as pack_scans
from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.core.config import Settings
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from tiny_run import ROOT

MR = {(0x0008, 0x0060): ("CS", "MR"), (0x0028, 0x1052): ("DS", None), (0x0028, 0x1053): ("DS", None)}


def of(name, **own):
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": ["magnet"]})
    return {**Settings(config, ROOT).cohort(name), **own}


def test_patients_have_all_images_a_class_and_a_fold(tmp_path):
    found = open_classed(patients())
    assert len(found) == 12 and found.classes == ["thin", "thick"] and found.modalities == [*IMAGES]
    assert found.subjects[:3] == ["q0", "q1", "q2"] and found.subjects[-1] == "q11", "in natural order"
    assert found.labels.tolist() == [0, 1] * 6 and found.known.tolist() == pytest.approx([0.2, 0.8] * 6)
    for fold in (0, 1):
        assert found.labels[np.array(found.folds) == fold].tolist().count(1) == 3
    image = np.asarray(found.images[2][0], float)
    assert image.shape == (16, 16, 16) and image[0, 0, 0] == 0
    assert image[image != 0].mean() == pytest.approx(0, abs=0.02)
    assert len(list(looks(patients()))) == 12 and np.isnan(open_classed(patients(False)).known).all()
    draw_samples(patients(), tmp_path / "samples.png")
    assert (tmp_path / "samples.png").stat().st_size > 3000


def folder(place, spacing=2.5, images=("FLAIR", "T1w", "T1wCE", "T2w"), subject="00000"):
    for number, name in enumerate(images):
        moved = {
            n: {(0x0020, 0x0032): ("DS", f"-8\\-8\\{spacing * n - 5 * (number == 3):g}")} for n in range(8)
        }
        write_series(place / "train" / subject / name, {None: MR, **moved}, 8, spacing)
        for file in (place / "train" / subject / name).iterdir():
            file.rename(file.with_name(f"Image-{10 - int(file.stem[1:])}.dcm"))


def test_slices_are_put_in_order_by_where_they_lie(tmp_path):
    folder(tmp_path, images=("FLAIR",))
    data, affine = read_mr_series(tmp_path / "train/00000/FLAIR")
    wanted = np.random.default_rng(0).integers(900, 1200, (8, 16, 16))
    # rows go back and columns to the left; RAS turns both
    assert data.shape == (16, 16, 8) and np.array_equal(data, wanted.transpose(2, 1, 0)[::-1, ::-1])
    assert np.allclose(np.diag(affine)[:3], [1, 1, 2.5])
    (tmp_path / "train/00000/FLAIR/Image-7.dcm").unlink()
    said(lambda: read_mr_series(tmp_path / "train/00000/FLAIR"), "mm apart", "fetch the missing ones")
    said(lambda: read_mr_series(tmp_path / "train/00000"), "no series")


def test_the_slices_of_the_competition_are_read_onto_the_first_images_grid(tmp_path):
    for number in range(4):
        folder(tmp_path, subject=f"{number:05d}")
    folder(tmp_path, subject="00109")
    lines = ["BraTS21ID,MGMT_value", *(f"{n:05d},{n % 2}" for n in range(4)), "00109,1"]
    (tmp_path / "train_labels.csv").write_text("\n".join(lines) + "\n")
    config = of("rsna_mgmt", variant="kaggle", folds={"count": 2})
    config["read"] = {"shape": [16, 16, 8]}
    assert len(raw_files(config, tmp_path)) == 1 + 4 * 4 * 8, "00109 is blank in truth"
    pack(config, tmp_path, tmp_path / "packed", "rsna")
    found = open_classed(tmp_path / "packed")
    assert found.subjects == ["00000", "00001", "00002", "00003"]
    assert found.classes == ["unmethylated", "methylated"]
    first, last = (np.asarray(found.images[k][0], float) for k in (0, 3))
    # T2 was scanned 5 mm lower: two slices of it lie where FLAIR has its first ones
    inside = last != 0
    assert inside[:, :, :6].all() and not inside[:, :, 6:].any()
    assert np.corrcoef(first[:, :, 2], last[:, :, 0])[0, 1] < 1 and len(found) == 4


def test_volumes_of_task_1_with_the_table_of_the_competition(tmp_path):
    rng, lines = np.random.default_rng(0), ["BraTS21ID,MGMT_value"]
    for number in range(4):
        name = f"BraTS2021_{number:05d}"
        lines.append(f"{number:05d},{number % 2}")
        for ending in ("flair", "t1", "t1ce", "t2"):
            image = np.zeros((12, 12, 10))
            image[2:-2, 2:-2, 2:-2] = rng.uniform(50, 90, (8, 8, 6))
            write_volume(
                tmp_path / f"BraTS2021_Training_Data/{name}/{name}_{ending}.nii.gz", image, np.eye(4)
            )
    (tmp_path / "train_labels.csv").write_text("\n".join(lines) + "\n")
    config = of("rsna_mgmt", folds={"count": 2})
    config["read"] = {"shape": [6, 6, 5]}
    pack(config, tmp_path, tmp_path / "packed", "rsna")
    found = open_classed(tmp_path / "packed")
    assert found.images[0].shape == (4, 6, 6, 5) and found.modalities == ["FLAIR", "T1", "T1c", "T2"]
    assert found.labels.tolist() == [0, 1, 0, 1]


def test_the_layout_of_brats_2018_keeps_both_grades(tmp_path):
    rng, config = np.random.default_rng(0), of("brats18")
    groups = config["layout"]["read"]["groups"]
    assert [group["split"] for group in groups] == [
        {"train": 133, "val": 7, "test": "rest"},
        {"train": 47, "val": 3, "test": "rest"},
    ], "190 of 285, ten of whom validate"
    for group in groups:
        group["split"] = {"train": 3, "val": 1, "test": "rest"}
    for grade, count in (("HGG", 6), ("LGG", 5)):
        for number in range(count):
            name = f"Brats18_CBICA_A{number}_1"
            labels = np.zeros((4, 4, 4), np.uint8)
            labels[1, 1, 1:3] = (1, 2 if grade == "LGG" else 4)
            for ending in ("flair", "t1", "t1ce", "t2"):
                image = rng.uniform(1, 9, labels.shape)
                write_volume(tmp_path / grade / name / f"{name}_{ending}.nii.gz", image, np.eye(4))
            write_volume(tmp_path / grade / name / f"{name}_seg.nii.gz", labels, np.eye(4))
    pack_scans(config, tmp_path, tmp_path / "packed", "brats18")
    found = open_scans(tmp_path / "packed")
    assert [found.splits.count(s) for s in ("train", "val", "test")] == [6, 2, 3]
    assert len(set(found.subjects)) == 11, "the same name in both grades is two patients"
    assert found.modalities == ["FLAIR", "T1", "T1c", "T2"] and set(found.label_names) == {1, 2, 4}


def changed(**read):
    return {**CLASSED, "read": {**CLASSED["read"], **read}}


@pytest.mark.parametrize(
    ("read", "words"),
    [
        ({"images": {"FLAIR": "{subject}_flair.nii.gz"}}, "has no file named like"),
        (
            {"table": {**CLASSED["read"]["table"], "target": "valu"}},
            "no column 'valu'; did you mean 'value'?",
        ),
        ({"classes": {"0": "thin", "2": "thick"}}, "is '1', none of 0, 2; set read.classes"),
        ({"classes": {"0": "thin"}}, "name two or more"),
        ({"classes": {"0": "thin", "1": "thin"}}, "two have the same name"),
        ({"images": {"A": IMAGES["T1"], "B": IMAGES["T1"]}}, "two have the same pattern"),
        ({"images": {"A": "{subject}/{subject}_t1*.nii.gz"}}, "finds 2 files of q0"),
        ({"shap": [4, 4, 4]}, "did you mean 'shape'?"),
    ],
)
def test_mistakes_in_the_config_are_one_line(read, words, tmp_path):
    raw = patients().parent
    said(lambda: pack(changed(**read), raw, tmp_path / "packed", "mine"), words)


def test_mistakes_in_the_table_are_one_line(tmp_path):
    raw, table = patients().parent, tmp_path / "table.csv"
    config = changed(table={**CLASSED["read"]["table"], "file": str(table)})
    for text, words in (
        ("id,value,chance\nq0,0,0.1\nq0,1,0.2\n", "q0 stands in two lines"),
        ("id,value,chance\nq0,0,7\n", "'7' of q0 is no probability"),
        ("id,value,chance\nq0,,0.1\n", "has nobody"),
        ("id,value,chance\nq0,0,0.1\nq1,1,0.1\n", "too few for 2 folds"),
    ):
        table.write_text(text)
        said(lambda: pack(config, raw, tmp_path / "packed", "mine"), words)
    table.unlink()
    assert raw_files(config, raw) == [table]
    assert check_task(CLASSED, {"kind": "methylation", "modalities": ["T1c"]}) is None
    assert check_task(CLASSED, {"modalities": ["T1", "T1d"]})[1].startswith("has no T1d, it has FLAIR")
    assert check_task(CLASSED, {"kind": "segmentation"})[0] == "task.kind"
    said(lambda: read_key({"layout": {"variants": {"a": {}}}, "variant": "b"}), "key 'variant' is 'b'")


def test_other_cohorts_are_refused():
    said(lambda: open_classed(scans()), "classed_scans")
    about = json.loads((patients() / "cohort.json").read_text())
    assert about["form"] == "classed_scans" and about["facts"]
