# What jobs need: CPU threads, memory, time, a GPU, and what a cluster calls these.
import math
import os
import sys

from mlmi2023.engine.cluster import slurm_is_meant, wants_gpu

# The one place where rules ask for a GPU. Decided where the workflow is started, and handed to the jobs by the
# environment: on another machine they must not come to another answer.
GPU = os.environ.get("MLMI2023_GPU")
if GPU is None:
    GPU = int(wants_gpu(SETTINGS.device, slurm_is_meant(sys.argv, os.environ)))
    os.environ.setdefault("MLMI2023_GPU", str(GPU))
GPU = int(GPU)


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


def is_trained(wildcards):
    return bool(
        ask(SETTINGS.stages, wildcards.paper, wildcards.dataset, wildcards.method)
    )


def needs(kind, subjects=None, network=False, together=1):
    """Return the resources of a kind of job (a key of the config's ``resources``).

    ``subjects(wildcards)`` is the number of subjects that the job works on; ``network`` says, or is a function of
    the wildcards that says, whether the job runs a network and so takes a GPU where there is one. On Slurm up to
    ``together`` jobs are one submission (see the profile), whose time is the sum of theirs.
    """
    slurm = config["slurm"]

    def grow(key):
        def amount(wildcards, attempt):
            job = config["resources"][kind]
            each = job.get(f"{key}_per_subject", 0)
            size = job[key] + (each * subjects(wildcards) if each else 0)
            most = slurm[f"max_{key}"] or math.inf
            if key == "runtime":
                most = max(1, most // together)
            return min(math.ceil(size * attempt), most)

        amount.config_key = f"resources.{kind}.{key}"
        return amount

    def gpu(wildcards):
        wanted = network(wildcards) if callable(network) else network
        return GPU if wanted else 0

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
