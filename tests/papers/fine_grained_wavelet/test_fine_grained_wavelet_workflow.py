"""From files to page by config alone; and the paper scale without data."""

import pytest

from tiny_run import checkout, snakemake


def test_the_example_of_nuclei_goes_from_files_to_page(tiny_run):
    found = tiny_run.rows("fine_grained_wavelet")
    truth = [float(r["value"]) for r in found if r["method"] == "truth" and r["metric"] == "dsc_image"]
    assert len(truth) == 4 and min(truth) == 100
    assert {r["method"] for r in found} == {"fet_nobridge", "fet", "background", "truth"}
    page = tiny_run.page("fine_grained_wavelet")
    assert "fig_lesions" in page and "47.01" in page and "never called" in page


@pytest.fixture
def place(tmp_path):
    return checkout(tmp_path)


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(place):
    keys = ["-n", "fine_grained_wavelet", "--config", "scale=paper", "papers=[fine_grained_wavelet]"]
    run = snakemake(place, *keys)
    said = run.stdout + run.stderr
    assert run.returncode != 0 and ("syn3193805" in said or "isic-archive" in said)
    files = [f"isic2018/ISIC2018_Task1-2_Training_Input/ISIC_{n:07d}.jpg" for n in range(2594)]
    files += [
        f"isic2018/ISIC2018_Task1_Training_GroundTruth/ISIC_{n:07d}_segmentation.png" for n in range(2594)
    ]
    for number in [*range(1, 11), *range(21, 41)]:
        files += [f"btcv/RawData/Training/{k}/{k}{number:04d}.nii.gz" for k in ("img", "label")]
    for file in files:
        (place / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (place / "data" / file).touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train fet on synapse" in run.stdout
