"""A small paper through a real Slurm, undisturbed and with everything that goes wrong on clusters."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import slurm_cluster

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RUNS = [(method, seed) for method in ("voxelmorph", "tm_dca") for seed in (0, 1)]

reason = slurm_cluster.missing()
if not os.environ.get("MLMI2023_TEST_SLURM"):
    reason = "takes ten minutes of a quiet machine: bash tests/slurm/run"
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.xdist_group("slurm"),
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(reason), reason=reason),
]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start the cluster; give the folder in which the workflow runs."""
    root = tmp_path_factory.mktemp("slurm")
    with slurm_cluster.Cluster(root / "cluster"):
        (root / "work").mkdir()
        yield root / "work"


def copy_cohorts(done: Path, results: Path) -> None:
    """Spare another run the making of its data."""
    shutil.copytree(done / "demo/cohorts", results / "demo/cohorts")


def command(
    work: Path, *config: str, target: str = "all", retries: int = 3, files: tuple[str, ...] = ("tiny.yaml",)
) -> list[str]:
    """Return the README's command, with a status check every few seconds."""
    return [
        *(sys.executable, "-m", "snakemake", "--profile", "slurm", "--directory", str(work)),
        *("--configfile", *(str(HERE / name) for name in files)),
        *("--slurm-init-seconds-before-status-checks", "3"),
        *("--seconds-between-status-checks", "3", "--max-status-checks-per-second", "1"),
        *("--retries", str(retries)),
        *(("--config", *config) if config else ()),
        *("--", target),
    ]


