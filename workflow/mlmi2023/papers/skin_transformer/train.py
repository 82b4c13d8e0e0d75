"""Training (Sect. 3): binary cross-entropy, Adam; the same for every network of Tables 1 and 2."""

from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.losses.segmentation import build_loss
from mlmi2023.tasks import segmentation
from mlmi2023.training.loop.plan import Plan

#: split that picks the epoch: ``test`` is what the release does, kept as a method of its own to show the cost
SELECTS = ("val", "test")


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: an unknown network, a split without images, or an unknown ``select_on``.
    """
    select = job.method_options.get("select_on", "val")
    if select not in SELECTS:
        raise InputError(f"config key methods.{job.method}.select_on is {select!r}; choose val or test")
    loss, augment = build_loss(job.task.get("loss")), job.task.get("augment")
    return segmentation.plan(segmentation.Resized(job), one_logit, loss, select, augment)


def one_logit(job: Job, images: segmentation.Cases) -> nn.Module:
    """Return the method's network with one logit, for lesion against skin.

    Raises:
        InputError: the cohort has several classes, or an unknown network.
    """
    if len(images.classes) != 1:
        raise InputError(
            f"cohort '{images.cohort.name}' has the classes {', '.join(images.classes)}; this paper takes "
            "one: give masks of one structure"
        )
    return segmentation.build_network(job, images, outputs=1)
