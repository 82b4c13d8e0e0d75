"""Make a tree look finished: `python finish.py <snakemake arguments>`, run in the repository.

For every job of the DAG the outputs are made as empty files and recorded by Snakemake's own bookkeeping
(``persistence.finished``, which runs after each real job), in the order of the dependencies. Only the scripts
and the waiting are left out, so what a later run makes of the tree is what it would make of a real one.
"""

import sys

from snakemake.cli import main
from snakemake.scheduling.job_scheduler import JobScheduler


async def finish(workflow) -> None:
    """Make and record the outputs of all jobs."""
    dag, done = workflow.dag, set()
    todo = list(dag.jobs)
    while todo:
        ready = [job for job in todo if all(d in done for d in dag.dependencies[job])]
        for job in ready:
            for output in job.output:
                output.prepare()
                output.touch_or_create()
            await workflow.persistence.finished(job)
        done.update(ready)
        todo = [job for job in todo if job not in done]


def schedule(self) -> bool:
    """Take the place of the scheduler: nothing runs."""
    self.workflow.async_run(finish(self.workflow))
    return True


JobScheduler.schedule = schedule
sys.argv[0] = "snakemake"
main()
