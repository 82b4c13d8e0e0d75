"""Training: the same images, steps, rate and rule for all networks; the best validated weights are kept."""

from typing import Any

import torch
from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.losses.segmentation import build_loss
from mlmi2023.papers.ffpn.anchors import cluster
from mlmi2023.papers.ffpn.cases import ORDERS, Outlined, Pictures
from mlmi2023.papers.ffpn.module import Detecting
from mlmi2023.papers.ffpn.networks import DETECTORS
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.segmentation import Cases
from mlmi2023.tasks.segmentation.module import DICE
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.data.images import DrawnRows
from mlmi2023.training.loop.plan import Plan


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: a split is empty, or an image does not fit the network.
    """
    cases = Outlined(job)
    if not detects(job):
        return segmentation.plan(cases, loss=build_loss(job.task.get("loss")))
    train, val = cases.rows("train"), cases.rows("val")
    net: Any = detector(job, cases)
    source = Pictures(cases, [*train, *val], getattr(net, "number", ORDERS))
    if hasattr(net, "start"):
        own = source.get_buffer("place")[train]
        there = source.get_buffer("there")[own]
        if not bool(there.any()):
            raise InputError(
                f"cohort '{cases.cohort.name}': no training image has a structure; check its masks"
            )
        contours = source.get_buffer("coefficients")[own][there]
        net.start(torch.from_numpy(cluster(contours.numpy(), len(net.anchors))))
    module = Detecting(net, nn.Identity(), job.train, source, len(cases.classes), len(val))
    at_once = int(job.train.get("val_batch", 16))
    return Plan(module, DrawnRows(train), RowChunks(val, at_once), measure=DICE)


def detects(job: Job) -> bool:
    """Return whether the method's network answers with contours or boxes, not with labelled pixels."""
    return job.method_options["net"]["name"] in DETECTORS


def detector(job: Job, cases: Cases) -> nn.Module:
    """Return the method's detector, one answer for each structure."""
    return segmentation.build_network(job, cases, outputs=len(cases.classes))
