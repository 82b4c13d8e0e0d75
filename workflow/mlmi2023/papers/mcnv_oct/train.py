"""Training (Sect. 3.1): Adam, the same for every row of Tables 1 and 2; the loss is not in the paper."""

from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.losses.segmentation import build_loss
from mlmi2023.papers.mcnv_oct.copies import Copies
from mlmi2023.tasks import segmentation
from mlmi2023.training.loop.plan import Plan


def opened(job: Job) -> segmentation.Resized:
    """Return the images of a job: the cohort's, or with ``leaky`` their copies too."""
    return Copies(job) if job.method_options.get("leaky") else segmentation.Resized(job)


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: an unknown network, or a split without images.
    """
    cases = opened(job)
    # copies are all that the leaky rows have in the place of augmentation
    augment = {} if isinstance(cases, Copies) else job.task.get("augment")
    return segmentation.plan(cases, one_logit, build_loss(job.task.get("loss")), augment=augment)


def one_logit(job: Job, images: segmentation.Cases) -> nn.Module:
    """Return the method's network with one logit, for lesion against all else.

    Raises:
        InputError: the cohort has several classes, or an unknown network.
    """
    if len(images.classes) != 1:
        raise InputError(
            f"cohort '{images.cohort.name}' has the classes {', '.join(images.classes)}; this paper takes "
            "one: give masks of one structure"
        )
    return segmentation.build_network(job, images, outputs=1)
