"""Training (Sect. 3.1) of rows on nuclei; on stand-ins, of SAM and its small encoder on shapes before."""

from pathlib import Path

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.losses.segmentation import build_loss
from mlmi2023.papers.sppnet.cases import Nuclei, learned
from mlmi2023.papers.sppnet.model import FINER
from mlmi2023.papers.sppnet.module import Distilling, Prompted
from mlmi2023.papers.sppnet.networks import build, start_from
from mlmi2023.papers.sppnet.shapes import draw_shapes
from mlmi2023.papers.sppnet.source import Drawn, Source
from mlmi2023.tasks.segmentation.module import DICE
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.loop.plan import Plan

#: images of shapes that validate
HELD = 32


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: the cohort cannot serve, or what the method starts from is missing.
    """
    cases, keys = Nuclei(job), learned(job)
    net = build(job.method_options["net"], cases.size[0])
    if keys.start:
        start_from(net, _weights(job, keys.start), keys.start)
    if keys.model == "segmenter":
        samples = cases.samples("val", None)
        return _plan(job, net, samples.source, samples.train, samples.val, samples.held)
    train, held = (draw_shapes(n, FINER * cases.size[0], p) for p, n in enumerate((cases.task.shapes, HELD)))
    images, numbers = (np.concatenate(pair) for pair in zip(train, held))
    # one that follows an encoder asks for no mask
    each = cases.task.shape_points if keys.model == "shapes" else 1
    source = Source(images, numbers, cases.task, keys.point, single=True, each=each)
    rows = list(range(len(images)))
    first = len(rows) - HELD
    chunks = RowChunks(rows[first:], int(job.train.get("val_batch", cases.together)))
    made = _plan(job, net, source, Drawn(rows[:first]), chunks, HELD, keys.model == "distil")
    if isinstance(made.module, Distilling):
        teacher = build(job.method_options["teacher"], cases.size[0])
        start_from(teacher, _weights(job, str(keys.start)), str(keys.start))
        made.module.taught_by(teacher.get_submodule("encoder"))
    return made


def _plan(
    job: Job,
    net: nn.Module,
    source: nn.Module,
    train: Dataset,
    val: Dataset | None,
    held: int,
    distil: bool = False,
) -> Plan:
    kind = Distilling if distil else Prompted
    loss = build_loss(job.train.get("loss"))
    module = kind(net, loss, job.train, source, classes=1, cases=held)
    return Plan(module, train, val, measure=DICE)


def _weights(job: Job, method: str) -> Path | None:
    if method not in job.used:
        raise InputError(
            f"config key methods.{job.method}.start is '{method}', which 'uses' lacks; name it there"
        )
    return job.used[method].weights
