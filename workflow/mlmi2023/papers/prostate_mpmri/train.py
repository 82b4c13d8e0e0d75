"""Training of one network (Sect. 3.3): whole volumes, a loss at each resolution, best validation Dice."""

from mlmi2023.core.jobs import Job
from mlmi2023.losses.segmentation import DeepSupervision, build_loss
from mlmi2023.papers.prostate_mpmri.cases import Glands, build
from mlmi2023.tasks import segmentation
from mlmi2023.training.loop.plan import Plan


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method; a network with one output has the plain loss."""
    loss = DeepSupervision(build_loss(job.train.get("loss")), job.train.get("deep", (1.0, 0.5, 0.25, 0.125)))
    return segmentation.plan(Glands(job), build, loss)
