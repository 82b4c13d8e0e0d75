"""Faults of the workflow as a whole: killed, started twice, no place to write. The job is a waiting stub."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
TARGET = "results/demo/cohorts/brain_adults/bids"
# writes half, waits until the test says go, writes the rest
STUB = """
import time
from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path
    from mlmi2023.core.files import atomic

    print("started", flush=True)
    with atomic(snakemake.output[0]) as part:
        part.mkdir()
        (part / "first").touch()
        while not Path("go").exists():
            time.sleep(0.1)
        (part / "second").touch()
"""


@pytest.fixture
def checkout(tmp_path):
    """A repository whose simulator is the stub, in a folder with a space and an umlaut in its name."""
    place = tmp_path / "Köpfe und mehr"
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    (place / "workflow/scripts/simulate.py").write_text(STUB)
    return place


def environment(place, **more):
    return {**os.environ, "PYTHONPATH": str(place / "workflow"), **more}


def start(place, *args, **more):
    """Start snakemake in a session of its own, so that the test can end all of it."""
    return subprocess.Popen(
        [SNAKEMAKE, "--cores", "2", *args],
        cwd=place,
        env=environment(place, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(place, *args, **more):
    process = start(place, *args, **more)
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def wait_for(path):
    deadline = time.time() + 60
    while time.time() < deadline:
        if path.exists() and "started" in path.read_text():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} did not appear")


def log_of(place, results="results"):
    return place / results / "demo/logs/simulate/brain_adults/bids.log"


def test_a_killed_snakemake_leaves_nothing_to_unlock(checkout):
    first = start(checkout, TARGET)
    wait_for(log_of(checkout))
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    first.stdout.close()
    assert not (checkout / TARGET).exists(), "half a folder under the final name"

    (checkout / "go").touch()
    code, said = run(checkout, TARGET)
    assert code == 0, said[-2000:]
    assert (checkout / TARGET / "second").exists()


def test_two_users_on_the_same_results_do_not_mix(checkout):
    first = start(checkout, TARGET)
    wait_for(log_of(checkout))
    holder = (checkout / "results/demo/.lock").read_text().strip()
    assert holder.startswith(f"process {first.pid} on ")
    # one that shares no file with the first is refused as well, also after a run on other results has ended
    other = "results/records/index.html"
    assert (
        run(checkout, other, "--config", "results=mine/results")[0] == 1
    )  # no such file there: ends at once
    for target in (TARGET, other):
        code, said = run(checkout, target)
        assert code != 0 and "results/demo: another run works here: " + holder in said, said[-2000:]
        assert "Traceback" not in said
    # only to look is allowed
    assert run(checkout, "-n", TARGET)[0] == 0 and run(checkout, "--unlock")[0] == 0
    (checkout / "go").touch()
    said, _ = first.communicate(timeout=120)
    assert first.returncode == 0, said[-2000:]
    assert (checkout / TARGET / "second").exists()


def test_jobs_that_outlive_their_killed_run_hold_the_results(checkout):
    first = start(checkout, TARGET, "--config", "warm_workers=False")  # warm ones end with their run
    wait_for(log_of(checkout))
    os.kill(first.pid, signal.SIGKILL)  # it alone: its job goes on
    first.wait()
    code, said = run(checkout, TARGET)
    assert code != 0 and "jobs of a run that was killed still work here" in said, said[-2000:]
    assert f"process {first.pid} on " in said
    (checkout / "go").touch()
    deadline = time.time() + 60
    while not free(checkout / "results/demo/.jobs") and time.time() < deadline:
        time.sleep(0.1)
    first.stdout.close()
    code, said = run(checkout, TARGET)
    assert code == 0 and (checkout / TARGET / "second").exists(), said[-2000:]


def free(file):
    with open(file) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_two_users_with_results_of_their_own_run_at_once(checkout):
    first = start(checkout, TARGET)
    wait_for(log_of(checkout))
    second = start(checkout, TARGET.replace("results", "mine", 1), "--config", "results=mine")
    wait_for(log_of(checkout, "mine"))
    (checkout / "go").touch()
    for process in (first, second):
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said[-2000:]
    assert (checkout / TARGET / "second").exists() and (checkout / TARGET.replace("results", "mine")).exists()


def test_a_read_only_results_folder_is_named(checkout):
    results = checkout / "results"
    results.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,ro", "tmpfs", str(results)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a read-only folder")
    try:
        code, said = run(checkout, TARGET)
    finally:
        subprocess.run(["umount", "-l", str(results)], check=True)
    assert code != 0
    assert "config: key 'results' leads to" in said and "cannot be written" in said, said[-2000:]
    assert not list((checkout / ".snakemake/locks").glob("*")), "a failed start leaves no lock behind"


def test_a_home_that_cannot_be_written_is_named(checkout):
    """Snakemake keeps its sources below XDG_CACHE_HOME; one that can be written is all it needs."""
    code, said = run(checkout, "-n", TARGET, HOME="/proc/none", XDG_CACHE_HOME="/proc/none")
    assert code != 0 and "/proc/none" in said.strip().splitlines()[-1], said[-2000:]
    cache = checkout / "cache"
    (checkout / "go").touch()
    code, said = run(checkout, TARGET, HOME="/proc/none", XDG_CACHE_HOME=str(cache))
    assert code == 0, said[-2000:]


def test_figures_are_drawn_without_a_home(tmp_path):
    code = """
import sys
from matplotlib import pyplot
import mlmi2023.reporting.figures.plots
pyplot.plot([1, 2]); pyplot.savefig(sys.argv[1])
"""
    env = {**os.environ, "HOME": "/proc/none", "XDG_CACHE_HOME": "/proc/none", "MPLCONFIGDIR": "/proc/none"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.png")], env=env, check=True)
    assert (tmp_path / "a.png").stat().st_size > 0
