"""Slabs and abdomens from files to page by config alone; and the paper scale without data."""

import numpy as np
import pytest

from tiny_run import checkout, snakemake


def mean(rows, **fixed):
    return np.mean([float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items())])


def test_the_example_of_slabs_goes_from_file_to_page(tiny_run):
    rows = [r for r in tiny_run.rows("implicit_reg") if r["dataset"] == "ixi"]
    assert mean(rows, method="truth", metric="dice", label="mean") == 1
    assert 0 < mean(rows, method="affine", metric="dice", label="mean") < 1
    assert mean(rows, method="affine", metric="std_logj") == 0
    page = tiny_run.page("implicit_reg")
    assert "fig2" in page and "squared laplacian" in page


def test_labelled_scans_of_other_sizes_are_aligned_searched_and_scored(tiny_run):
    rows = [r for r in tiny_run.rows("implicit_reg") if r["dataset"] == "amos"]
    assert {r["setting"] for r in rows if r["method"] == "vxm_elas"} == {"best_dice", "smooth"}
    assert mean(rows, method="vxm_elas", metric="sigma") == 2
    assert mean(rows, method="truth", metric="dice", label="mean") == 1


@pytest.fixture
def place(tmp_path):
    return checkout(tmp_path)


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(place):
    keys = ["-n", "implicit_reg", "--config", "scale=paper", "papers=[implicit_reg]"]
    run = snakemake(place, *keys)
    said = run.stdout + run.stderr
    assert run.returncode != 0 and ("IXI is missing" in said or "amos22" in said)
    splits = (("Train", range(403)), ("Val", range(403, 461)), ("Test", range(461, 576)))
    files = [f"IXI_data/{split}/subject_{n}.pkl" for split, own in splits for n in own]
    files = [f"ixi/{file}" for file in [*files, "IXI_data/atlas.pkl"]]
    files += [
        f"amos22/{f}/amos_{n:04d}.nii.gz" for f in ("imagesTr", "labelsTr") for n in [*range(1, 201), 507]
    ]
    for file in files:
        (place / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (place / "data" / file).touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train tm_elas on amos" in run.stdout and "train vxm_curv on ixi" in run.stdout
