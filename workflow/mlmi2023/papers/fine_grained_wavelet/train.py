"""Training on slices: the loss of Sect. 3, SGD with a polynomial rate, flips and turns (key ``train``)."""

from mlmi2023.core.jobs import Job
from mlmi2023.tasks import segmentation
from mlmi2023.training.loop.plan import Plan


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method."""
    return segmentation.plan(segmentation.Slices(job))
