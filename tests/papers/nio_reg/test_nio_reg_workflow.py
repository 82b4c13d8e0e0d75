"""Slabs from files to page by config alone; and the paper scale without data."""

import re

import numpy as np
import pytest

from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.reporting.read_reported import load_reported
from tiny_run import ROOT, checkout, snakemake


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("workflow"))


def test_the_example_of_slabs_goes_from_file_to_page(tiny_run):
    rows = tiny_run.rows("nio_reg")

    def mean(method, metric, label):
        own = [r for r in rows if (r["method"], r["metric"], r["label"]) == (method, metric, label)]
        return np.mean([float(r["value"]) for r in own])

    assert mean("truth", "dsc", "mean") == 1 and 0 < mean("initial", "dsc", "mean") < 1
    assert mean("initial", "std_jac", "") == 0 < mean("nio_m", "std_jac", "")
    assert mean("nio_m", "t_test", "") > 0
    assert "niftyreg" not in {r["method"] for r in rows}
    page = tiny_run.page("nio_reg")
    assert "fig2" in page and "Adam begins anew" in page


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
    reported = place / "resources/papers/nio_reg.yaml"
    declared = "methods:\n  - {id: twin, name: Twin, role: reference}\n"
    reported.write_text(reported.read_text().replace("methods:\n", declared, 1))
    (place / "twins.yaml").write_text(
        """
overrides:
  nio_reg:
    methods:
      twin:
        kind: learned
        stages: {main: {of: lapirn}}
        net: {kind: lapirn, channels: 28, blocks: 5, levels: 3, reach: 0.4, condition: 0.4}
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
