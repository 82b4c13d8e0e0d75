"""Say in one line why the cluster killed a job, and which number to raise.

Slurm's own words are spread over the state of the job and a log file of its own, and no two clusters
put them in the same place. This handler listens to Snakemake's log in the process that sends the jobs.
"""

import logging
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

# the state of the job, or what slurmstepd writes: with cgroups, and with the accounting plugin's own limit
CAUSES = {
    "memory": re.compile(r"OUT_OF_MEMORY|oom[-_ ]kill|OOM Killed|exceeded (job |step )?memory limit", re.I),
    "time": re.compile(r"is: 'TIMEOUT'|DUE TO TIME LIMIT"),
    "node": re.compile(r"NODE_FAIL|DUE TO NODE FAILURE"),
    "cancelled": re.compile(r"is: 'CANCELLED|CANCELLED AT"),
}


def cause(text: str) -> str:
    """Return ``memory``, ``time``, ``node``, ``cancelled``, or nothing if ``text`` says none of them."""
    return next((name for name, pattern in CAUSES.items() if pattern.search(text)), "")


class KilledJobs(logging.Handler):
    """Follow each job's resources, and explain its end when the cluster killed it.

    Args:
        key_of: the config key of a rule's resource, from (rule, ``mem_mb`` or ``runtime``).
        say: prints one line.
    """

    def __init__(self, key_of: Callable[[str, str], str], say: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self.key_of, self.say = key_of, say
        self.given: dict[Any, dict[str, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Read one record of Snakemake's log."""
        from snakemake_interface_logger_plugins.common import LogEvent

        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO:
            resources = record.resources  # type: ignore[attr-defined]
            self.given[record.jobid] = {k: resources.get(k) for k in ("mem_mb", "runtime")}  # type: ignore[attr-defined]
        elif event == LogEvent.JOB_ERROR and not getattr(record, "indent", False):
            logs = record.log  # type: ignore[attr-defined]
            self._explain(str(record.rule_msg), logs, [(record.rule_name, record.jobid)])  # type: ignore[attr-defined]
        elif event == LogEvent.GROUP_ERROR:
            jobs = [(job["rule_name"], job["jobid"]) for job in record.job_error_info]  # type: ignore[attr-defined]
            self._explain("", record.aux_logs, jobs)  # type: ignore[attr-defined]

    def _explain(self, message: str, logs: Iterable[str], jobs: list[tuple[str, Any]]) -> None:
        slurm_logs = [Path(str(log)) for log in logs if "slurm_logs" in str(log)]
        texts = [message, *(log.read_text(errors="replace") for log in slurm_logs if log.exists())]
        why = cause("\n".join(texts))
        if not why:
            return
        rules = sorted({rule for rule, _ in jobs})
        who = f"{', '.join(rules)} (job {', '.join(str(number) for _, number in jobs)})"
        if why == "node":
            self.say(f"{who}: the node that it ran on was lost")
        elif why == "cancelled":
            self.say(f"{who}: somebody cancelled it (scancel, or a higher power)")
        else:
            resource, unit = ("mem_mb", "MB of memory") if why == "memory" else ("runtime", "minutes")
            had = [self.given.get(number, {}).get(resource) for _, number in jobs]
            largest = max((h for h in had if isinstance(h, int)), default="?")
            keys = " or ".join(sorted({self.key_of(rule, resource) for rule in rules}))
            self.say(f"{who}: killed, it needed more than its {largest} {unit}; raise config key {keys}")
