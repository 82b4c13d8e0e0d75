"""A CT of the user's own, from NIfTI to page, by config alone; and the paper scale without data."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlmi2023.cohorts.formats.volumes import write_volume

ROOT = Path(__file__).parents[3]


@pytest.fixture
def place(tmp_path):
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def snakemake(place, *args, **env):
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "2", *args]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, env={**os.environ, **env})


@pytest.mark.slow
def test_the_example_of_a_real_ct_goes_from_file_to_page(place):
    z, y, x = np.mgrid[:28, :36, :36]
    body = ((y - 18) / 15) ** 2 + ((x - 18) / 16) ** 2 < 1
    volume = np.where(body, 40 + 200 * np.sin(0.9 * z) * np.cos(0.7 * x) * np.sin(0.8 * y), -1000)
    affine = np.diag([3.0, 3.0, 3.0, 1])
    write_volume(place / "body_ct/example_ct_sm.nii.gz", volume.transpose(2, 1, 0).astype(np.int16), affine)
    keys = ["--configfile", "config/examples/body_ct.yaml", "short.yaml", "--config", "scale=demo"]
    short = "overrides: {sr4zct: {train: {steps: 4, epoch_steps: 2, batch: 1}}}\n"
    (place / "short.yaml").write_text(short)
    run = snakemake(place, *keys, MLMI_REAL_DATA=str(place))
    logs = "".join(f"\n== {p}\n" + p.read_text()[-800:] for p in place.rglob("logs/**/*.log"))
    assert run.returncode == 0, run.stderr[-3000:] + logs[-6000:]
    out = place / "results/body_ct/demo/sr4zct"
    with open(out / "metrics.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    truth = [float(r["value"]) for r in rows if r["method"] == "truth" and r["metric"] == "ssim"]
    assert truth and min(truth) > 0.999
    assert any("resolution=9" in r["setting"] for r in rows if r["method"] == "sr4zct")
    page = (out / "index.html").read_text()
    assert "7.5 mm every 6 mm" in page and "fig3" in page and "misprint" in page
    again = snakemake(place, *keys, MLMI_REAL_DATA=str(place))
    assert "Nothing to be done" in again.stdout + again.stderr


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
