"""From files to page by config alone; and the paper scale without data."""

import pytest

from tiny_run import checkout, snakemake


def test_the_example_of_single_nuclei_goes_from_files_to_page(tiny_run):
    rows = tiny_run.rows("ffpn")
    by = {}
    for row in rows:
        by.setdefault((row["method"], row["metric"]), []).append(float(row["value"]))
    assert len(by["truth", "dice"]) == 3 and min(by["truth", "dice"]) == 100 and max(by["truth", "hd"]) == 0
    assert min(by["seven_orders", "dice"]) > 80
    assert set(by["background", "dice"]) == {0} and set(by["background", "conf"]) == {-100}
    assert len(by["ffpn_r", "fps"]) == 2 and len(by["ffpn_r", "mem"]) == 1 and by["ffpn_r", "mem"][0] > 0
    assert all(a <= b for a, b in zip(by["unet", "hd95"], by["unet", "hd"]))
    page = tiny_run.page("ffpn")
    assert all(figure in page for figure in ("fig1_fh", "fig2a", "fig5_fh", "fig_orders"))


@pytest.fixture
def place(tmp_path):
    return checkout(tmp_path)


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(place):
    keys = ["-n", "ffpn", "--config", "scale=paper", "papers=[ffpn]"]
    run = snakemake(place, *keys)
    said = run.stdout + run.stderr
    assert run.returncode != 0 and "no such file" in said and "licence" in said
    for n in range(806):
        for end in ("", "_Annotation"):
            touch(place / f"data/hc18/training_set/{n:03d}_HC{end}.png")
    for n in range(1731):
        for folder in ("images", "masks"):
            touch(place / f"data/two_chambers/{folder}/{n}.png")
    for n in range(1, 501):
        for name in (
            f"{view}_{time}{end}" for view in ("2CH", "4CH") for time in ("ED", "ES") for end in ("", "_gt")
        ):
            touch(place / f"data/camus/database_nifti/patient{n:04d}/patient{n:04d}_{name}.nii.gz")
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train ffpn_r on camus" in run.stdout and "train ffpn_r on hooks" in run.stdout


def touch(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
