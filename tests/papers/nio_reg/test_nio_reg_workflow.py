"""Scans of the user's own, from NIfTI to page, by config alone; and the paper scale without data."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.core.config import merge, read_yaml
from mlmi2023.reporting.reported import load_reported

ROOT = Path(__file__).parents[3]
SHORT = """
cohorts:
  brain_slabs_grid:
    split: {train: 2, val: 2, test: 3}
    preprocess: {grid: {shape: [32, 40, 16], spacing: [5.0, 5.0, 1.0], centre: volume}}
overrides:
  nio_reg:
    datasets:
      lpba_to_lpba: {methods: [initial, niftyreg, lapirn, nio, nio_m, truth]}
    methods:
      lapirn: {net: &tiny {channels: 4, blocks: 1, code: 8}}
      nio: {net: *tiny, iterations: [0, 0, 2]}
      nio_m: {net: *tiny, iterations: [2, 1, 1]}
      niftyreg: {folder: nowhere}
    train: {steps: 6, epoch_steps: 2, level_steps: [2, 2], freeze_steps: 1}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workflow")
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def snakemake(place, *args, **env):
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "2", *args]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, env={**os.environ, **env})


def slab(number):
    """A brain of two structures that lie a little elsewhere in each subject."""
    rng = np.random.default_rng(number)
    shape = (91, 108, 18)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    middle = (np.array(shape) - 1) / 2
    image, labels = np.zeros(shape), np.zeros(shape, np.uint8)
    image[(((grid - middle) / (0.45 * np.array(shape))) ** 2)[..., :2].sum(-1) < 1] = 300
    for value, side in ((1, -18), (2, 18)):
        at = middle + np.array([side, 0, 0]) + rng.uniform(-4, 4, 3) * (1, 1, 0)
        inside = (((grid - at) / (10, 14, 30)) ** 2).sum(-1) < 1
        image[inside], labels[inside] = 300 + 200 * value, value
    return image + rng.normal(0, 8, shape), labels


