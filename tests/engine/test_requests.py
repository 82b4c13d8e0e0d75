"""What jobs ask a cluster for, and how many are sent at a time; the programs of Slurm are stand-ins."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import scale

from recorded_slurm import RecordedSlurm, Request
from synthetic_tree import Size, environment, make_tree, write

ROOT = Path(__file__).parents[2]
SIZE = Size(papers=2, datasets=2, methods=4, seeds=3, cohorts=4, subjects=20, batch=4)
GPU_JOBS = SIZE.methods * SIZE.seeds
CORES = 12
# MB, minutes, cores and GPUs of a rule's largest job at attempts 1, 2 and 3: six subjects, three to a batch
STEP = [(6000, 50, 1, 0), (12000, 100, 1, 0), (18000, 150, 1, 0)]
REPORT = [(2000, 30, 1, 0), (4000, 60, 1, 0), (6000, 90, 1, 0)]
UNLIMITED = {
    "simulate": [(4000, 65, 2, 0), (8000, 130, 2, 0), (12000, 195, 2, 0)],
    **dict.fromkeys(("n4", "brainmask", "affine", "grid"), STEP),
    "pack": [(3210, 24, 1, 0), (6420, 47, 1, 0), (9630, 71, 1, 0)],
    "qc": [(6000, 34, 2, 0), (12000, 68, 2, 0), (18000, 102, 2, 0)],
    "train": [(8120, 2880, 1, 1), (16240, 5760, 1, 1), (24360, 8640, 1, 1)],
    "evaluate": [(8060, 68, 1, 1), (16120, 136, 1, 1), (24180, 204, 1, 1)],
    "figure": [(8000, 60, 1, 0), (16000, 120, 1, 0), (24000, 180, 1, 0)],
    **dict.fromkeys(
        ("metrics", "table", "claims", "page", "overview", "record", "records", "ro_crate"), REPORT
    ),
}
# where nothing may have more than 10 GB and two hours; nor may a submission of four steps or five reports
STEP = [(6000, 30, 1, 0), (10000, 30, 1, 0), (10000, 30, 1, 0)]
GROUPED = [(2000, 24, 1, 0), (4000, 24, 1, 0), (6000, 24, 1, 0)]
LIMITED = {
    "simulate": [(4000, 65, 2, 0), (8000, 120, 2, 0), (10000, 120, 2, 0)],
    **dict.fromkeys(("n4", "brainmask", "affine", "grid"), STEP),
    "pack": [(3210, 24, 1, 0), (6420, 47, 1, 0), (9630, 71, 1, 0)],
    "qc": [(6000, 34, 2, 0), (10000, 68, 2, 0), (10000, 102, 2, 0)],
    "train": [(8120, 120, 1, 1), (10000, 120, 1, 1), (10000, 120, 1, 1)],
    "evaluate": [(8060, 68, 1, 1), (10000, 120, 1, 1), (10000, 120, 1, 1)],
    "figure": [(8000, 60, 1, 0), (10000, 120, 1, 0), (10000, 120, 1, 0)],
    **dict.fromkeys(("metrics", "table", "claims", "page"), GROUPED),
    **dict.fromkeys(("overview", "record", "records", "ro_crate"), REPORT),
}


def start(place, slurm, *args, program=("-m", "snakemake")):
    env = environment(place)
    env.pop("MLMI2023_GPU", None)
    env["PATH"] = f"{slurm.folder}{os.pathsep}{env['PATH']}"
    command = [sys.executable, *map(str, program), *map(str, args)]
    return subprocess.run(command, cwd=place, env=env, text=True, capture_output=True)


def started_together(run):
    """Return how many jobs were started in each round."""
    return [int(number) for number in re.findall(r"^Execute (\d+) jobs", run.stdout + run.stderr, flags=re.M)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """What a clone holds, as far as a plan needs it."""
    place = tmp_path_factory.mktemp("checkout")
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "CITATION.cff", place)
    (place / "slurm").symlink_to(os.readlink(ROOT / "slurm"))
    return place


@pytest.mark.parametrize(
    ("limits", "table"),
    [({}, UNLIMITED), ({"slurm": {"max_mem_mb": 10000, "max_runtime": 120}}, LIMITED)],
    ids=["default config", "with limits"],
)
def test_every_rule_asks_for_what_the_table_says(checkout, tmp_path, limits, table):
    slurm = RecordedSlurm(tmp_path / "slurm")
    write(tmp_path / "limits.yaml", {"scale": "bench", "device": "cuda", **limits})
    args = ["--profile", "slurm", "--directory", tmp_path, "--configfile", ROOT / "tests/support/tiny.yaml"]
    config = [tmp_path / "limits.yaml", "--", "all", "publish", "crate"]
    run = start(checkout, slurm, *args, *config, program=[ROOT / "tests/support/asked_resources.py"])
    assert run.returncode == 0, run.stderr
    asked = defaultdict(set)
    for line in run.stdout.splitlines():
        rule, attempt, *amounts = json.loads(line)
        asked[rule, attempt].add(tuple(amounts))
    largest = {rule: [max(asked[rule, attempt]) for attempt in (1, 2, 3)] for rule, _ in asked}
    assert largest == table
    # methods without a network are evaluated without a GPU
    assert {gpu for *_, gpu in asked["evaluate", 1]} == {0, 1}
    texts = [file.read_text() for file in (checkout / "workflow/rules").glob("*.smk")]
    rules = {name for text in texts for name in re.findall(r"^rule (\w+):", text, flags=re.M)}
    assert set(table) == rules - {"publish", "crate", "check_reproducible"}


def test_each_table_of_a_paper_has_its_share_of_the_time(checkout, tmp_path):
    """A submission of nine tables, metrics, claims and page ends within the longest time of the cluster."""
    slurm = RecordedSlurm(tmp_path / "slurm")
    write(tmp_path / "limits.yaml", {"papers": ["ia_gcn"], "slurm": {"max_runtime": 60}})
    args = ["--profile", "slurm", "--directory", tmp_path, "--configfile", tmp_path / "limits.yaml"]
    run = start(checkout, slurm, *args, program=[ROOT / "tests/support/asked_resources.py"])
    assert run.returncode == 0, run.stderr
    jobs = [json.loads(line) for line in run.stdout.splitlines()]
    minutes = [job[3] for job in jobs if job[0] in ("metrics", "table", "claims", "page") and job[1] == 1]
    assert len(minutes) == 12 and sum(minutes) <= 60


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished repository that lacks some trainings, a report and a cohort that no paper uses."""
    place = make_tree(tmp_path_factory.mktemp("tree") / "tree", SIZE)
    (place / "slurm").symlink_to(os.readlink(ROOT / "slurm"))
    (place / "lab").mkdir()
    (place / "lab/config.yaml").write_text("executor: slurm\njobs: 60\n")
    scale.finish(place)
    results = place / "results/paper"
    shutil.rmtree(results / "synthetic_00/models/data_0")
    for name in ("metrics.csv", "tables/table1.csv", "tables/table2.csv", "claims.csv"):
        (results / "synthetic_01" / name).unlink()
    return place


