"""From files to page by config alone; and the paper scale without data."""

import pytest

from tiny_run import checkout, snakemake


def test_the_example_of_nuclei_goes_from_files_to_page(tiny_run):
    rows = tiny_run.rows("skin_transformer")
    truth = [float(r["value"]) for r in rows if r["method"] == "truth" and r["metric"] == "dsc_image"]
    assert len(truth) == 4 and min(truth) == 1
    assert {r["setting"] for r in rows if r["method"] == "iscf"} == {
        "protocol=honest",
        "protocol=truth_blobs",
    }
    page = tiny_run.page("skin_transformer")
    assert "fig3" in page and "truth_blobs" in page and "23.43" in page


@pytest.fixture
def place(tmp_path):
    return checkout(tmp_path)


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(place):
    keys = ["-n", "skin_transformer", "--config", "scale=paper", "papers=[skin_transformer]"]
    run = snakemake(place, *keys)
    said = run.stdout + run.stderr
    assert run.returncode != 0 and "challenge.isic-archive.com" in said and "CC0" in said
    trees = {
        "isic2017": ("ISIC-2017_Training_Data", "ISIC-2017_Training_Part1_GroundTruth"),
        "isic2018": ("ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth"),
    }
    for dataset, (images, masks) in trees.items():
        for folder, end in ((images, ".jpg"), (masks, "_segmentation.png")):
            (place / "data" / dataset / folder).mkdir(parents=True)
            for number in range(2600):  # as many as the paper's splits need
                (place / "data" / dataset / folder / f"ISIC_{number:07d}{end}").touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train iscf_384 on isic2018" in run.stdout
