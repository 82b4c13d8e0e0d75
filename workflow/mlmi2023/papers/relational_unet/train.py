"""Training of one network (Sect. 4): patches of the training scans, best validation Dice.

Validation slides a window over whole scans, as the test does.
"""

from mlmi2023.core.jobs import Job
from mlmi2023.papers.relational_unet import losses
from mlmi2023.tasks import segmentation
from mlmi2023.training.loop.plan import Plan


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method."""
    return segmentation.plan(segmentation.Volumes(job), loss=losses.build(job.train["loss"]))
