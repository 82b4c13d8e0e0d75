"""Volumes in folds from files to page by config alone; the paper scale without data; real layouts."""

import numpy as np
import pytest

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.scans.form import pack, raw_files
from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.core.config import Settings
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from tiny_run import ROOT, checkout, snakemake

BTCV = [f"{n:04d}" for n in (*range(1, 11), *range(21, 41))]


def test_the_example_of_lungs_in_folds_goes_from_files_to_the_page(tiny_run):
    rows = tiny_run.rows("relational_unet")
    tested = [(r["fold"], r["case"]) for r in rows if r["method"] == "runet" and r["label"] == "avg"]
    assert len(tested) == 5 and len({case for _, case in tested}) == 5 and len({f for f, _ in tested}) == 3
    truth = [float(r["value"]) for r in rows if r["method"] == "truth"]
    assert min(truth) == 100.0
    assert "fig3" in tiny_run.page("relational_unet")


@pytest.fixture
def place(tmp_path):
    return checkout(tmp_path)


def shifts_files():
    parts = [("best", "train", 21), ("msseg", "train", 12), ("best", "dev_in", 4), ("msseg", "dev_in", 3),
             ("best", "eval_in", 9), ("msseg", "eval_in", 24), ("ljubljana", "dev_out", 25)]  # fmt: skip
    for site, split, count in parts:
        for number in range(1, count + 1):
            for folder, word in (("flair", "FLAIR"), ("gt", "gt")):
                yield f"shifts_wml/{site}/{split}/{folder}/{number}_{word}_isovox.nii.gz"


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(place):
    keys = ["-n", "relational_unet", "--config", "scale=paper", "papers=[relational_unet]"]
    run = snakemake(place, *keys)
    said = run.stdout + run.stderr
    assert run.returncode != 0 and ("synapse" in said or "zenodo" in said)
    files = [f"btcv/RawData/Training/img/img{n}.nii.gz" for n in BTCV]
    files += [f"btcv/RawData/Training/label/label{n}.nii.gz" for n in BTCV]
    for file in [*files, *shifts_files()]:
        (place / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (place / "data" / file).touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train runet on btcv" in run.stdout and "train unetr on shifts_wml" in run.stdout


def settings(tmp_path):
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": ["relational_unet"]})
    return Settings(config, ROOT)


def test_the_layout_of_btcv_is_read_from_real_files_of_a_few_voxels(tmp_path):
    rng = np.random.default_rng(0)
    affine = np.diag([-3.0, 3.0, 4.0, 1.0])  # stored from left to right, as BTCV's files are
    for number in BTCV:
        labels = np.zeros((8, 8, 6), np.uint8)
        labels[1:3, 2:5, 2:4] = 6  # on the stored left side: the patient's right
        image = np.where(labels > 0, 100.0, -1000.0) + rng.normal(0, 1, labels.shape)
        write_volume(tmp_path / f"RawData/Training/img/img{number}.nii.gz", image, affine)
        write_volume(tmp_path / f"RawData/Training/label/label{number}.nii.gz", labels, affine)
    config = settings(tmp_path).cohort("btcv")
    assert len(raw_files(config, tmp_path)) == 60
    pack(config, tmp_path, tmp_path / "packed", "btcv")
    scans = open_scans(tmp_path / "packed")
    assert [scans.splits.count(split) for split in ("train", "val", "test")] == [21, 3, 6]
    assert [scans.subjects[row] for row in scans.rows("test")] == BTCV[-6:]
    assert scans.spacings[0] == (1.5, 1.5, 2.0) and len(scans.label_names) == 13
    assert scans.label_names[6] == "liver" and (scans.labels(0) == 6).any()
    whole = read_yaml(ROOT / "resources/datasets/btcv.yaml")
    assert list(whole["label_names"].values())[12] == "left adrenal gland"


def test_the_layout_of_shifts_keeps_subjects_of_both_sources_apart(tmp_path):
    data = tmp_path / "shifts_wml"
    for file in shifts_files():
        volume = np.zeros((6, 6, 6))
        volume[1:5, 1:5, 1:5] = np.random.default_rng(1).normal(100, 10, (4, 4, 4))
        gt = "_gt_" in file
        write_volume(tmp_path / file, (volume > 110).astype(np.uint8) if gt else volume, np.eye(4))
    pack(settings(tmp_path).cohort("shifts_wml"), data, tmp_path / "packed", "shifts_wml")
    scans = open_scans(tmp_path / "packed")
    assert [len(scans.rows(s)) for s in ("train", "dev_in", "dev_out", "eval_in")] == [33, 7, 25, 33]
    assert len(set(scans.subjects)) == len(scans) and "best1" in scans.subjects and "msseg1" in scans.subjects
