"""Scans of the user's own, from NIfTI to page, by config alone; and the paper scale without data."""

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
SHORT = """
overrides:
  implicit_reg:
    datasets:
      ixi:
        methods: [affine, vxm_base, vxm_curv, truth]
        train: {steps: 2, epoch_steps: 1}
    methods:
      vxm_base: &net {net: {down: [4, 4], up: [4, 4], full: [4]}}
      vxm_curv: *net
"""
ABDOMENS = """
papers: [implicit_reg]
results: results/abdomens
cohorts:
  mine:
    kind: folder
    form: aligned_scans
    root: abdomens
    read:
      groups:
        - {image: "img{subject}.nii.gz", labels: "seg{subject}.nii.gz", split: {train: 2, val: 2, test: 2}}
      window: [-500, 800]
      spacing: [12.0, 12.0, 12.0]
      shape: [16, 16, 16]
      align: {spacing: 12.0, iterations: [10], shrink: [1], smooth: [0]}
overrides:
  implicit_reg:
    datasets:
      ixi: null
      amos:
        cohort: mine
        methods: [affine, vxm_elas, truth]
        task: {settings: {smooth: {max_std_logj: 5.0}}}
        train: {steps: 2, epoch_steps: 1}
    methods: {vxm_elas: {net: {down: [4, 4], up: [4, 4], full: [4]}}}
    figures: {fig1: null, fig2: null, fig3: null, fig4: null}
"""


@pytest.fixture
def place(tmp_path):
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def snakemake(place, *args, **env):
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "2", *args]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, env={**os.environ, **env})


def blobs(number, shape, step, values):
    """Two organs in a body that lie a little elsewhere in each subject."""
    rng = np.random.default_rng(number)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    middle = (np.array(shape) - 1) / 2
    reach = np.array(shape) / 2
    image = np.full(shape, values[0])
    image[(((grid - middle) / (0.9 * reach)) ** 2)[..., :2].sum(-1) < 1] = values[1]
    labels = np.zeros(shape, np.uint8)
    for value, side in ((1, -0.3), (2, 0.35)):
        at = middle + np.array([side * reach[0], 0, 0]) + rng.uniform(-1, 1, 3)
        inside = (((grid - at) / (0.28 * reach)) ** 2).sum(-1) < 1
        image[inside], labels[inside] = values[1] + 150 * value, value
    return image + rng.normal(0, 5, shape), labels, np.diag([*step, 1.0])


def scores(out):
    with open(out / "metrics.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def mean(rows, **fixed):
    return np.mean([float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items())])


@pytest.mark.slow
def test_the_example_of_slabs_goes_from_file_to_page(place):
    for number in range(1, 31):
        image, labels, affine = blobs(number, (91, 108, 18), (2.0, 2.0, 1.0), (0.0, 300.0))
        for name, array in ((f"ilist{number}", image.astype(np.int16)), (f"slist{number}", labels)):
            write_volume(place / f"brain_t1_slabs/{name}.nii.gz", array, affine)
    (place / "short.yaml").write_text(
        SHORT
        + """    figures:
      fig1: null
      fig3: &two {methods: [vxm_base, vxm_curv]}
      fig4: *two
cohorts:
  brain_slabs_implicit:
    split: {train: 2, val: 1, test: 2}
    preprocess: {grid: {shape: [46, 54, 10], spacing: [4.0, 4.0, 2.0], centre: volume}}
"""
    )
    files = ["config/examples/brain_slabs_implicit.yaml", "short.yaml"]
    keys = ["implicit_reg", "--configfile", *files, "--config", "scale=demo"]
    run = snakemake(place, *keys, MLMI_REAL_DATA=str(place))
    logs = "".join(f"\n== {p}\n" + p.read_text()[-800:] for p in place.rglob("logs/**/*.log"))
    assert run.returncode == 0, run.stderr[-3000:] + logs[-6000:]
    out = place / "results/brain_slabs_implicit/demo/implicit_reg"
    rows = scores(out)
    assert mean(rows, method="truth", metric="dice", label="mean") == 1
    assert 0 < mean(rows, method="affine", metric="dice", label="mean") < 1
    assert mean(rows, method="affine", metric="std_logj") == 0
    page = (out / "index.html").read_text()
    assert "fig2" in page and "squared laplacian" in page
    assert "not tested" in page  # claims about what was not run


@pytest.mark.slow
def test_labelled_scans_of_other_sizes_are_aligned_searched_and_scored(place):
    for number in range(1, 7):
        shape = (30 + number, 28, 26)
        image, labels, affine = blobs(number, shape, (6.0, 6.0, 6.0), (-1000.0, -100.0))
        write_volume(place / f"abdomens/img{number}.nii.gz", image.astype(np.int16), affine)
        write_volume(place / f"abdomens/seg{number}.nii.gz", labels, affine)
    (place / "mine.yaml").write_text(ABDOMENS)
    run = snakemake(place, "implicit_reg", "--configfile", "mine.yaml", "--config", "scale=demo")
    logs = "".join(f"\n== {p}\n" + p.read_text()[-800:] for p in place.rglob("logs/**/*.log"))
    assert run.returncode == 0, run.stderr[-3000:] + logs[-6000:]
    rows = scores(place / "results/abdomens/demo/implicit_reg")
    assert {r["setting"] for r in rows if r["method"] == "vxm_elas"} == {"best_dice", "smooth"}
    assert mean(rows, method="vxm_elas", metric="sigma") == 2
    assert mean(rows, method="truth", metric="dice", label="mean") == 1


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(place):
    keys = ["-n", "implicit_reg", "--config", "scale=paper", "papers=[implicit_reg]"]
    run = snakemake(place, *keys)
    said = run.stdout + run.stderr
    assert run.returncode != 0 and ("IXI is missing" in said or "amos22" in said)
    splits = (("Train", range(403)), ("Val", range(403, 461)), ("Test", range(461, 576)))
    files = [f"IXI_data/{split}/subject_{n}.pkl" for split, own in splits for n in own]
    files = [f"ixi/{file}" for file in [*files, "IXI_data/atlas.pkl"]]
    files += [
        f"amos22/{f}/amos_{n:04d}.nii.gz" for f in ("imagesTr", "labelsTr") for n in [*range(1, 201), 507]
    ]
    for file in files:
        (place / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (place / "data" / file).touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train tm_elas on amos" in run.stdout and "train vxm_curv on ixi" in run.stdout
