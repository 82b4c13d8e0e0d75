"""Training (Sect. 2.3): five folds, Adam; the networks of all folds at once, the last step's weights."""

import numpy as np
from torch import nn

from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.prostate_cancer_ms.cases import Glands
from mlmi2023.papers.prostate_cancer_ms.folds import FoldChunks, FoldSamples, GlandSlices, deal, pixels
from mlmi2023.papers.prostate_cancer_ms.losses import DetectionLoss, class_weights
from mlmi2023.papers.prostate_cancer_ms.model import Detector, Members
from mlmi2023.papers.prostate_cancer_ms.module import CrossValidated
from mlmi2023.papers.prostate_cancer_ms.options import Train
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.segmentation.module import DICE
from mlmi2023.training.data.augment2d import Augment2D
from mlmi2023.training.loop.plan import Plan


def build(job: Job, cases: segmentation.Cases) -> nn.Module:
    """Return the untrained networks of all folds.

    Raises:
        InputError: an unknown network, or a size that does not fit.
    """
    assert isinstance(cases, Glands)
    classes, layers = 1 + len(cases.classes), int(job.method_options.get("dpm", 0))
    return Members(
        [
            Detector(segmentation.build_network(job, cases), classes, cases.size, layers)
            for _ in range(cases.task.folds)
        ]
    )


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: a cohort that does not serve, or too few patients for the folds.
    """
    cases, train = Glands(job), options(Train, job.train, f"config of paper '{job.paper}'", "train")
    dealt = deal(cases)
    rows, folds = list(dealt), list(dealt.values())
    source = GlandSlices(cases, rows, Augment2D.from_config(job.train.get("augment")))
    case = np.repeat(np.arange(len(rows)), source.counts)
    fold = np.array(folds)[case]
    losses = [
        DetectionLoss(
            class_weights(pixels(cases, [row for row in rows if dealt[row] != number])),
            train.decision,
            train.scales,
            train.sides,
            train.outside,
        )
        for number in range(cases.task.folds)
    ]
    net = build(job, cases)
    assert isinstance(net, Members)
    module = CrossValidated(net, losses, job.train, source, len(cases.classes), len(rows))
    samples = FoldSamples([np.flatnonzero(fold != number).tolist() for number in range(cases.task.folds)])
    val = FoldChunks(fold.tolist(), case.tolist(), train.val_batch or train.batch)
    return Plan(module, samples, val, measure=DICE)
