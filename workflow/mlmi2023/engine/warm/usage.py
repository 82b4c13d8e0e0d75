"""What a job uses: the columns of Snakemake's benchmark files."""

import resource
import time
from typing import Any

import psutil

# as often as Snakemake looks at its jobs
_SHORT, _LONG, _SHORT_FOR = 0.5, 30.0, 15.0
_FIRST = 0.1
_MB = 2**20


class Usage:
    """The largest memory of a process and its children, and at the end what it has used in all.

    Args:
        pid: the process.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.started = time.monotonic()
        self.next = self.started + _FIRST
        self.peaks: dict[str, float] = {}

    def look(self) -> None:
        """Look at the processes if it is time to."""
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + (_SHORT if now - self.started < _SHORT_FOR else _LONG)
        sums = dict.fromkeys(("rss", "vms", "uss", "pss"), 0.0)
        try:
            job = psutil.Process(self.pid)
            for process in (job, *job.children(recursive=True)):
                memory = process.memory_full_info()
                for key in sums:
                    sums[key] += getattr(memory, key) / _MB
        except psutil.Error:  # one of them has just ended
            return
        for key, value in sums.items():
            self.peaks[f"max_{key}"] = max(self.peaks.get(f"max_{key}", 0), value)

    def end(self, total: resource.struct_rusage) -> dict[str, Any]:
        """Return the columns, given what the system has counted for the process and its children.

        CPU seconds and blocks read and written are exact. Memory of several processes at once is what was
        seen at the looks; ``max_rss`` is at least the exact peak of the largest process.
        """
        found: dict[str, Any] = dict(self.peaks)
        found["max_rss"] = max(found.get("max_rss", 0), total.ru_maxrss / 2**10)
        found["cpu_time"] = total.ru_utime + total.ru_stime
        found["io_in"] = total.ru_inblock * 512 / _MB
        found["io_out"] = total.ru_oublock * 512 / _MB
        return found
