"""Training on slices: the loss of Sect. 3, SGD with a polynomial rate, flips and turns."""

from functools import partial

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.losses.segmentation import build_loss
from mlmi2023.papers.fine_grained_wavelet.networks import build_net
from mlmi2023.papers.fine_grained_wavelet.slices import centred, open_slices
from mlmi2023.tasks.segmentation import DICE, Segmentation, constant_loss
from mlmi2023.training.data.augment2d import Augment2D
from mlmi2023.training.data.on_device import DeviceImages, DrawnRows, RowChunks
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import TRAIN_LOSS, Measure

#: Training slices, spread over all, that tell what predicting the frequencies of labels costs.
SOME = 64


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method; slices of validation cases where a monitor needs them.

    Raises:
        InputError: the cohort has no training case, or a key of the config cannot be used.
    """
    wanted = ("train", "val") if job.train.get("monitor") else ("train",)
    slices = open_slices(job, *wanted)
    split, case = [], []
    for number, own in enumerate(slices.cases):
        split += [own.split] * own.shape[0]
        case += [number] * own.shape[0]
    rows = np.flatnonzero(np.array(split) == "train")
    if not len(rows):
        raise InputError(f"cohort '{slices.cohort.name}' has no training case; check its split")
    net = build_net(job, slices.channels, 1 + len(slices.classes))
    source = DeviceImages(
        np.concatenate([slices.inputs(own) for own in slices.cases]),
        np.concatenate([slices.targets(own) for own in slices.cases]),
        centred,
        Augment2D.from_config(job.train.get("augment")),
    )
    loss = build_loss(job.train.get("loss"))
    module = Segmentation(net, loss, job.train, source, classes=len(slices.classes), cases=len(slices.cases))
    held = np.flatnonzero(np.array(split) == "val")
    val = RowChunks(held, int(job.train["batch"]), np.array(case)[held]) if len(held) else None
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), SOME)).astype(int)]
    floor = partial(constant_loss, loss, source.masks[some].long(), 1 + len(slices.classes))
    measure = DICE if val else Measure(TRAIN_LOSS, "lower", ceiling=0.0, floor=floor)
    return Plan(module, DrawnRows(rows), val, measure=measure)
