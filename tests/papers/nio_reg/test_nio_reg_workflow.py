"""Slabs from files to page by config alone; and the paper scale without data."""

import numpy as np
import pytest

from mlmi2023.core.config import merge, read_yaml
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


def test_methods_of_the_config_are_those_that_are_reported():
    reported = load_reported(ROOT / "resources/papers/nio_reg.yaml")
    config = read_yaml(ROOT / "config/papers/nio_reg.yaml")
    known = {*merge(config["all"], config["paper"])["methods"]}
    assert {*reported.methods} - {"dlir", "bsplines", "lungregnet"} == known
    assert len(reported.claims) == 11
