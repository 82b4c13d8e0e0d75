"""Training (Sect. 3) on the objects of slices; on stand-ins, of a small SAM on shapes."""

import numpy as np
import torch

from mlmi2023.core.jobs import Job
from mlmi2023.core.options import keys_of, options
from mlmi2023.losses.segmentation import build_loss
from mlmi2023.papers.pe_med.losses import NormalisedFocalLoss
from mlmi2023.papers.pe_med.module import DICE, Automatic, Clicking
from mlmi2023.papers.pe_med.networks import build, build_automatic
from mlmi2023.papers.pe_med.objects import Objects, exclusive
from mlmi2023.papers.pe_med.options import Focal, Interactive, Task
from mlmi2023.papers.pe_med.shapes import SHAPES, draw_shapes
from mlmi2023.papers.pe_med.source import DrawnObjects, HeldObjects, ObjectSource, click_draws
from mlmi2023.training.data.augment2d import Augment2D
from mlmi2023.training.loop.plan import Plan

#: first word of the random states of validated clicks
VALIDATED = 101
#: images of shapes that validate
HELD = 32


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: the cohort or a network's size does not serve.
    """
    task = options(Task, dict(job.task), "config", "task")
    size, augment = (task.size[0], task.size[1]), Augment2D.from_config(job.train.get("augment"))
    if job.method_options.get("model") == "automatic":
        objects = Objects(job, ("train", "val"))
        source = ObjectSource(objects.images, objects.labels, objects.tables, augment)
        net = build_automatic(job.method_options["net"], size, len(objects.organs))
        numbers = torch.from_numpy(exclusive(objects))
        module = Automatic(net, build_loss(job.train.get("loss")), job.train, source, numbers)
        return _plan(job, module, objects.pairs["train"], objects.held())
    keys = interactive(job)
    if keys.learn == "shapes":
        source, train, held = _shapes(task, augment)
    else:
        objects = Objects(job, ("train", "val"))
        source = ObjectSource(objects.images, objects.labels, objects.tables, augment)
        train, held = objects.pairs["train"], objects.held()
    loss = NormalisedFocalLoss(**vars(options(Focal, job.train.get("focal"), "config", "train.focal")))
    net = build(job.method_options["net"], size, task.clicks.radius)
    made = Clicking(net, loss, job.train, source, task.clicks, keys.self_loop)
    return _plan(job, made, train, held)


def _plan(job: Job, module: Automatic | Clicking, train: np.ndarray, held: np.ndarray) -> Plan:
    at_once = int(job.train.get("val_batch", 32))
    clicks = options(Task, dict(job.task), "config", "task").clicks.validated
    val = HeldObjects(held, at_once, click_draws(VALIDATED, job.seed, held, clicks))
    return Plan(module, DrawnObjects(train), val, measure=DICE)


def _shapes(task: Task, augment: Augment2D) -> tuple[ObjectSource, np.ndarray, np.ndarray]:
    """Return images of shapes, and the shapes that are learned from and that validate."""
    parts = [draw_shapes(count, task.size[0], part) for part, count in enumerate((task.shapes, HELD))]
    images, numbers = (np.concatenate(pair) for pair in zip(*parts))
    tables = np.arange(256)[None] == np.arange(1, SHAPES[1] + 1)[:, None]
    counts = np.stack([(numbers == shape).sum((1, 2)) for shape in range(1, SHAPES[1] + 1)], 1)
    pairs = np.argwhere(counts >= task.least)
    first = pairs[:, 0] < task.shapes
    return ObjectSource(images, numbers, tables, augment), pairs[first], pairs[~first]


def interactive(job: Job) -> Interactive:
    """Return the keys of a learned method that answers to clicks."""
    # others, such as `uses`, are the workflow's
    own = {key: value for key, value in job.method_options.items() if key in keys_of(Interactive)}
    return options(Interactive, own, "config", f"methods.{job.method}")
