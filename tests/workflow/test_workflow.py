"""The workflow as users start it: plans, mistakes in the configuration, a whole tiny run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from release_trees import alberts_release, ixi_release, oasis_release

ROOT = Path(__file__).parents[2]
RELEASES = {"IXI": ixi_release, "OASIS": oasis_release, "ALBERTs": alberts_release}
SNAKEMAKE = [str(Path(sys.executable).with_name("snakemake"))]


def snakemake(*args, cwd=ROOT, cores=2):
    command = [*SNAKEMAKE, "--cores", str(cores), *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def say(run):
    return run.stdout[-3000:] + run.stderr[-3000:]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what git tracks, with a folder for its own results."""
    place = tmp_path_factory.mktemp("checkout")
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    return place


def test_demo_plan_holds_every_link_of_the_chain(checkout):
    run = snakemake("-n", "--config", "scale=demo", cwd=checkout)
    assert run.returncode == 0, say(run)
    links = "simulate n4 brainmask affine grid pack qc train evaluate metrics table claims figure page"
    for rule in links.split():
        assert f"rule {rule}:" in run.stdout + run.stderr or f"\n{rule} " in run.stdout + run.stderr, rule


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["scale=dmeo"], "key 'scale' is 'dmeo'; did you mean 'demo'?"),
        (["papers=[defxattn]"], "unknown paper 'defxattn'; did you mean 'defxattn_reg'?"),
        (["seed=[1]"], "unknown key 'seed'; did you mean 'seeds'?"),
        (
            ['overrides={"defxattn_reg": {"datasets": {"ixi": {"cohort": "brain_adult"}}}}'],
            "unknown cohort 'brain_adult'; did you mean 'brain_adults'?",
        ),
        (
            ['overrides={"defxattn_reg": {"datasets": {"ixi": {"metods": []}}}}'],
            "unknown key 'datasets.ixi.metods'; did you mean 'methods'?",
        ),
    ],
)
def test_a_mistake_in_the_configuration_is_one_clear_line(checkout, args, line):
    run = snakemake("-n", "--config", *args, cwd=checkout)
    assert run.returncode != 0
    assert line in run.stdout + run.stderr, say(run)


@pytest.mark.parametrize("missing", RELEASES)
def test_missing_data_are_named_with_their_source(checkout, missing):
    for name, release in RELEASES.items():
        if name != missing:
            release(checkout / "data" / name.lower())
    run = snakemake("-n", "--config", "scale=paper", "papers=[defxattn_reg]", cwd=checkout)
    shutil.rmtree(checkout / "data")
    assert run.returncode != 0
    said = run.stdout + run.stderr
    assert missing in said and "config" in said, said[-1500:]
    assert "licence" in said.lower(), said[-1500:]


def test_the_paper_scale_is_planned_on_trees_of_empty_files(checkout):
    """Every file of IXI, OASIS and ALBERTs as released, without a byte in it."""
    for name, release in RELEASES.items():
        release(checkout / "data" / name.lower())
    before = os.times()
    run = snakemake("-n", "--config", "scale=paper", "papers=[defxattn_reg]", cwd=checkout)
    after = os.times()
    shutil.rmtree(checkout / "data")
    assert run.returncode == 0, say(run)
    # 577 images of IXI, 414 of OASIS and 20 infants of ALBERTs, eight to a job
    assert re.search(r"^grid +128$", run.stdout + run.stderr, flags=re.M), say(run)
    print(f"planned in {after.children_user - before.children_user:.1f} s of CPU")


def test_any_file_can_be_asked_for_by_path(checkout):
    path = "results/demo/defxattn_reg/models/ixi/tm_dca/seed-0_fold-0/main/weights.safetensors"
    run = snakemake("-n", path, "--config", "scale=demo", cwd=checkout)
    assert run.returncode == 0, say(run)
    assert "rule metrics" not in run.stdout and "gather the metrics" not in run.stdout


@pytest.mark.slow
def test_the_chain_runs_without_the_workflow_engine(checkout):
    packed = checkout / "results/demo/cohorts/tiny/packed"
    if not packed.exists():
        run = snakemake(
            packed.relative_to(checkout), "--configfile", ROOT / "tests/support/tiny.yaml", cwd=checkout
        )
        assert run.returncode == 0, say(run)
    command = [sys.executable, "-m", "mlmi2023", "defxattn_reg", "--scale", "demo", "--threads", "1"]
    command += [
        "--data",
        packed,
        "--out",
        checkout / "plain",
        "--configfile",
        ROOT / "tests/support/tiny.yaml",
    ]
    command += ["--datasets", "ixi", "--methods", "identity", "voxelmorph", "--device", "cpu"]
    run = subprocess.run(
        list(map(str, command)), cwd=checkout, capture_output=True, text=True, env=dict(os.environ)
    )
    assert run.returncode == 0, say(run)
    weights = "models/ixi/voxelmorph/seed-0_fold-0/main/weights.safetensors"
    through_workflow = checkout / "results/demo/defxattn_reg" / weights
    assert (checkout / "plain" / weights).exists()
    if through_workflow.exists():
        assert (checkout / "plain" / weights).read_bytes() == through_workflow.read_bytes()
    assert (checkout / "plain/scores/ixi/identity/seed-0_fold-0.csv").exists()