def target(place):
    """Return what the finished repository lacks."""
    models = "results/paper/synthetic_00/models/data_0/{}/seed-{}_fold-0/main/train.json"
    trainings = [models.format(f"method_{m}", s) for m in range(SIZE.methods) for s in range(SIZE.seeds)]
    return [*trainings, "results/paper/cohorts/cohort_3/packed", "results/paper/synthetic_01/claims.csv"]


@pytest.mark.parametrize("profile", ["slurm", "lab"], ids=["ours", "one's own"])
def test_a_cluster_gets_all_that_is_ready_with_sane_requests(finished, tmp_path, profile):
    slurm = RecordedSlurm(tmp_path / "slurm")
    write(tmp_path / "cores.yaml", {"resources": {"train": {"threads": CORES}}})
    checks = ["--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1"]
    checks += ["--max-status-checks-per-second", "9", "--latency-wait", "0", "--retries", "2"]
    args = ["--profile", profile, *checks, "--configfile", tmp_path / "cores.yaml", "--", *target(finished)]
    run = start(finished, slurm, *args)
    said = run.stdout + run.stderr
    assert run.returncode == 1, said
    sent = slurm.sent()
    at_once = sent[: started_together(run)[0]]
    assert min(request.minutes for request in sent) >= 20, sent
    # the login node need not have a GPU, nor as many cores as a training takes
    trainings = [request for request in sent if request.name == "train"]
    subjects = SIZE.subjects - 2 * (SIZE.subjects // 10)
    wanted = [Request("train", k * (8000 + 30 * subjects), k * 2880, CORES, 1) for k in (1, 2, 3)]
    assert set(trainings) == set(wanted)
    assert [trainings.count(request) for request in wanted] == [GPU_JOBS] * 3
    assert sum(request.gpu for request in at_once) == GPU_JOBS
    others = {request for request in at_once if request.name != "train"}
    if profile == "lab":
        assert {request.name for request in others} == {"n4", "metrics"}
    else:
        # one job of a submission runs after the other: times add up, memory and cores do not
        assert {(r.mem_mb, r.minutes, r.cores) for r in others} == {(6000, 240, 1), (2000, 120, 1)}, others


@pytest.mark.parametrize(
    ("args", "most"),
    [([], 1), (["--profile", "desk"], 1), (["--resources", "gpu=3"], 3), (["--config", "device=cpu"], 8)],
)
def test_a_desk_trains_one_network_at_a_time(finished, tmp_path, args, most):
    place = tmp_path / "tree"
    shutil.copytree(finished, place, symlinks=True)
    (place / "desk").mkdir()
    (place / "desk/config.yaml").write_text("cores: 8\nresources:\n  mem_mb: 900000\n")
    config = [] if "device=cpu" in args else ["--config", "device=cuda"]
    cores = ["--cores", 8] if "desk" not in args else []
    run = start(
        place, RecordedSlurm(tmp_path / "slurm"), "--touch", *cores, *args, *config, "--", *target(place)[:-2]
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert max(started_together(run)) == most, run.stdout + run.stderr


def test_jobs_of_a_submission_run_one_after_the_other(finished, tmp_path):
    """What a node's own process does: it takes every core that it sees."""
    place = tmp_path / "tree"
    shutil.copytree(finished, place, symlinks=True)
    args = ["--touch", "--cores", 8, "--default-resources", "slot=1"]
    run = start(place, RecordedSlurm(tmp_path / "slurm"), *args, "--", target(place)[-1])
    assert run.returncode == 0, run.stdout + run.stderr
    rounds = started_together(run)
    assert len(rounds) >= 3 and set(rounds) == {1}, run.stdout + run.stderr


@pytest.mark.parametrize("option", ["--profile", "--workflow-profile"])
def test_the_readmes_command_plans_a_fresh_clone(checkout, tmp_path, option):
    """Also where there is no Slurm."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", option, "slurm", "-n", "--directory", tmp_path],
        cwd=checkout,
        env=environment(checkout),
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert re.search("^Using (profiles|workflow specific profile) slurm ", done.stderr, flags=re.M)
    assert re.search(r"^train +\d+$", done.stdout + done.stderr, flags=re.M)


def test_the_short_name_of_the_profile_is_a_link_inside_the_repository():
    assert (ROOT / "slurm").is_symlink()
    assert os.readlink(ROOT / "slurm") == "workflow/profiles/slurm"
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "--stage", "slurm"]
        listed = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True).stdout
        assert listed.startswith("120000 "), listed
