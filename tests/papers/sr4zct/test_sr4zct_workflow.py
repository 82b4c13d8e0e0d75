"""A CT from file to page by config alone; and the paper scale without data."""

import pytest

from tiny_run import checkout, snakemake


def test_the_example_of_a_real_ct_goes_from_file_to_page(tiny_run):
    rows = tiny_run.rows("sr4zct")
    truth = [float(r["value"]) for r in rows if r["method"] == "truth" and r["metric"] == "ssim"]
    assert truth and min(truth) > 0.999
    assert any("resolution=9" in r["setting"] for r in rows if r["method"] == "sr4zct")
    page = tiny_run.page("sr4zct")
    assert "7.5 mm every 6 mm" in page and "fig3" in page
    # the paper's numbers, and what is to be said of them, are not this scan's
    assert "Your own data: body_ct" in page and "misprint" not in page


@pytest.fixture
def place(tmp_path):
    return checkout(tmp_path)


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(place):
    keys = ["-n", "sr4zct", "--config", "scale=paper", "papers=[sr4zct]"]
    run = snakemake(place, *keys)
    said = run.stdout + run.stderr
    assert run.returncode != 0 and ("medicaldecathlon" in said or "lowdosect" in said)
    files = [f"msd_lung/Task06_Lung/imagesTr/lung_{n:03d}.nii.gz" for n in (6, 14, 22, 23)]
    files += [f"ldct/{p}/1.IMA" for p in ("L291/full_3mm", "L067/full_1mm", "L096/full_1mm")]
    for file in files:
        (place / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (place / "data" / file).touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train sr4zct on msd_lung" in run.stdout
