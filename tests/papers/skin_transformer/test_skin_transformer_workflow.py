"""Images of the user's own, from files to page, by config alone; and the paper scale without data."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]


@pytest.fixture
def place(tmp_path):
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def snakemake(place, *args):
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "2", *args]
    env = {**os.environ, "PYTHONPATH": str(place / "workflow")}
    return subprocess.run(command, cwd=place, capture_output=True, text=True, env=env)


SHORT = """
cohorts: {nuclei: {split: {train: 8, val: 2, test: 4}, read: {size: [32, 32]}}}
overrides:
  skin_transformer:
    datasets: {isic2018: {task: {size: [32, 32]}, methods: [no_iscf, iscf, background, truth]}}
    train: {steps: 4, epoch_steps: 2, batch: 4}
    figures: {fig3: {methods: [no_iscf, iscf]}, fig_protocol: {methods: [iscf]}, fig_size: {methods: [iscf]}}
"""


@pytest.mark.slow
def test_the_example_of_nuclei_goes_from_files_to_page(place):
    rng = np.random.default_rng(0)
    for folder in ("images", "masks/0"):
        (place / "data/nuclei_dsb96" / folder).mkdir(parents=True)
    for number in range(14):
        y, x = np.mgrid[:96, :96]
        centre = rng.uniform(30, 66, 2)
        mask = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 18**2
        image = (40 + 120 * mask + rng.normal(0, 8, mask.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(np.stack([image] * 3, -1)).save(place / f"data/nuclei_dsb96/images/n{number:02d}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(
            place / f"data/nuclei_dsb96/masks/0/n{number:02d}.png"
        )
    (place / "short.yaml").write_text(SHORT)
    keys = ["--configfile", "config/examples/nuclei.yaml", "short.yaml", "--config", "scale=demo"]
    run = snakemake(place, *keys)
    logs = "".join(f"\n== {p}\n" + p.read_text()[-800:] for p in place.rglob("logs/**/*.log"))
    assert run.returncode == 0, run.stderr[-3000:] + logs[-6000:]
    out = place / "results/nuclei/demo/skin_transformer"
    with open(out / "metrics.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    truth = [float(r["value"]) for r in rows if r["method"] == "truth" and r["metric"] == "dsc_image"]
    assert len(truth) == 4 and min(truth) == 1
    assert {r["setting"] for r in rows if r["method"] == "iscf"} == {
        "protocol=honest",
        "protocol=truth_blobs",
    }
    page = (out / "index.html").read_text()
    assert "fig3" in page and "truth_blobs" in page and "23.43" in page
    again = snakemake(place, *keys)
    assert "Nothing to be done" in again.stdout + again.stderr


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
            for number in range(3):
                (place / "data" / dataset / folder / f"ISIC_{number:07d}{end}").touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train iscf_384 on isic2018" in run.stdout
