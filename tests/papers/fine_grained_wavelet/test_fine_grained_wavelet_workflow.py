"""Images of the user's own through FET, by config alone; and the paper scale without data."""

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
SHORT = """
cohorts: {nuclei: {split: {train: 8, val: 2, test: 4}, read: {size: [32, 32]}}}
overrides:
  fine_grained_wavelet:
    datasets: {isic2018: {task: {size: [32, 32]}, methods: [fet_nobridge, fet, background, truth]}}
    train: {steps: 4, epoch_steps: 2, batch: 4}
    figures: {fig_lesions: {methods: [fet]}}
"""


@pytest.fixture
def place(tmp_path):
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def snakemake(place, *args):
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "2", *args]
    env = {**os.environ, "PYTHONPATH": str(place / "workflow")}
    return subprocess.run(command, cwd=place, capture_output=True, text=True, env=env)


@pytest.mark.slow
def test_the_example_of_nuclei_goes_from_files_to_page(place):
    rng = np.random.default_rng(0)
    for folder in ("images", "masks/0"):
        (place / "data/nuclei_dsb96" / folder).mkdir(parents=True)
    rows, columns = np.mgrid[:96, :96]
    for number in range(14):
        centre = rng.uniform(30, 66, 2)
        mask = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < 18**2
        image = (40 + 120 * mask + rng.normal(0, 8, mask.shape)).clip(0, 255).astype(np.uint8)
        for folder, content in (
            ("images", np.stack([image] * 3, -1)),
            ("masks/0", mask.astype(np.uint8) * 255),
        ):
            Image.fromarray(content).save(place / f"data/nuclei_dsb96/{folder}/n{number:02d}.png")
    (place / "short.yaml").write_text(SHORT)
    examples = [f"config/examples/{name}.yaml" for name in ("nuclei", "nuclei_fet")]
    keys = ["--configfile", *examples, "short.yaml", "--config", "scale=demo"]
    run = snakemake(place, *keys)
    logs = "".join(f"\n== {p}\n" + p.read_text()[-800:] for p in place.rglob("logs/**/*.log"))
    assert run.returncode == 0, run.stderr[-3000:] + logs[-6000:]
    out = place / "results/nuclei/demo/fine_grained_wavelet"
    with open(out / "metrics.csv", newline="") as stream:
        found = list(csv.DictReader(stream))
    truth = [float(r["value"]) for r in found if r["method"] == "truth" and r["metric"] == "dsc_image"]
    assert len(truth) == 4 and min(truth) == 100
    assert {r["method"] for r in found} == {"fet_nobridge", "fet", "background", "truth"}
    page = (out / "index.html").read_text()
    assert "fig_lesions" in page and "47.01" in page and "never called" in page
    again = snakemake(place, *keys)
    assert "Nothing to be done" in again.stdout + again.stderr


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