def snakemake(work: Path, *config: str, target: str = "all", retries: int = 3) -> subprocess.CompletedProcess:
    """Run it to its end."""
    return subprocess.run(
        command(work, *config, target=target, retries=retries),
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def reports(results: Path) -> dict[tuple[str, int], dict]:
    """Return train.json of each training."""
    models = results / "demo/defxattn_reg/models/ixi"
    return {
        (method, seed): json.loads((models / method / f"seed-{seed}_fold-0/main/train.json").read_text())
        for method, seed in RUNS
    }


def values(results: Path) -> list[tuple[str, ...]]:
    """Return the metrics that do not depend on the time of day, sorted."""
    with open(results / "demo/defxattn_reg/metrics.csv") as stream:
        return sorted(tuple(row.values()) for row in csv.DictReader(stream) if row["metric"] != "seconds")


@pytest.fixture(scope="module")
def undisturbed(work: Path) -> Path:
    """Return the results of a run in which nothing goes wrong."""
    done = snakemake(work)
    (work / "undisturbed.log").write_text(done.stdout)
    assert done.returncode == 0, done.stdout
    return work / "undisturbed"


def test_runs_a_paper(undisturbed: Path) -> None:
    assert (undisturbed / "demo/index.html").exists()
    assert (undisturbed / "demo/defxattn_reg/index.html").exists()
    jobs = slurm_cluster.jobs()
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    trainings = [job for job in jobs if job["Comment"].startswith("rule_train")]
    assert len(trainings) == len(RUNS)
    for job in trainings:
        assert (job["NumCPUs"], job["MinMemoryNode"], job["TimeLimit"]) == ("1", "8090M", "2-00:00:00")
    assert min(job["TimeLimit"] for job in jobs) >= "00:20:00"
    assert not any("TresPerJob" in job for job in jobs)
    # 4 steps x 2 batches and 6 reports are one submission each time; every method is evaluated by itself
    sent = [job["Comment"] for job in jobs]
    assert sum(name.startswith("rule_preprocess_") for name in sent) == 2
    assert sum(name.startswith("rule_evaluate") for name in sent) == 7
    assert sum(name.startswith("rule_report_") for name in sent) == 1


def test_networks_take_a_gpu_of_the_cluster(work: Path, undisturbed: Path) -> None:
    """This machine need not have a GPU, as a login node has none: the cluster says that it has one."""
    copy_cohorts(undisturbed, work / "gpu")
    before = {job["JobId"] for job in slurm_cluster.jobs()}
    target = "gpu/demo/defxattn_reg/models/ixi/voxelmorph/seed-0_fold-0/main/train.json"
    config = ["results=gpu", "device=auto", "slurm={gpu_partition: gpu}"]
    done = snakemake(work, *config, target=target, retries=0)
    (job,) = [job for job in slurm_cluster.jobs() if job["JobId"] not in before]
    assert (job["Partition"], job["NodeList"], job["TresPerJob"]) == ("gpu", "gpu1", "gres:gpu:1")
    # the resource is a stand-in: where no real GPU is behind it, the job says so and names the node
    if done.returncode:
        assert "this job was to use a GPU but torch" in done.stdout


def test_survives_faults(work: Path, undisturbed: Path) -> None:
    results, faults = work / "faults", work / "orders"
    copy_cohorts(undisturbed, results)
    faults.mkdir()
    orders = {
        "ixi-voxelmorph-0": "memory",
        "ixi-voxelmorph-1": "stop",
        "ixi-tm_dca-0": "stop",
        "ixi-tm_dca-1": "stop",
    }
    for name, what in orders.items():
        (faults / name).write_text(what)
    paths = [str(HERE / "faults"), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "MLMI2023_TEST_FAULTS": str(faults), "PYTHONPATH": os.pathsep.join(paths)}
    log = work / "faults.log"
    with open(log, "w") as stream:
        running = subprocess.Popen(
            command(
                work,
                "results=faults",
                target="faults/demo/defxattn_reg/metrics.csv",
                files=("tiny.yaml", "tight.yaml"),
            ),
            cwd=ROOT,
            env=env,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        _disturb(faults, orders, running, log)
        assert running.wait(timeout=900) == 0, log.read_text()
    finally:
        running.kill()
        running.wait()
        subprocess.run(["scancel", "--user=root"], check=False)
    said = log.read_text()
    assert said.count("Trying to restart job") >= 4
    for word in ("CANCELLED", "TIMEOUT", "NODE_FAIL"):
        assert f"SLURM status is: '{word}'" in said
    assert "it needed more than its 1800 MB of memory; raise config key resources.train.mem_mb" in said
    assert "it needed more than its 20 minutes; raise config key resources.train.runtime" in said
    assert "the node that it ran on was lost" in said
    assert "somebody cancelled it" in said
    before, after = reports(undisturbed), reports(results)
    logs = results / "demo/logs/train/defxattn_reg/ixi"
    for method, seed in RUNS:
        resumed = (logs / method / f"seed-{seed}_fold-0/main.log").read_text()
        print(f"{method} seed {seed}:\n{resumed}")
        step = int(resumed.split(" at step ")[1].split()[0])
        assert step in (2, 4, 6), resumed
        assert f"step {step}/8" not in resumed and f"step {step + 2}/8" in resumed
        assert before[method, seed]["weights_hash"] == after[method, seed]["weights_hash"]
    assert values(results) == values(undisturbed)
    print("\n".join(line for line in said.splitlines() if "lost" in line or "NODE_FAIL" in line))


def _disturb(faults: Path, orders: dict[str, str], running: subprocess.Popen, log: Path) -> None:
    """Wait until each training stands at its place, then cancel one, let one's time end, and lose a node."""
    number = {}
    for name in orders:
        mark = faults / f"{name}.reached"
        for _ in range(6000):
            if mark.exists():
                break
            assert running.poll() is None, log.read_text()
            time.sleep(0.1)
        assert mark.exists(), f"{name} never got to its second epoch\n{log.read_text()}"
        number[name] = mark.read_text()
    subprocess.run(["scancel", number["ixi-tm_dca-1"]], check=True)
    job = f"JobId={number['ixi-voxelmorph-1']}"
    nodes = {job["JobId"]: job["NodeList"] for job in slurm_cluster.jobs()}
    subprocess.run(["scontrol", "update", job, "TimeLimit=1"], check=True)
    # it may run on the node that is to be lost, and must be over time before that
    for _ in range(1800):
        states = {job["JobId"]: job["JobState"] for job in slurm_cluster.jobs()}
        if states.get(number["ixi-voxelmorph-1"]) != "RUNNING":
            break
        time.sleep(0.1)
    cluster = slurm_cluster.Cluster(log.parent.parent / "cluster")
    cluster.lose(nodes[number["ixi-tm_dca-0"]])


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ("slurm={partition: gup}", "no partition 'gup'; did you mean 'gpu'?"),
        ("slurm={gpu_model: a100, gpu_partition: gpu}", "no GPU 'a100' in partition 'gpu'; known: gpu"),
        ("slurm={account: lab}", "slurm.account is 'lab', but this cluster tells no accounts"),
    ],
)  # fmt: skip
def test_says_what_the_cluster_lacks(work: Path, undisturbed: Path, config: str, line: str) -> None:
    done = snakemake(work, config, "results=lacks", "device=auto")
    assert done.returncode == 1
    assert line in done.stdout
    assert "sbatch" not in done.stdout
