# What jobs need: CPU threads, memory, time, a GPU, and what a cluster calls these.
import math
import os

from mlmi2023.engine.cluster import wants_gpu


# A desk has one network at a time on its GPU, or as many as --resources gpu=2 says. Of the scope "local": what a
# cluster has is the cluster's to count, whatever profile sends the jobs there. The one slot makes the jobs of a
# submission run one after the other, where a profile lets them ask for it.
resource_scopes:
    gpu="local",
    slot="local",


for name in ("gpu", "slot"):
    if name not in workflow.global_resources:
        workflow.register_resource(name, 1)


def with_gpu():
    """Return how many GPUs a job that runs a network asks for: 1 or 0. The one place where rules ask for one.

    Decided by the process that was started first, as soon as Snakemake knows where jobs run, and handed to the
    jobs by the environment: on another machine they must not come to another answer.
    """
    if os.environ.get("MLMI2023_GPU") is None:
        # a dry run does not know its executor; but of the two only a cluster is given a number of jobs
        guess = workflow.dryrun and workflow.nodes is not None
        wanted = wants_gpu(SETTINGS.device, cluster=guess or not workflow.local_exec)
        os.environ.setdefault("MLMI2023_GPU", str(int(wanted)))
    return int(os.environ.get("MLMI2023_GPU"))


_counts = {}


def number_of(cohort, *splits):
    """Return how many subjects a cohort has in these splits, or in all.

    Of other forms than volumes only those that the config plans are known before their files are read.
    Counted once per workflow: every job of a cohort asks.
    """
    if (cohort, splits) not in _counts:
        _counts[cohort, splits] = _count(cohort, splits)
    return _counts[cohort, splits]


def _count(cohort, splits):
    if in_volumes(cohort):
        return sum(not splits or r.split in splits for r in records(cohort))
    planned = ask(SETTINGS.cohort, cohort).get("subjects", {})
    return sum(n for s, n in planned.items() if not splits or s in (*splits, "all"))


def in_cohort(wildcards):
    return number_of(wildcards.cohort)


def in_batch(wildcards):
    return len(batch_of(wildcards.cohort, wildcards.batch))


def for_training(wildcards):
    """Return the number of training and validation subjects."""
    return number_of(cohort_of(wildcards), "train", "val")


def for_test(wildcards):
    return number_of(cohort_of(wildcards), "test")


def of_a_batch(wildcards):
    """Return how many jobs preprocess a batch of subjects."""
    return len(ask(SETTINGS.steps, wildcards.cohort))


def of_a_report(wildcards):
    """Return how many jobs make a paper's metrics, tables, claims and page."""
    return 3 + len(tables_of(wildcards.paper))


def is_trained(wildcards):
    return bool(
        ask(SETTINGS.stages, wildcards.paper, wildcards.dataset, wildcards.method)
    )


def needs(kind, subjects=None, network=False, together=lambda w: 1):
    """Return the resources of a kind of job (a key of the config's ``resources``).

    ``subjects(wildcards)`` is the number of subjects that the job works on; ``network`` says, or is a function of
    the wildcards that says, whether the job runs a network and so takes a GPU where there is one. On Slurm
    ``together(wildcards)`` jobs at most are one submission (see the profile), whose time is the sum of theirs.
    """
    slurm = config["slurm"]

    def grow(key):
        def amount(wildcards, attempt):
            job = config["resources"][kind]
            each = job.get(f"{key}_per_subject", 0)
            size = job[key] + (each * subjects(wildcards) if each else 0)
            wanted, most = math.ceil(size * attempt), slurm[f"max_{key}"]
            if not most:
                return wanted
            if key == "runtime":
                most = max(1, most // together(wildcards))
            return min(wanted, most)

        amount.config_key = f"resources.{kind}.{key}"
        return amount

    def gpu(wildcards):
        wanted = network(wildcards) if callable(network) else network
        return with_gpu() if wanted else 0

    def partition(wildcards):
        return gpu(wildcards) and slurm["gpu_partition"] or slurm["partition"]

    found = dict(mem_mb=grow("mem_mb"), runtime=grow("runtime"))
    if network:
        found["gpu"] = gpu
    if network and slurm["gpu_model"]:
        found["gpu_model"] = lambda wildcards: (
            slurm["gpu_model"] if gpu(wildcards) else ""
        )
    if slurm["partition"] or slurm["gpu_partition"]:
        found["slurm_partition"] = partition
    if slurm["account"]:
        found["slurm_account"] = slurm["account"]
    if slurm["constraint"]:
        found["constraint"] = slurm["constraint"]
    return found
