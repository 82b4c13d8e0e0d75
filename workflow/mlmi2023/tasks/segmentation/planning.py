"""From a method's config to module and samples: the training that segmentation papers share."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from mlmi2023.core.jobs import Job
from mlmi2023.losses.segmentation import build_loss
from mlmi2023.nets import registry
from mlmi2023.tasks.segmentation.cases import Cases, Samples
from mlmi2023.tasks.segmentation.module import DICE, Segmentation, constant_loss
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import TRAIN_LOSS, Measure

#: training cases, spread over all, that tell what predicting the frequencies of labels costs
SOME = 64
#: what builds the network of a job for cases
Build = Callable[[Job, Cases], nn.Module]


def own_networks(paper: str) -> tuple[str, ...]:
    """Return the module that enters a paper's own networks, if it has one: ``papers.<paper>.networks``."""
    name = f"mlmi2023.papers.{paper}.networks"
    return (name,) if importlib.util.find_spec(name) else ()


def build_network(job: Job, cases: Cases, outputs: int | None = None) -> nn.Module:
    """Return the network of the method's key ``net``: shared, or entered by the paper's module ``networks``.

    Args:
        job: of a learned method.
        cases: say how many channels go in and how large they are.
        outputs: channels that come out; None: one for each structure and one for the background.

    Raises:
        InputError: an unknown network or size, or an image that does not fit.
    """
    outputs = 1 + len(cases.classes) if outputs is None else outputs
    options = job.method_options["net"]
    return registry.build(options, cases.channels, outputs, cases.size, *own_networks(job.paper))


def count_weights(
    job: Job, options: Mapping[str, Any], channels: int, outputs: int, size: Sequence[int]
) -> int:
    """Return the number of weights of ``options``, as the key ``net`` has them, without making them."""
    return registry.count_weights(options, channels, outputs, size, *own_networks(job.paper))


def plan(
    cases: Cases,
    build: Build = build_network,
    loss: nn.Module | None = None,
    select: str = "val",
    augment: Any = None,
) -> Plan:
    """Return module and samples of a learned method.

    Args:
        cases: of the job.
        build: of the network.
        loss: takes the network's output and the target; None: of the key ``train.loss``.
        select: the part whose Dice picks the weights.
        augment: configuration of the augmentation; None: the key ``train.augment``.

    Raises:
        InputError: a part without cases, or a key of the config that cannot be used.
    """
    job = cases.job
    net = build(job, cases)
    samples = cases.samples(select, job.train.get("augment") if augment is None else augment)
    module = Segmentation(
        net,
        build_loss(job.train.get("loss")) if loss is None else loss,
        job.train,
        samples.source,
        classes=len(cases.classes),
        cases=samples.held,
        infer=cases.infer,
    )
    return Plan(module, samples.train, samples.val, measure=_measure(module, samples, cases))


def _measure(module: Segmentation, samples: Samples, cases: Cases) -> Measure:
    """Return what says whether the network has learned: validated Dice, else the loss of training.

    The floor of the loss is that of predicting how frequent each label is.
    """
    if samples.val is not None:
        return DICE

    def floor() -> float:
        rows = cases.rows("train")
        some = [rows[i] for i in np.linspace(0, len(rows) - 1, min(len(rows), SOME)).astype(int)]
        targets = torch.cat([cases.targets(row) for row in some]).long()
        return constant_loss(module.loss, targets, 1 + len(cases.classes))

    return Measure(TRAIN_LOSS, "lower", ceiling=0.0, floor=floor)
