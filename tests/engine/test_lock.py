"""The lock of a run on its results: one holder, named; gone with the process, however that ends."""

import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest

from bad_inputs import said
from mlmi2023.engine import lock

#: takes a lock in a process of its own, says so, and waits
HOLDER = """
import os
import sys
from pathlib import Path
from mlmi2023.engine.lock import hold, hold_as_job

if sys.argv[1] == "hold":
    hold(Path(sys.argv[2]))
else:
    os.environ["MLMI2023_RESULTS"] = sys.argv[2]
    hold_as_job()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other():
    """Start holders in other processes; whatever is left of them ends with the test."""
    started = []

    def begin(kind, place):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, kind, str(place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch):
    monkeypatch.setenv(lock.RESULTS, "")  # so that what a test sets is taken back
    monkeypatch.delenv(lock.RESULTS)
    yield
    while lock._held:
        os.close(lock._held.pop())


def end(process, sign=signal.SIGKILL):
    process.send_signal(sign)
    process.communicate()


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_second_run_is_told_who_holds_the_results_until_that_one_ends(other, sign, tmp_path):
    place = tmp_path / "results/demo"
    first = other("hold", place)
    line = said(
        lambda: lock.hold(place), f"{place}: another run works here: process {first.pid} on ", "started 20"
    )
    assert "--config results=" in line
    lock.hold(tmp_path / "mine/demo")  # another folder is another lock
    end(first, sign)
    assert lock.hold(place) == "" and f"process {os.getpid()} on" in (place / ".lock").read_text()


def test_jobs_of_a_killed_run_are_said_and_those_of_ones_own_are_no_hindrance(other, tmp_path):
    first = other("hold", tmp_path)
    jobs = [other("hold_as_job", tmp_path) for _ in range(2)]
    end(first)
    said(lambda: lock.hold(tmp_path), "jobs of a run that was killed", f"process {first.pid} on ")
    for job in jobs:
        end(job)
    nothing = lock._held.copy()
    assert len(nothing) == 1 and not os.close(lock._held.pop())
    assert lock.hold(tmp_path) == ""
    end(other("hold_as_job", tmp_path))


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_said_and_no_hindrance(number, monkeypatch, tmp_path):
    def none(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", none)
    assert "its file system has no locks" in lock.hold(tmp_path)
    monkeypatch.setenv(lock.RESULTS, str(tmp_path))
    lock.hold_as_job()


def test_a_file_that_is_in_the_way_is_named(tmp_path):
    (tmp_path / ".lock").mkdir()
    said(lambda: lock.hold(tmp_path), str(tmp_path / ".lock"), "cannot be written")
