"""Print what each job asks for: `python asked_resources.py <snakemake arguments>`, run in a repository.

One line of JSON for each job that would be sent and each attempt of three: rule, attempt, MB, minutes,
cores, GPUs. Nothing is started.
"""

import json
import sys

from snakemake.cli import main
from snakemake.scheduling.job_scheduler import JobScheduler


def schedule(self) -> bool:
    """Take the place of the scheduler."""
    for job in self.workflow.dag.needrun_jobs():
        for attempt in (1, 2, 3):
            job.attempt = attempt
            asked = job.resources
            found = [asked.get("mem_mb"), asked.get("runtime"), asked["_cores"], asked.get("gpu", 0)]
            if not job.is_local:
                print(json.dumps([job.rule.name, attempt, *found]))
    return True


JobScheduler.schedule = schedule
sys.argv[0] = "snakemake"
main()
