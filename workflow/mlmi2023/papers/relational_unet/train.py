"""Training of one network (Sect. 4): patches of the training scans, best validation Dice."""

from typing import Any

from torch import Tensor, nn

from mlmi2023.cohorts.forms.scans.reader import divide, open_scans
from mlmi2023.core.jobs import Job
from mlmi2023.papers.relational_unet import losses
from mlmi2023.papers.relational_unet.baselines import build
from mlmi2023.papers.relational_unet.inference import class_count, window_logits
from mlmi2023.tasks.segmentation import DICE, Segmentation
from mlmi2023.training.data.augment3d import Augment3D
from mlmi2023.training.data.on_device import RowChunks
from mlmi2023.training.data.patches import DevicePatches, DrawnPatches
from mlmi2023.training.loop.plan import Plan


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Validation slides a window over whole scans, as the test does.
    """
    scans, task = open_scans(job.data), job.task
    parts = divide(scans, job.fold, task.get("val", "val"), task.get("tested", ("test",)))
    classes = class_count(scans)
    augment = Augment3D.from_config(job.train.get("augment"))
    source = DevicePatches(scans, [*parts["train"], *parts["val"]], task["patch"], augment)
    module = Segmentation(
        build(job.method_options, classes, task["patch"]),
        losses.build(job.train["loss"]),
        job.train,
        source,
        classes - 1,
        len(parts["val"]),
        _infer(task),
    )
    drawn = DrawnPatches(scans, parts["train"], task["patch"], job.train["positive"], task.get("within"))
    return Plan(module, drawn, RowChunks(parts["val"], 1), measure=DICE)


def _infer(task: dict[str, Any]) -> Any:
    def infer(net: nn.Module, image: Tensor) -> Tensor:
        return window_logits(net, image, task)

    return infer
