"""Why a cluster killed a job, from what clusters of several kinds say."""

import logging
from pathlib import Path

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from mlmi2023.engine.killed import KilledJobs, cause

TEXTS = {
    "memory": [
        "SLURM-job '5' failed, SLURM status is: 'OUT_OF_MEMORY'.",
        "slurmstepd: error: Detected 1 oom_kill event in StepId=8.0. Some step tasks were OOM Killed.",
        "slurmstepd-n1: error: StepId=2.0 exceeded memory limit (642859008 > 209715200), being killed",
    ],
    "time": [
        "SLURM-job '5' failed, SLURM status is: 'TIMEOUT'.",
        "slurmstepd: error: *** JOB 5 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***",
    ],
    "node": [
        "SLURM-job '5' failed due to a node failure, SLURM status is: 'NODE_FAIL'.",
        "error: *** JOB 5 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO NODE FAILURE, SEE SLURMCTLD LOG ***",
    ],
    "cancelled": ["SLURM-job '5' failed, SLURM status is: 'CANCELLED'. Detailed failure reason unavailable"],
    "": ["SLURM-job '5' failed, SLURM status is: 'FAILED'.", "ValueError: time and memory are short", "None"],
}


@pytest.mark.parametrize(("why", "text"), [(why, text) for why, texts in TEXTS.items() for text in texts])
def test_cause(why: str, text: str) -> None:
    assert cause(text) == why


def record(event: LogEvent, **values) -> logging.LogRecord:
    made = logging.LogRecord("snakemake", logging.ERROR, "", 0, "", (), None)
    made.__dict__.update(event=event, **values)
    return made


@pytest.fixture
def heard():
    """Return the handler and the lines that it says."""
    lines: list[str] = []
    handler = KilledJobs(lambda rule, resource: f"resources.{rule}.{resource}", lines.append)
    handler.emit(record(LogEvent.JOB_INFO, jobid=7, resources={"mem_mb": 8000, "runtime": 60}))
    return handler, lines


def test_names_the_number_to_raise(heard) -> None:
    handler, lines = heard
    message = "SLURM-job '5' failed, SLURM status is: 'OUT_OF_MEMORY'."
    handler.emit(record(LogEvent.JOB_ERROR, rule_name="train", jobid=7, rule_msg=message, log=["a.log"]))
    expected = "train (job 7): killed, it needed more than its 8000 MB of memory; raise config key "
    assert lines == [expected + "resources.train.mem_mb"]


def test_reads_slurms_own_log_of_a_group(heard, tmp_path: Path) -> None:
    handler, lines = heard
    log = tmp_path / "slurm_logs/group_score/5.log"
    log.parent.mkdir(parents=True)
    log.write_text(TEXTS["time"][1])
    jobs = [{"rule_name": "score", "jobid": 7}, {"rule_name": "score", "jobid": 8}]
    handler.emit(record(LogEvent.GROUP_ERROR, groupid="score", aux_logs=[str(log)], job_error_info=jobs))
    expected = "score (job 7, 8): killed, it needed more than its 60 minutes; raise config key "
    assert lines == [expected + "resources.score.runtime"]


def test_says_nothing_of_other_errors(heard) -> None:
    handler, lines = heard
    handler.emit(record(LogEvent.JOB_ERROR, rule_name="train", jobid=7, rule_msg=None, log=[]))
    assert lines == []
