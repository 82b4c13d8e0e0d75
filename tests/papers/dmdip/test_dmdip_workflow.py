"""Images of one's own, in the layout of BCP, from files to page."""

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
SETTINGS = """
papers: [dmdip]
results: results/mine
cohorts:
  mine:
    kind: dataset
    dataset: bcp
    root: data/bcp
    modalities: [T1w, T2w]
    split_file: infants.csv
    preprocess:
      grid: {shape: [16, 8, 16], spacing: 0.8, centre: volume, low: 0.0, high: 100.0}
overrides:
  dmdip:
    train: {steps: 4, record: 1, epoch_steps: 2, batch: 3}
    datasets:
      bcp: {cohort: mine, task: {ages: session}}
      bcp_beyond: {cohort: mine, task: {ages: session}, train: {steps: 2, record: 2, epoch_steps: 2}}
    methods:
      dip: {net: {inputs: 4, levels: 2, width: 4, skip: 2}, timed: 1}
      dmdip: {net: {inputs: 4, trunk: 1, levels: 2, width: 4, skip: 2}, timed: 1}
"""


@pytest.fixture
def place(tmp_path):
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    random, lines = np.random.default_rng(0), ["subject,split"]
    for who, age in (("1001", "2wk"), ("1001", "12mo")):
        folder = tmp_path / f"data/bcp/sub-{who}/ses-{age}/anat"
        folder.mkdir(parents=True)
        lines.append(f"{who}_ses-{age},test")
        brain = np.zeros((16, 8, 16))
        brain[3:13, :, 3:13] = 1
        brain[6:9, :, 5:9] = 0.4
        for modality, contrast in (("T1w", brain), ("T2w", brain * (1.3 - brain))):
            image = 1000 * contrast + 20 * random.random(brain.shape)
            file = folder / f"sub-{who}_ses-{age}_{modality}.nii.gz"
            nib.save(nib.Nifti1Image(image.astype(np.int16), np.diag([0.8, 0.8, 0.8, 1])), file)
    (tmp_path / "data/bcp/infants.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "mine.yaml").write_text(SETTINGS)
    return tmp_path


def snakemake(place, *args):
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "2"]
    return subprocess.run([*command, *args], cwd=place, capture_output=True, text=True)


@pytest.mark.slow
def test_visits_of_bcp_go_from_files_to_page(place):
    run = snakemake(place, "--configfile", "mine.yaml", "--config", "scale=demo")
    logs = "".join(f"\n== {p}\n" + p.read_text()[-800:] for p in place.rglob("logs/**/*.log"))
    assert run.returncode == 0, run.stderr[-3000:] + logs[-6000:]
    out = place / "results/mine/demo/dmdip"
    with open(out / "metrics.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {r["label"] for r in rows} == {"", "0.5mo", "12mo"}
    assert {r["method"] for r in rows if r["metric"] == "psnr"} == {
        "bicubic", "sinc", "dip", "dip_kr", "dmdip_nokr", "dmdip", "flat", "truth"
    }  # fmt: skip
    for number in range(2, 7):
        assert (out / f"figures/fig{number}.png").stat().st_size > 0
    assert "k-space replacement" in (out / "index.html").read_text().lower()


def test_missing_scans_say_where_to_get_them(place):
    shutil.rmtree(place / "data")
    run = snakemake(place, "-n", "--config", "scale=paper", "papers=[dmdip]")
    said = run.stdout + run.stderr
    assert run.returncode != 0 and "Baby Connectome Project" in said and "nda.nih.gov" in said


def test_the_paper_scale_is_planned_on_a_tree_of_empty_files(place):
    """Five visits as published, without a byte in their images."""
    shutil.rmtree(place / "data")
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