@pytest.mark.slow
def test_the_example_of_slabs_goes_from_file_to_page(place):
    for number in range(1, 31):
        image, labels = slab(number)
        for name, array in ((f"ilist{number}", image.astype(np.int16)), (f"slist{number}", labels)):
            write_volume(place / f"brain_t1_slabs/{name}.nii.gz", array, np.diag([2.0, 2.0, 1.0, 1.0]))
    (place / "short.yaml").write_text(SHORT)
    files = ["config/examples/brain_slabs_nio.yaml", "short.yaml"]
    run = snakemake(
        place, "nio_reg", "--configfile", *files, "--config", "scale=demo", MLMI_REAL_DATA=str(place)
    )
    logs = "".join(f"\n== {p}\n" + p.read_text()[-800:] for p in place.rglob("logs/**/*.log"))
    assert run.returncode == 0, run.stderr[-3000:] + logs[-6000:]
    out = place / "results/brain_slabs_nio/demo/nio_reg"
    with open(out / "metrics.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))

    def mean(method, metric, label):
        own = [r for r in rows if (r["method"], r["metric"], r["label"]) == (method, metric, label)]
        return np.mean([float(r["value"]) for r in own])

    assert mean("truth", "dsc", "mean") == 1 and 0 < mean("initial", "dsc", "mean") < 1
    assert mean("initial", "std_jac", "") == 0 < mean("nio_m", "std_jac", "")
    assert mean("nio_m", "t_test", "") > 0
    assert "niftyreg" not in {r["method"] for r in rows}
    page = (out / "index.html").read_text()
    assert "fig2" in page and "Adam begins anew" in page and "not tested" in page


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(place):
    keys = ["-n", "nio_reg", "--config", "scale=paper", "papers=[nio_reg]"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "is missing" in run.stdout + run.stderr
    files = [f"oasis/OASIS_OAS1_{n:04d}_MR1/{k}.nii.gz" for n in range(1, 415)
             for k in ("aligned_norm", "aligned_seg35")]  # fmt: skip
    files += [f"lpba40/delineation_space/S{n:02d}/S{n:02d}.delineation.{k}.{end}" for n in range(1, 41)
              for k in ("skullstripped", "structure.label") for end in ("hdr", "img")]  # fmt: skip
    for file in files:
        (place / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (place / "data" / file).touch()
    (place / "brains.yaml").write_text(
        "overrides: {nio_reg: {datasets: {dirlab: null}, figures: {fig3: null}}}\n"
    )
    run = snakemake(place, *keys, "--configfile", "brains.yaml")
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train lapirn on oasis_to_lpba" in run.stdout and "train ulae on lpba_to_oasis" in run.stdout
    assert "pack the cohort brain_shift" in run.stdout


def test_one_training_serves_both_tasks_that_learn_on_the_same_scans(place):
    run = snakemake(place, "-n", "nio_reg", "--config", "scale=demo", "papers=[nio_reg]")
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    trained = re.findall(r"train (\w+) on (\w+) ", run.stdout)
    assert trained.count(("lapirn", "lpba_to_oasis")) == 1 and ("lapirn", "lpba_to_lpba") not in trained
    own = "results/demo/nio_reg/models/lpba_to_oasis/lapirn/seed-0_fold-0/main"
    jobs = run.stdout.split(
        "Job "
    )  # each with its message and, as the reason, the inputs that are to be made
    for method in ("lapirn", "nio_m"):  # its own weights, and those of the method that it uses
        [job] = [j for j in jobs if f"score {method} on the test split of lpba_to_lpba" in j]
        assert f"{own}/weights.safetensors" in job and "models/lpba_to_lpba" not in job
    [page] = [j for j in jobs if "write the page of nio_reg" in j]
    assert page.count(f"{own}/train.json") == 1 and "models/lpba_to_lpba" not in page
    lost = own.replace("lpba_to_oasis", "lpba_to_lpba") + "/weights.safetensors"
    run = snakemake(place, "-n", lost, "--config", "scale=demo", "papers=[nio_reg]")
    assert run.returncode != 0 and f"ask for {own}/weights.safetensors" in run.stdout + run.stderr


def test_a_figure_takes_the_weights_that_another_method_has_trained(place):
    (place / "twins.yaml").write_text(
        """
overrides:
  nio_reg:
    methods: {twin: {kind: learned, stages: {main: {of: lapirn}}, net: {kind: lapirn, channels: 28, blocks: 5,
              levels: 3, reach: 0.4, condition: 0.4}}}
    datasets:
      oasis_to_lpba: {methods: [lapirn, twin]}
      lpba_to_oasis: null
      lpba_to_lpba: null
      dirlab: null
    figures: {fig2: {methods: [lapirn, twin]}, fig3: null}
    like: bench
"""
    )
    target = "results/demo/nio_reg/figures/fig2.png"
    run = snakemake(
        place, "-n", target, "--configfile", "twins.yaml", "--config", "scale=demo", "papers=[nio_reg]"
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert re.findall(r"train (\w+) on (\w+) ", run.stdout) == [("lapirn", "oasis_to_lpba")]
    [figure] = [job for job in run.stdout.split("Job ") if "draw fig2" in job]
    weights = "results/demo/nio_reg/models/oasis_to_lpba/lapirn/seed-0_fold-0/main/weights.safetensors"
    assert weights in figure and "models/oasis_to_lpba/twin" not in figure


def test_methods_of_the_config_are_those_that_are_reported():
    reported = load_reported(ROOT / "resources/papers/nio_reg.yaml")
    config = read_yaml(ROOT / "config/papers/nio_reg.yaml")
    known = {*merge(config["all"], config["paper"])["methods"]}
    assert {*reported.methods} - {"dlir", "bsplines", "lungregnet"} == known
    assert len(reported.claims) == 11
