"""Slabs with anomalies from files to the page by config alone; the paper scale without data; layouts."""

from collections import Counter

import numpy as np
import pytest

from mlmi2023.cohorts.find.index import index_cohort
from mlmi2023.core.config import Settings
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from tiny_run import ROOT, checkout, snakemake


def mean(rows, **fixed):
    return np.mean([float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items())])


def test_the_example_of_slabs_goes_from_file_to_page(tiny_run):
    rows = tiny_run.rows("mddpm")
    assert {r["dataset"] for r in rows} == {"ixi", "brats21"}
    assert mean(rows, method="truth", metric="dice") == mean(rows, method="truth", metric="auprc") == 100
    assert mean(rows, method="truth", metric="l1") < 0.1 < mean(rows, method="mddpm_fpmcm", metric="l1")
    assert 0 < mean(rows, method="noise", metric="prevalence") < 30
    page = tiny_run.page("mddpm")
    assert "fig_residual" in page and "fig3" in page and "table_healthy" in page
    # the network that is tested on patients is the one that has learned on healthy heads
    models = tiny_run.paper("mddpm") / "models"
    assert {folder.name for folder in models.iterdir()} == {"ixi"}
    assert (models / "ixi/fanogan/seed-0_fold-0/gan/weights.safetensors").exists()


@pytest.fixture
def place(tmp_path):
    return checkout(tmp_path)


def files():
    for number in range(120):
        patient = f"BraTS2021_{number:05d}"
        for ending in ("t2", "seg"):
            yield f"brats21/BraTS2021_Training_Data/{patient}/{patient}_{ending}.nii.gz"
    for number in range(1, 31):
        for ending in ("T1W", "T2W", "FLAIR", "consensus_gt", "brainmask"):
            yield f"mslub/patient{number:02d}/patient{number:02d}_{ending}.nii.gz"
    for number in range(578):
        for kind in ("T1", "T2"):
            yield f"ixi/IXI-{kind}/IXI{number:03d}-Guys-{number:04d}-{kind}.nii.gz"


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(place):
    (place / "one.yaml").write_text("scale: paper\npapers: [mddpm]\nseeds: [0]\n")
    keys = ["-n", "mddpm", "--configfile", "one.yaml"]
    run = snakemake(place, *keys)
    said = run.stdout + run.stderr
    assert run.returncode != 0 and ("IXI is missing" in said or "BraTS" in said or "MSLUB" in said)
    for file in files():
        (place / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (place / "data" / file).touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train mddpm_fpmcm on ixi" in run.stdout and "train pddpm on brats21" not in run.stdout


def cohort(name, root):
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": ["mddpm"]})
    return {**Settings(config, ROOT).cohort(name), "root": str(root)}


def test_layouts_are_read_as_they_are_released(tmp_path):
    for file in files():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    found = {}
    for name, folder in (("ixi_t2", "ixi"), ("brats21", "brats21"), ("mslub", "mslub")):
        records = index_cohort(name, cohort(name, tmp_path / folder), tmp_path / folder)
        found[name] = Counter(record.split for record in records)
        assert all(list(record.images) == ["T2w"] for record in records)
        assert all((record.labels is None) == (name == "ixi_t2") for record in records)
    assert found["ixi_t2"] == {"train": 350, "val": 50, "test": 160}
    assert found["brats21"] == {"val": 100, "test": 20} and found["mslub"] == {"val": 10, "test": 20}
