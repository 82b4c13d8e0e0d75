"""Warm workers on a tiny workflow: the same as without, and what happens when something is killed."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mlmi2023.engine.scripting import share_package
from mlmi2023.engine.warm import SOCKET, libraries, start

ROOT = Path(__file__).parents[2]
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
SNAKEFILE = """
from mlmi2023.engine.warm import start

onstart:
    if config.get("warm", True):
        assert start.start() == ""

rule all:
    input: expand("out/{what}.json", what=config["jobs"].split("+"))

rule job:
    output: "out/{what}.json"
    log: "logs/{what}.log"
    benchmark: "bench/{what}.tsv"
    threads: 2
    script: "job.py"
"""
SCRIPT = """
from mlmi2023.engine.scripting import logged

with logged(snakemake):
    import atexit, ctypes, json, math, os, resource, signal, subprocess, sys, threading, time
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context
    import numpy as np
    from threadpoolctl import threadpool_info
    from mlmi2023.core.errors import InputError

    what = snakemake.wildcards.what
    colours = "colorsys" in sys.modules
    import colorsys

    print("python says", what)
    ctypes.CDLL(None).puts(b"C says it")
    atexit.register(print, "at exit")
    if what.startswith("wait"):
        helper = subprocess.Popen(["sleep", "600"])
        with open(f"{what}.part", "w") as stream:
            stream.write(f"{os.getpid()} {helper.pid}")
        os.rename(f"{what}.part", f"{what}.pids")
        print("started", flush=True)
        while not os.path.exists("go"):
            time.sleep(0.05)
        helper.kill()
    if what == "mistake":
        raise InputError("file.csv: column 'age' is missing")
    if what == "bug":
        raise ValueError("a bug of ours")
    if what == "crash":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        ctypes.string_at(0)
    if what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "work":
        held = np.ones(40_000_000)
        end = time.process_time() + 0.5
        while time.process_time() < end:
            held[:1000].sum()
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        pooled = list(pool.map(math.factorial, range(5)))
    np.random.seed(3)
    noise = np.random.rand(200, 200)
    with open(snakemake.output[0], "w") as stream:
        json.dump({
            "env": {k: v for k, v in os.environ.items() if k != "KMP_DUPLICATE_LIB_OK"},
            "cwd": os.getcwd(),
            "argv": len(sys.argv),
            "main": sys.modules["__main__"].__file__ == __file__,
            "threads": sorted({lib["num_threads"] for lib in threadpool_info()}),
            "pooled": pooled,
            "colours": colours,
            "alive": threading.active_count(),
            "umask": os.umask(0o22),
            "signals": [str(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
            "sum": float((noise @ noise).sum()),
            "unseeded": int(np.random.default_rng().integers(2**60)),
        }, stream)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the workflow; temporary files go into it too, so that what is left behind is seen."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "job.py").write_text(SCRIPT)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    share_package()
    return tmp_path


def begin(place, jobs, *args, **more):
    return subprocess.Popen(
        [SNAKEMAKE, "--cores", "4", "--keep-going", "--config", f"jobs={'+'.join(jobs)}", *args],
        cwd=place,
        env={**os.environ, "ODD": "1 = ü", "CUDA_VISIBLE_DEVICES": "7", **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # a shell starts what runs in its background deaf to Ctrl-C, tests as well
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def run(place, jobs, *args, **more):
    process = begin(place, jobs, *args, **more)
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def wait_until(true, what):
    deadline = time.time() + 60
    while time.time() < deadline:
        if found := true():
            return found
        time.sleep(0.05)
    raise AssertionError(what)


def pids_of(place, *jobs):
    """Return the process ids of waiting jobs and of the processes that they have started."""
    files = [place / f"{job}.pids" for job in jobs]
    wait_until(
        lambda: all(f.exists() and len(f.read_text().split()) == 2 for f in files), "no job has started"
    )
    return [int(pid) for file in files for pid in file.read_text().split()]


def server_of(snakemake):
    """Return the warm server of a running Snakemake."""
    found = [p for p in psutil.Process(snakemake).children() if "mlmi2023.engine.warm.server" in p.cmdline()]
    assert len(found) == 1
    return found[0]


def gone(pids):
    return all(not psutil.pid_exists(p) or psutil.Process(p).status() == "zombie" for p in pids)


def nothing_left(place):
    """Whether no process has the folder as its directory, and temporary files are removed."""
    here = []
    for process in psutil.process_iter():
        try:
            if process.status() != "zombie" and Path(process.cwd()).is_relative_to(place):
                here.append(process)
        except psutil.Error:
            continue
    return not here and not list((place / "tmp").glob("mlmi2023-*/"))


def test_a_job_cannot_tell_how_it_was_started(place):
    found = {}
    for warm in ("True", "False"):
        code, said = run(place, ["a", "b"], f"warm={warm}", "--cores", "2")
        assert code == 0, said
        found[warm] = {what: json.loads((place / f"out/{what}.json").read_text()) for what in "ab"}
        found[warm + "log"] = (place / "logs/a.log").read_text()
        for file in place.glob("out/*"):
            file.unlink()
    warm, cold = found["True"], found["False"]
    assert warm["a"]["unseeded"] != warm["b"]["unseeded"]
    # what the first job has imported the second one has
    assert sorted(job["colours"] for job in warm.values()) == [False, True]
    assert not any(job["colours"] for job in cold.values())
    for job in (*warm.values(), *cold.values()):
        del job["unseeded"], job["colours"]
    assert warm == cold
    assert warm["a"]["threads"] == [2] and warm["a"]["alive"] == 1 and warm["a"]["main"]
    assert warm["a"]["env"]["ODD"] == "1 = ü" and warm["a"]["env"]["CUDA_VISIBLE_DEVICES"] == "7"
    assert warm["a"]["pooled"] == [1, 1, 2, 6, 24]
    assert SOCKET not in warm["a"]["env"]
    assert found["Truelog"] == found["Falselog"]
    assert sorted(found["Truelog"].splitlines()) == ["C says it", "at exit", "python says a"]
    assert nothing_left(place)


@pytest.mark.parametrize("warm", [True, False])
def test_a_job_that_fails_takes_only_itself_down(place, warm):
    code, said = run(place, ["mistake", "bug", "crash", "killed", "good"], f"warm={warm}")
    assert code == 1
    assert "\nerror: file.csv: column 'age' is missing\n" in said, said
    assert "\nerror: ValueError: a bug of ours (traceback in logs/bug.log)\n" in said, said
    assert "died with <Signals.SIGSEGV: 11>" in said and "died with <Signals.SIGKILL: 9>" in said, said
    assert said.count("Error in rule job") == 4
    assert (place / "logs/mistake.log").read_text().endswith("error: file.csv: column 'age' is missing\n")
    assert 'raise ValueError("a bug of ours")' in (place / "logs/bug.log").read_text()
    assert [file.name for file in place.glob("out/*")] == ["good.json"]
    assert nothing_left(place)


def test_benchmarks_measure_the_job_and_not_what_waits_for_it(place):
    code, said = run(place, ["work"])
    assert code == 0, said
    with open(place / "bench/work.tsv", newline="") as stream:
        (row,) = csv.DictReader(stream, delimiter="\t")
    assert 0.5 <= float(row["cpu_time"]) < 20 and 320 <= float(row["max_rss"]) < 2000, row
    for column in ("max_vms", "max_uss", "max_pss", "io_in", "io_out", "mean_load", "s"):
        assert float(row[column]) >= 0, row
    assert float(row["max_uss"]) >= 305  # the 320 MB (10^6) array is the job's own


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_behind_when_the_workflow_is_ended(place, number):
    snakemake = begin(place, ["wait1", "wait2"])
    pids = [*pids_of(place, "wait1", "wait2"), server_of(snakemake.pid).pid]
    assert not gone(pids)
    if number == signal.SIGKILL:
        os.kill(snakemake.pid, number)
    else:  # as Ctrl-C and a batch system do it: to all of the group
        os.killpg(snakemake.pid, number)
    snakemake.communicate(timeout=300)
    wait_until(lambda: nothing_left(place) and gone(pids), "something is left behind")
    assert not list(place.glob("out/*"))


def test_sigterm_to_snakemake_alone_lets_running_jobs_end(place):
    snakemake = begin(place, ["wait1"])
    pids_of(place, "wait1")
    os.kill(snakemake.pid, signal.SIGTERM)
    time.sleep(0.5)
    (place / "go").touch()
    said, _ = snakemake.communicate(timeout=300)
    assert (place / "out/wait1.json").exists(), said
    assert nothing_left(place)


def test_a_job_ends_with_its_client_and_the_others_go_on(place):
    snakemake = begin(place, ["wait1", "wait2"])
    first, second = pids_of(place, "wait1"), pids_of(place, "wait2")
    clients = set(psutil.Process(snakemake.pid).children()) - {server_of(snakemake.pid)}
    assert len(clients) == 2
    clients.pop().terminate()
    wait_until(lambda: gone(first) or gone(second), "the job runs on without its client")
    (place / "go").touch()
    said, _ = snakemake.communicate(timeout=300)
    assert snakemake.returncode == 1 and said.count("Error in rule job") == 1, said
    assert len(list(place.glob("out/*"))) == 1
    assert nothing_left(place)


def test_jobs_fail_in_one_line_when_the_server_is_killed(place):
    snakemake = begin(place, ["wait1", "wait2"], "--cores", "2")
    (first,) = wait_until(lambda: list(place.glob("*.pids")), "no job has started")
    job, helper = pids_of(place, first.stem)
    server_of(snakemake.pid).kill()
    wait_until(lambda: gone([job]), "the job runs on without the server")
    os.kill(helper, signal.SIGKILL)
    (place / "go").touch()
    said, _ = snakemake.communicate(timeout=300)
    assert snakemake.returncode == 1
    assert "error: the warm workers were killed, and this job with them; start it again" in said, said
    # the next job finds a socket that nobody listens at, and starts by itself
    assert "the warm workers are gone" in said, said
    assert len(list(place.glob("out/*"))) == 1


def test_without_a_server_a_script_does_its_job_itself(place):
    stale = place / "stale"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(stale))
    for path in (stale, place / "none"):
        code, said = run(place, ["a"], "warm=False", **{SOCKET: str(path)})
        assert code == 0 and "the warm workers are gone" in said, said
        (place / "out/a.json").unlink()


def test_the_server_forks_with_one_thread_and_no_gpu(tmp_path):
    """With every library that the rules load; one that starts a thread would make all jobs cold."""
    names = sorted({name for each in libraries._BY_RULE.values() for name in each if "{" not in name})
    code = f"""
import os, sys
from mlmi2023.engine.lean import load
from mlmi2023.engine.warm.server import unfit_to_fork
load({[*names, "monai.networks.nets", "deepbet", "torch_geometric"]!r})
import torch
assert "ants" in sys.modules and "lightning" in sys.modules
assert not torch.cuda.is_initialized()
print(unfit_to_fork())
"""
    env = {**os.environ, **dict.fromkeys(start._ONE_THREAD, "1"), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None", done.stdout


def test_a_server_with_threads_does_not_fork():
    code = """
import threading, time
from mlmi2023.engine.warm.server import unfit_to_fork
threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
print(unfit_to_fork())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "the server has 2 threads"


STUB = """
from mlmi2023.engine.scripting import logged

with logged(snakemake):
    import os
    from pathlib import Path

    print("parent:", Path(f"/proc/{os.getppid()}/cmdline").read_text().replace(chr(0), " "))
    Path(snakemake.output[0]).mkdir()
"""


@pytest.mark.parametrize(
    ("args", "warm"),
    [((), True), (("--config", "warm_workers=False"), False), (("--sdm", "env-modules"), False)],
)
def test_the_workflow_has_warm_workers_unless_told_otherwise(place, args, warm):
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    (place / "workflow/scripts/simulate.py").write_text(STUB)
    (place / "Snakefile").unlink()
    target = "results/demo/cohorts/brain_adults/bids"
    command = [SNAKEMAKE, "--cores", "2", target, *args]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    log = (place / "results/demo/logs/simulate/brain_adults/bids.log").read_text()
    assert ("mlmi2023.engine.warm.server" in log) == warm, log
    assert nothing_left(place)


def test_every_rule_with_a_script_says_what_it_loads():
    rules = set()
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        for text in file.read_text().split("\nrule ")[1:]:
            if "script:" in text:
                rules.add(text.split(":")[0])
    assert rules - set(libraries._BY_RULE) == {"check_reproducible"}, "it only starts another Snakemake"
    assert set(libraries._BY_RULE) <= rules


def test_snakemake_measures_jobs_as_the_warm_workers_expect(monkeypatch):
    """Fails when Snakemake changes: look at `benchmarked` and who calls it, and widen `TESTED`."""
    import inspect

    import snakemake
    from snakemake import benchmark, shell

    assert start.benchmarks_fit()
    assert "from snakemake.benchmark import benchmarked" in inspect.getsource(shell.__new__)
    assert "with benchmarked(proc.pid, bench_record):" in inspect.getsource(shell.__new__)
    record = benchmark.BenchmarkRecord(running_time=2.0)
    start.fill(record, {"cpu_time": 1.0, "max_rss": 5.0, "io_in": 0.0, "io_out": 0.0})
    row = dict(zip(record.get_header(), record.to_tsv(False).split("\t")))
    assert (row["cpu_time"], row["mean_load"], row["max_rss"], row["max_uss"]) == (
        "1.00",
        "50.00",
        "5.00",
        "NA",
    )
    monkeypatch.setattr(snakemake, "__version__", "10.0.0")
    assert not start.benchmarks_fit() and "version 9" in start.start()
