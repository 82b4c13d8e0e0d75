"""The process that Snakemake started for a script: hand the job over, wait, end as the job has ended."""

import os
import resource
import signal
import socket
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from mlmi2023.engine.warm import SOCKET
from mlmi2023.engine.warm.wire import receive, send


def hand_over(name: str, modules: Iterable[str], threads: int) -> None:
    """Let the warm server do this process's script. Returns only where this process is to do it itself.

    Args:
        name: of the job's process, for ``top``.
        modules: what the job works with.
        threads: CPU threads of the job.
    """
    place = os.environ.pop(SOCKET, None)
    if place is None:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(place)
            send(connection, _request(name, modules, threads), [0, 1, 2])
            # Ctrl-C reaches the job as well, which writes its log before it ends
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            answer, _ = receive(connection)
        except OSError as error:
            _say(f"the warm workers are gone ({error.strerror}); this job starts without them")
            return
    if answer is None:
        _say("error: the warm workers were killed, and this job with them; start it again")
        os._exit(1)
    if "cold" in answer:
        signal.signal(signal.SIGINT, before)
        if answer["cold"]:
            _say(f"this job starts without warm workers: {answer['cold']}")
        return
    _end_as(answer["status"])


def _request(name: str, modules: Iterable[str], threads: int) -> dict[str, Any]:
    return {
        "name": name,
        "python": identity(),
        "argv": sys.argv,
        "path": sys.path[0],
        "cwd": os.getcwd(),
        "env": dict(os.environ),
        "umask": _umask(),
        "modules": list(modules),
        "threads": threads,
        "pids": [os.getpid(), os.getppid()],
    }


def identity() -> list[Any]:
    """Return what tells one Python from another, such as that of a conda environment or a container."""
    file = os.stat(sys.executable)
    return [sys.version, sys.prefix, file.st_dev, file.st_ino]


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _end_as(status: int) -> NoReturn:
    """End with the job's exit status, or by the signal that ended it."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core of the waiting process tells nothing
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)
