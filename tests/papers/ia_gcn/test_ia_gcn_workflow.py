"""A table of the user's own, from CSV to page."""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONFIG = """
papers: [ia_gcn]
results: results/mine
cohorts:
  mine:
    kind: folder
    form: table
    root: .
    read: {file: visits.csv, subject: id, target: stage, drop: [site], classes: {stage: [well, unsure, ill]}}
    folds: {count: 2, seed: 1}
overrides:
  ia_gcn:
    train: {steps: 4, epoch_steps: 2}
    datasets:
      tadpole:
        cohort: mine
        task: {target: stage, select: 2}
        methods: [majority, lc, dgm, ia_gcn, truth]
      ukbb_sex: null
      ukbb_age: null
    figures: {fig_mask_ukbb_sex: null, fig_mask_ukbb_age: null}
"""


@pytest.fixture
def place(tmp_path):
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    stages = ["well", "unsure", "ill"]
    rows = [["id", "site", "a", "b", "c", "stage"]]
    rows += [[f"s{i:02d}", "x", i % 3 + i / 100, i, i % 7, stages[i % 3]] for i in range(36)]
    rows[5][3] = ""
    with open(tmp_path / "visits.csv", "w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    (tmp_path / "mine.yaml").write_text(CONFIG)
    return tmp_path


def snakemake(place, *args):
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "2", "--configfile", "mine.yaml"]
    return subprocess.run(
        [*command, "--config", "scale=demo", *args], cwd=place, capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_table_of_ones_own_goes_from_csv_to_page(place):
    run = snakemake(place)
    logs = "".join(f"\n== {p}\n" + p.read_text()[-800:] for p in place.rglob("logs/**/*.log"))
    assert run.returncode == 0, run.stderr[-3000:] + logs[-6000:]
    out = place / "results/mine/demo/ia_gcn"
    with open(out / "metrics.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    truth = [float(r["value"]) for r in rows if r["method"] == "truth" and r["metric"] == "acc"]
    assert truth and set(truth) == {100.0}
    assert {r["setting"] for r in rows if r["method"] == "dgm"} == {"a", "b", "c", "d"}
    page = (out / "index.html").read_text()
    assert "12 well, 12 unsure, 12 ill" in page and "fig_mask_tadpole" in page
    assert (out / "figures/fig_mask_tadpole.png").stat().st_size > 0
    again = snakemake(place)
    assert "Nothing to be done" in again.stdout + again.stderr
    text = (place / "visits.csv").read_text()
    (place / "visits.csv").write_text(text.replace("s01", "s99"))
    changed = snakemake(place, "-n")
    assert "pack" in changed.stdout, changed.stdout[-2000:]


def test_a_missing_table_and_a_missing_release_are_one_line_before_anything_runs(place):
    (place / "visits.csv").unlink()
    run = snakemake(place, "-n")
    assert run.returncode != 0 and "cohort 'mine': no such file" in run.stdout + run.stderr
    command = [
        str(Path(sys.executable).with_name("snakemake")),
        "-n",
        "--config",
        "scale=paper",
        "papers=[ia_gcn]",
    ]
    run = subprocess.run(command, cwd=place, capture_output=True, text=True)
    assert run.returncode != 0 and "TADPOLE" in run.stdout + run.stderr
