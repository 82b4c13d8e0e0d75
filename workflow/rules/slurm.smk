# On Slurm: say why the cluster killed a job.
from snakemake.logging import logger

from mlmi2023.engine.killed import KilledJobs


def config_key(rule, resource):
    """Return the config key behind a rule's resource."""
    amount = workflow.get_rule(rule).resources[resource]
    # Snakemake has no public way to the function behind a resource
    return getattr(amount._evaluator, "config_key", f"for {resource} of rule {rule}")


if workflow.is_main_process:
    logger.addHandler(KilledJobs(config_key, logger.error))
