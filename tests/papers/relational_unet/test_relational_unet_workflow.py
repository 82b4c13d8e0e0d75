"""A user's own volumes in folds, from NIfTI to page, by config alone; and the paper scale without data."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.scans.form import pack, raw_files
from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.core.config import Settings, merge, read_yaml

ROOT = Path(__file__).parents[3]
BTCV = [f"{n:04d}" for n in (*range(1, 11), *range(21, 41))]


@pytest.fixture
def place(tmp_path):
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def snakemake(place, *args, **env):
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "2", *args]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, env={**os.environ, **env})


def lungs(root, subject, shift):
    """Write a dim chest with five bright lobes, in the folders of the example."""
    shape = (24 + shift, 32, 16)
    lobes = np.zeros(shape, np.uint8)
    for value, (x, z) in enumerate(((4, 2), (4, 9), (15, 2), (15, 7), (15, 12)), 1):
        lobes[x : x + 7, 8:24, z : z + 4] = value
    image = 200 - 30.0 * lobes + np.random.default_rng(shift).normal(0, 3, shape)
    affine = np.diag([3.9, 3.9, 3.9, 1])
    write_volume(root / f"lung_mri/ProtonImages/{subject}H1.nii.gz", image, affine)
    write_volume(root / f"lung_mri/ProtonLobeMasks/{subject}Lobes.nii.gz", lobes, affine)


@pytest.mark.slow
def test_the_example_of_lungs_in_folds_goes_from_files_to_the_page(place):
    for number in range(5):
        lungs(place, f"000{number}", number)
    short = """
cohorts: {lung_lobes: {folds: {count: 3}}}
overrides:
  relational_unet:
    folds: 3
    datasets: {btcv: {task: {patch: [8, 16, 16], overlap: 0}, methods: [runet, background, truth]}}
    methods: {runet: {net: {features: [4, 8], heads: 2, window: [3, 3, 3]}}}
    train: {steps: 2, epoch_steps: 1}
    figures: {fig3: {methods: [runet]}, fig5: {methods: [runet]}}
"""
    (place / "short.yaml").write_text(short)
    keys = ["--configfile", "config/examples/lung_lobes.yaml", "short.yaml", "--config", "scale=demo"]
    run = snakemake(place, *keys, MLMI_REAL_DATA=str(place))
    logs = "".join(f"\n== {p}\n" + p.read_text()[-800:] for p in place.rglob("logs/**/*.log"))
    assert run.returncode == 0, run.stderr[-3000:] + logs[-6000:]
    out = place / "results/lung_lobes/demo/relational_unet"
    with open(out / "metrics.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    tested = [(r["fold"], r["case"]) for r in rows if r["method"] == "runet" and r["label"] == "avg"]
    assert len(tested) == 5 and len({case for _, case in tested}) == 5 and len({f for f, _ in tested}) == 3
    truth = [float(r["value"]) for r in rows if r["method"] == "truth"]
    assert min(truth) == 100.0
    assert "fig3" in (out / "index.html").read_text()
    again = snakemake(place, *keys, MLMI_REAL_DATA=str(place))
    assert "Nothing to be done" in again.stdout + again.stderr


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
