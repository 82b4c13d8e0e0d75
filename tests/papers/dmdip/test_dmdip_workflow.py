"""Visits in the layout of BCP from files to page; and the paper scale without data."""

import re

import pytest

from tiny_run import checkout, snakemake


def test_visits_of_bcp_go_from_files_to_page(tiny_run):
    rows, out = tiny_run.rows("dmdip"), tiny_run.paper("dmdip")
    assert {r["label"] for r in rows} == {"", "0.5mo", "12mo"}
    assert {r["method"] for r in rows if r["metric"] == "psnr"} == {
        "bicubic", "sinc", "dip", "dip_kr", "dmdip_nokr", "dmdip", "flat", "truth"
    }  # fmt: skip
    for number in range(2, 7):
        assert (out / f"figures/fig{number}.png").stat().st_size > 0
    assert "k-space replacement" in tiny_run.page("dmdip").lower()


@pytest.fixture
def place(tmp_path):
    return checkout(tmp_path)


def test_missing_scans_say_where_to_get_them(place):
    run = snakemake(place, "-n", "--config", "scale=paper", "papers=[dmdip]")
    said = run.stdout + run.stderr
    assert run.returncode != 0 and "Baby Connectome Project" in said and "nda.nih.gov" in said


def test_the_paper_scale_is_planned_on_a_tree_of_empty_files(place):
    """Five visits as published, without a byte in their images."""
    lines = ["subject,split"]
    for who, age in (("1", "2wk"), ("2", "3mo"), ("3", "6mo"), ("4", "9mo"), ("4", "12mo")):
        folder = place / f"data/bcp/sub-{who}/ses-{age}/anat"
        folder.mkdir(parents=True)
        lines.append(f"{who}_ses-{age},test")
        for modality in ("T1w", "T2w"):
            (folder / f"sub-{who}_ses-{age}_run-001_{modality}.nii.gz").touch()
    (place / "data/bcp/infants.csv").write_text("\n".join(lines) + "\n")
    run = snakemake(place, "-n", "--config", "scale=paper", "papers=[dmdip]")
    said = run.stdout + run.stderr
    assert run.returncode == 0, said[-2000:]
    assert re.search(r"^train +12$", said, flags=re.M), "two methods, two datasets, three seeds"
