"""In Snakemake's own process: start the warm server, and let benchmarks measure its children."""

import atexit
import inspect
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlmi2023.engine.warm import SOCKET

# versions of Snakemake whose benchmarks are known to be measured as `measure` expects
TESTED = range(9, 10)
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# a Unix socket's address holds 107 bytes
_LONGEST = 80


def start() -> str:
    """Start the server; it ends with this process. Return why there is none, or nothing.

    Jobs find it by the environment variable ``MLMI2023_WARM``.
    """
    if sys.platform != "linux":
        return "they need Linux"
    if not benchmarks_fit():
        return "this version of Snakemake would measure the waiting process; they are tested with version 9"
    place = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="mlmi2023-", dir=place if len(place) < _LONGEST else "/tmp"))
    log = folder.with_suffix(".log")
    with open(log, "w") as stream, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        # it listens from here on, so that a job that is quicker than the server waits for it
        listener.bind(str(folder / "socket"))
        listener.listen(128)
        number = listener.fileno()
        server = subprocess.Popen(
            # -P: what lies in the working directory is no module
            [sys.executable, "-P", "-m", "mlmi2023.engine.warm.server", str(folder), str(number)],
            pass_fds=[number],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=stream,
            env={**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "MPLBACKEND": "Agg"},
        )
    atexit.register(_stop, server, log)
    measure(folder)
    os.environ[SOCKET] = str(folder / "socket")
    return ""


def _stop(server: subprocess.Popen[bytes], log: Path) -> None:
    """Let the server end, and wait for it, so that its time counts as the workflow's."""
    os.environ.pop(SOCKET, None)
    assert server.stdin is not None
    server.stdin.close()
    if status := server.wait():
        print(f"the warm workers ended with status {status}; see {log}", file=sys.stderr)
    else:
        log.unlink()


def benchmarks_fit() -> bool:
    """Whether this version of Snakemake measures a job by the one function that ``measure`` replaces."""
    import snakemake
    from snakemake import benchmark

    expected = ["pid", "benchmark_record", "interval"]
    return (
        int(snakemake.__version__.split(".")[0]) in TESTED
        and list(inspect.signature(benchmark.benchmarked).parameters) == expected
    )


def measure(folder: Path) -> None:
    """Put into benchmark records what a job has used, not what the process that waits for it has.

    Snakemake has no public way to say which process does the work. It looks ``benchmarked`` up for each job.

    Args:
        folder: where the server leaves ``<process id that Snakemake knows>.json``.
    """
    from snakemake import benchmark

    original = benchmark.benchmarked

    @contextmanager
    def benchmarked(pid: Any = None, benchmark_record: Any = None, *args: Any, **more: Any) -> Iterator[Any]:
        with original(pid, benchmark_record, *args, **more) as record:
            yield record
        used = folder / f"{pid}.json"
        if used.exists():
            fill(record, json.loads(used.read_text()))
            used.unlink()

    benchmark.benchmarked = benchmarked


def fill(record: Any, used: dict[str, float]) -> None:
    """Set the columns of a benchmark record; memory of a job too short to be looked at is ``NA``."""
    for column in ("max_rss", "max_vms", "max_uss", "max_pss", "io_in", "io_out", "cpu_time"):
        setattr(record, column, used.get(column, "NA"))
    record.cpu_usage = 100 * used["cpu_time"]  # Snakemake divides it by the seconds: mean_load in percent
    record.data_collected = True
