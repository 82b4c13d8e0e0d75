"""Slabs with anomalies from files to the page by config alone; the paper scale without data; layouts."""

import numpy as np
import pytest

from tiny_run import checkout, snakemake


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
    for number in range(1251):
        for ending in ("t2", "seg"):
            patient = f"BraTS2021_{number:05d}"
            yield f"brats21/BraTS2021_Training_Data/{patient}/{patient}_{ending}.nii.gz"
    for number in range(1, 31):
        for ending in ("T1W", "T2W", "FLAIR", "consensus_gt", "brainmask"):
            yield f"mslub/patient{number:02d}/patient{number:02d}_{ending}.nii.gz"
    for number in range(578):
        for kind in ("T1", "T2"):
            yield f"ixi/IXI-{kind}/IXI{number:03d}-Guys-{number:04d}-{kind}.nii.gz"


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(place):
    keys = ["-n", "mddpm", "--config", "scale=paper", "papers=[mddpm]"]
    run = snakemake(place, *keys)
    said = run.stdout + run.stderr
    assert run.returncode != 0 and ("IXI is missing" in said or "BraTS" in said or "MSLUB" in said)
    for file in files():
        (place / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (place / "data" / file).touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    for said in ("train mddpm_fpmcm on ixi", "evaluate pddpm on brats21", "evaluate svae on mslub"):
        assert said in run.stdout
    assert "train pddpm on brats21" not in run.stdout
