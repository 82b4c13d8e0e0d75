# What happens before the first job: the results are locked; on Slurm a look at the cluster, here warm workers.
from mlmi2023.engine.cluster import check
from mlmi2023.engine.lock import hold
from mlmi2023.engine.warm import start


onstart:
    say(filter(None, [ask(hold, SETTINGS.results)]))
    executor = workflow.executor_plugin.name
    if executor == "slurm":
        ask(check, config["slurm"], SETTINGS.device, bool(with_gpu()))
    # an environment or container of its own has another Python, and a cluster's jobs run elsewhere
    deployed = workflow.deployment_settings.deployment_method
    if executor == "local" and config["warm_workers"] and not deployed:
        reason = start.start()
        if reason:
            logger.info(f"warm workers are off: {reason}")
