"""Training of the classifier, of the agent, and of the networks that both are compared with."""

from mlmi2023.core.jobs import Job
from mlmi2023.papers.boundary_rl.cases import Glands
from mlmi2023.papers.boundary_rl.classifier import build
from mlmi2023.papers.boundary_rl.mil import PooledUnet
from mlmi2023.papers.boundary_rl.patch_training import plan_patches
from mlmi2023.papers.boundary_rl.walk_training import plan_walks
from mlmi2023.tasks import segmentation
from mlmi2023.training.loop.plan import Plan


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: the cohort cannot serve, or the classifier is missing.
    """
    cases, model, side = Glands(job), job.method_options["model"], int(job.task["patch"])
    if model == "classifier":
        painted = float(job.method_options.get("painted", 0.0))
        return plan_patches(job, cases, build(job.method_options.get("net") or {}, side), painted)
    if model == "mil":
        return plan_patches(job, cases, PooledUnet(job.method_options["net"], side))
    if model == "controller":
        return plan_walks(job, cases)
    return segmentation.plan(cases)
