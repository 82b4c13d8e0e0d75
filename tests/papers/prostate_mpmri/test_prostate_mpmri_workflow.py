"""The tiny run's results, the paper's scale from empty files, ProstateX's layout."""

import numpy as np

from mlmi2023.cohorts.forms.registered_scans.form import raw_files
from mlmi2023.core.config import Settings
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from tiny_run import ROOT, checkout, snakemake

SERIES = {
    "T2_axial": ["4.000000-t2tsetra-00702", "9.000000-t2tsetra-00001"],
    "T2_sagittal": ["3.000000-t2tsesag-87368"],
    "T2_coronal": ["5.000000-t2tsecor-93541"],
    "ADC": ["7.000000-ep2ddifftraDYNDISTADC-48780"],
    "DCE": [f"{n}.000000-tfl3d dynamisch fast-{n}" for n in (20, 21, 100)],
}


def values(rows, **fixed):
    return [float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items()) and r["value"]]


def test_folds_go_from_the_scanner_to_the_page(tiny_run):
    rows = tiny_run.rows("prostate_mpmri")
    tested = {(r["fold"], r["case"]) for r in rows if r["method"] == "proposed" and r["metric"] == "dsc"}
    assert len(tested) == 6 and len({fold for fold, _ in tested}) == 3
    assert min(values(rows, method="truth", metric="dsc")) == 1
    assert max(values(rows, method="background", metric="dsc")) == 0
    assert max(values(rows, method="truth", metric="hd")) == 0
    assert np.mean(values(rows, method="prior", metric="dsc")) > 0.4
    inputs = {m: values(rows, method=m, metric="encoders")[0] for m in ("ax", "proposed")}
    kept = {m: values(rows, method=m, metric="activations")[0] for m in ("ax", "proposed")}
    assert inputs == {"ax": 1, "proposed": 5} and kept["proposed"] > 2 * kept["ax"]
    assert {r["setting"] for r in rows if r["method"] == "paired_tests"} == {"ax"}
    page = tiny_run.page("prostate_mpmri")
    assert all(name in page for name in ("fig1", "fig3", "fig_inputs", "table1_tests", "table_costs"))


def layout(root, patients=8):
    """Touch the files of ProstateX: series by study, and label maps of all patients but the last."""
    for number in range(patients):
        subject = f"ProstateX-{number:04d}"
        study = root / f"PROSTATEx/{subject}/07-07-2011-NA-MR prostaat kanker detectie-05711"
        for folders in SERIES.values():
            for folder in folders:
                (study / folder).mkdir(parents=True)
                for piece in ("1-01.dcm", "1-02.dcm"):
                    (study / folder / piece).touch()
        if number < patients - 1:
            (root / "zones").mkdir(exist_ok=True)
            (root / f"zones/{subject}.nii.gz").touch()


def test_the_layout_of_prostatex_is_found_series_by_series(tmp_path):
    layout(tmp_path)
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": ["prostate_mpmri"]})
    files = [str(file) for file in raw_files(Settings(config, ROOT).cohort("prostatex"), tmp_path)]
    one = [file for file in files if "ProstateX-0003" in file]
    # both axial series are candidates, of the contrast frames the first and the last count
    assert len(one) == 1 + 2 * (2 + 1 + 1 + 1 + 2) and not any("ProstateX-0007" in file for file in files)
    assert any("/20.000000" in f for f in one) and any("/100.000000" in f for f in one)
    assert not any("/21.000000" in f for f in one)


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(tmp_path):
    place = checkout(tmp_path)
    (place / "one.yaml").write_text("scale: paper\npapers: [prostate_mpmri]\n")
    keys = ["-n", "prostate_mpmri", "--configfile", "one.yaml"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "cancerimagingarchive" in run.stdout + run.stderr
    (place / "data/prostatex").mkdir(parents=True)
    layout(place / "data/prostatex")
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert run.stdout.count("train proposed on prostatex") >= 5 and "train dcef on prostatex" in run.stdout


def test_the_example_of_lungs_has_one_input_and_a_plain_network_beside_it():
    own = read_yaml(ROOT / "config/examples/lung_gland.yaml")
    paper = own["overrides"]["prostate_mpmri"]
    assert {"ax", "unet_ax"} <= set(paper["datasets"]["prostatex"]["methods"])
    config = merge(read_yaml(ROOT / "config/config.yaml"), {**own, "scale": "demo"})
    whole = Settings(config, ROOT).paper("prostate_mpmri")
    assert whole["folds"] == 5 and list(whole["datasets"]) == ["prostatex"]
