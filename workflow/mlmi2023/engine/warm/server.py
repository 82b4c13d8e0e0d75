"""The warm server: wait for jobs on a socket, load what they need, fork a child for each.

``python -m mlmi2023.engine.warm.server FOLDER``, started by :mod:`mlmi2023.engine.warm.start`.
"""

import ctypes
import gc
import json
import os
import resource
import selectors
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from mlmi2023.engine.lean import load
from mlmi2023.engine.warm import child
from mlmi2023.engine.warm.client import identity
from mlmi2023.engine.warm.usage import Usage
from mlmi2023.engine.warm.wire import receive, send

_PR_SET_CHILD_SUBREAPER = 36
# what the lines need that Snakemake puts before each script
_PREAMBLE = ("snakemake.logging", "snakemake.iocontainers", "mlmi2023.engine.scripting", "threadpoolctl")


@dataclass
class Job:
    """A child at work."""

    connection: socket.socket  # to its client
    usage: Usage
    known: int  # the process that Snakemake measures: the client, or a shell around it
    kind: tuple[str, ...]  # the modules that it has asked for


class Server:
    """Serve until standard input ends.

    Args:
        folder: a folder of mode 0700, with the socket in it; at the end it is removed.
        listener: file descriptor of that socket, which listens already.
    """

    def __init__(self, folder: Path, listener: int) -> None:
        self.folder = folder
        self.jobs: dict[int, Job] = {}
        # what jobs of a kind have imported while they worked: the next of that kind has it
        self.later: dict[tuple[str, ...], set[str]] = {}
        self.made_by_imports: dict[str, str] = {}
        self.ended = False
        self.snakemake = os.getppid()
        self.wake, wakes = socket.socketpair()
        for end in (self.wake, wakes):
            end.setblocking(False)
        self.wakes = wakes
        self.listener = socket.socket(fileno=listener)
        self.listener.set_inheritable(False)
        self.selector = selectors.PollSelector()
        for source in (0, self.wake, self.listener):
            self.selector.register(source, selectors.EVENT_READ)

    def serve(self) -> None:
        """Wait for jobs and for their ends; a forked child never returns from here."""
        # orphans of jobs come to this process, so that it can end them
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the jobs
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self.wakes.fileno())
        self._load(_PREAMBLE)
        while not self.ended:
            for key, _ in self.selector.select(self._pause()):
                if key.fileobj == 0:
                    self.ended = not os.read(0, 1)
                elif key.fileobj is self.wake:
                    self.wake.recv(4096)
                elif key.fileobj is self.listener:
                    self._take(self.listener.accept()[0])
                else:
                    self._gone(key.data)
            self._reap()
            for job in self.jobs.values():
                job.usage.look()
        self._end_all()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.ended = True

    def _pause(self) -> float | None:
        """Seconds until a job is to be looked at."""
        times = [job.usage.next for job in self.jobs.values()]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _take(self, connection: socket.socket) -> None:
        """Read a request; fork, or say why not."""
        request, files = receive(connection)
        if request is not None:
            reason = self._prepare(request)
            if reason is None:
                self._fork(connection, request, files)
                return
            send(connection, {"cold": reason})
        for file in files:
            os.close(file)
        connection.close()

    def _prepare(self, request: dict[str, Any]) -> str | None:
        """Load what a job needs; return why it cannot be done here, empty if that is as it should be."""
        if request["python"] != identity():
            return ""
        try:
            self._load(request["modules"])
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        for name in sorted(self.later.pop(tuple(request["modules"]), ())):
            try:
                self._load([name])
            except Exception as error:
                print(f"{name}: {error}", flush=True)  # into the server's log: jobs import it themselves
        return unfit_to_fork()

    def _load(self, modules: Iterable[str]) -> None:
        before = dict(os.environ)
        try:
            load(name for name in modules if name not in sys.modules)
        finally:
            gc.disable()
        changed = {name: value for name, value in os.environ.items() if before.get(name) != value}
        self.made_by_imports.update(changed)

    def _fork(self, connection: socket.socket, request: dict[str, Any], files: list[int]) -> None:
        server = os.getpid()
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number in (signal.SIGTERM, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            for opened in (self.wake, self.wakes, self.listener, connection):
                opened.close()
            for other in self.jobs.values():
                other.connection.close()
            child.run(request, files, self.made_by_imports, server, self.folder)
        for file in files:
            os.close(file)
        client, its_parent = request["pids"]
        known = client if its_parent == self.snakemake else its_parent
        self.jobs[pid] = Job(connection, Usage(pid), known, tuple(request["modules"]))
        self.selector.register(connection, selectors.EVENT_READ, pid)

    def _gone(self, pid: int) -> None:
        """End a job whose client has gone: nobody waits for it."""
        if pid in self.jobs:
            job = self.jobs.pop(pid)
            self.selector.unregister(job.connection)
            job.connection.close()
            _kill_tree(pid)

    def _reap(self) -> None:
        """Tell the clients of jobs that have ended."""
        while True:
            try:
                pid, status, total = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid in self.jobs:  # else an orphan of a job, or a job whose client has gone
                self._finish(pid, self.jobs.pop(pid), status, total)

    def _finish(self, pid: int, job: Job, status: int, total: resource.struct_rusage) -> None:
        """Leave what a job has used for Snakemake, keep what it has imported, tell its client."""
        self.selector.unregister(job.connection)
        try:
            (self.folder / f"{job.known}.json").write_text(json.dumps(job.usage.end(total)))
        except OSError as error:  # a full disk must not end the other jobs
            print(f"benchmark of {job.known}: {error}", flush=True)
        imports = self.folder / f"imports-{pid}.json"
        if imports.exists():
            self.later.setdefault(job.kind, set()).update(json.loads(imports.read_text()))
            imports.unlink()
        with job.connection, suppress(OSError):  # the client may have been killed in this moment
            send(job.connection, {"status": status})

    def _end_all(self) -> None:
        """End every child, and the children that ended jobs have left behind."""
        shutil.rmtree(self.folder)
        while children := psutil.Process().children(recursive=True):
            for process in children:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            os.wait4(-1, 0)


def unfit_to_fork() -> str | None:
    """Return why children of this process would be broken: it has threads or has opened a GPU; or None."""
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        return f"the server has {threads} threads"
    for file in os.listdir("/proc/self/fd"):
        try:
            opened = os.readlink(f"/proc/self/fd/{file}")
        except FileNotFoundError:  # the listing's own
            continue
        if opened.startswith("/dev/nvidia"):
            return f"the server has opened {opened}"
    return None


def _kill_tree(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        job = psutil.Process(pid)
        for process in (*job.children(recursive=True), job):
            with suppress(psutil.NoSuchProcess):
                process.kill()


if __name__ == "__main__":
    Server(Path(sys.argv[1]), int(sys.argv[2])).serve()
