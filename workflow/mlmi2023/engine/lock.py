"""One run at a time in a folder of results.

The run holds a lock of the operating system on the file ``.lock`` in the folder, and each of its jobs, on
whatever machine, a shared one on ``.jobs``. The system takes them back when a process ends, however it ends:
nothing is left to unlock, and a run that starts beside jobs of one that was killed is told so. Snakemake's
own locks are files that every run in a checkout removes at its end, those of others too; the default profile
turns them off.
"""

import datetime
import errno
import fcntl
import os
import socket
import time
from pathlib import Path

from mlmi2023.core.errors import InputError

RUN, JOBS = ".lock", ".jobs"
#: the environment variable by which a run tells its jobs where they work
RESULTS = "MLMI2023_RESULTS"
#: what a file system says that has no locks
NONE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
#: seconds that jobs have to end after their run was killed
PATIENCE = 3.0
#: open until this process ends
_held: list[int] = []


def hold(results: Path) -> str:
    """Take the lock of a run on a folder of results until this process ends.

    Returns:
        What the user should know: nothing, or that the file system has no locks.

    Raises:
        InputError: another run holds it, or jobs of one that was killed go on; the line says who.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        if not _take(results / RUN, fcntl.LOCK_EX):
            raise InputError(
                f"{results}: another run works here: {_holder(results / RUN)}; wait for it or stop it, or "
                "give this one a folder of its own (--config results=...)"
            )
        run = _held[-1]
        if not _take(results / JOBS, fcntl.LOCK_EX, patience=PATIENCE):
            raise InputError(
                f"{results}: jobs of a run that was killed still work here ({_holder(results / RUN)}); wait "
                "for them or stop them"
            )
        os.close(_held.pop())  # it is the jobs' from here on
    except OSError as error:
        if error.errno in NONE:
            return f"{results}: its file system has no locks; see to it that no other run works here"
        raise InputError(f"{results / RUN}: cannot be written ({error.strerror}); fix permissions") from error
    os.environ[RESULTS] = str(results.absolute())
    started = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    os.ftruncate(run, 0)
    os.pwrite(run, f"process {os.getpid()} on {socket.gethostname()}, started {started}\n".encode(), 0)
    return ""


def hold_as_job() -> None:
    """Let it be known until this process ends that a job of a run works on that run's folder of results."""
    results = os.environ.get(RESULTS)
    if results is None:
        return
    try:
        _take(Path(results) / JOBS, fcntl.LOCK_SH)
    except OSError as error:
        if error.errno not in (*NONE, errno.ENOENT, errno.EROFS, errno.EACCES):
            raise


def _take(file: Path, kind: int, patience: float = 0.0) -> bool:
    """Lock a file until this process ends; return whether that was possible."""
    opened, until = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), time.monotonic() + patience
    while True:
        try:
            fcntl.flock(opened, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(opened)
                return False
            time.sleep(0.1)
        except OSError:
            os.close(opened)
            raise
        else:
            _held.append(opened)
            return True


def _holder(file: Path) -> str:
    return file.read_text(errors="replace").strip() or "it has only just started"
