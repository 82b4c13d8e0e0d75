"""From the simulator to the page; the paper scale without data; patients of one's own from files."""

import pytest

from mlmi2023.cohorts.forms.scans.form import pack, raw_files
from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.core.config import Settings
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.papers.prostate_cancer_ms.cases import Glands
from prostate_cancer_data import job, write_patient
from tiny_run import ROOT, checkout, snakemake

SLUG = "prostate_cancer_ms"
FILES = ("t2", "adc", "gland", "lesions")


def test_the_stand_in_goes_to_the_page(tiny_run):
    rows = tiny_run.rows(SLUG)
    assert {r["setting"] for r in rows} == {"cspca", "indolent", "cancer"}
    found = {r["method"] for r in rows}
    assert found == {"br_unet", "unet", "spcnet", "decnet", "background", "truth"}
    truth = [r["value"] for r in rows if r["method"] == "truth" and r["metric"] == "accuracy"]
    assert {float(value) for value in truth if value not in ("", "nan")} == {1.0}
    page = tiny_run.page(SLUG)
    assert all(figure in page for figure in ("fig2", "fig3", "fig_learning", "fig_counts"))
    assert "36 to 38 with cancer" in page


@pytest.fixture
def place(tmp_path):
    return checkout(tmp_path)


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(place):
    keys = ["-n", SLUG, "--config", "scale=paper", f"papers=[{SLUG}]"]
    run = snakemake(place, *keys)
    said = run.stdout + run.stderr
    assert run.returncode != 0 and "stanford_prostate" in said
    for kind, count in (("cancer", 117), ("normal", 39)):
        for number in range(count):
            folder = place / f"data/stanford_prostate/{kind}/{number:03d}"
            folder.mkdir(parents=True)
            for name in FILES:
                (folder / f"{name}.nii.gz").touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train decnet on stanford" in run.stdout and "train decnet_12 on stanford" in run.stdout


def test_patients_in_folders_are_read_from_real_files_of_a_few_voxels(tmp_path):
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": [SLUG]})
    own = Settings(config, ROOT).cohort("stanford_prostate")
    for number in range(79):
        write_patient(tmp_path / f"cancer/{number:03d}", 1 + number % 2, number)
    for number in range(26):
        write_patient(tmp_path / f"normal/{number:03d}", 0, 100 + number)
    assert len(raw_files(own, tmp_path)) == 4 * 105
    pack(own, tmp_path, tmp_path / "packed", "stanford_prostate")
    scans = open_scans(tmp_path / "packed")
    assert [len(scans.rows(split)) for split in ("train", "test")] == [100, 5]
    assert scans.modalities == ["T2", "ADC", "gland"] and scans.label_names == {
        1: "indolent",
        2: "aggressive",
    }
    cases = Glands(job("truth", tmp_path / "packed", {"pixel": 0.5, "size": [64, 64]}))
    ill = [bool(cases.truth(row).any()) for row in cases.rows("test")]
    assert ill == [True, True, True, False, False]
    row = cases.rows("test")[0]
    # half as large pixels in plane; slices stay
    assert cases.shape(row) == (6, 64, 64) and cases.spacing(row) == (4.0, 0.5, 0.5)
    assert (cases.truth(row) > 0).sum() == 4 * 128 and cases.gland(row).sum() == 4 * 24 * 20 * 6
