"""Training: to segment with any subset (Sect. 3), or to tell classes (Table 3)."""

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.magnet import methylation
from mlmi2023.papers.magnet.acn import CoTraining
from mlmi2023.papers.magnet.module import SubsetTraining
from mlmi2023.papers.magnet.networks import agnostic, channels_of, keys_of, pairs
from mlmi2023.papers.magnet.options import Acn, EfficientNet, ResNet50
from mlmi2023.papers.magnet.scans import MultiModal
from mlmi2023.tasks.segmentation.module import DICE
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.loop.plan import Plan


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: the method is for another kind of task, or the cohort does not serve.
    """
    keys = keys_of(job)
    if job.task["kind"] == "methylation":
        if isinstance(keys, methylation.Keys):
            return methylation.plan(job, keys)
        raise InputError(f"config key methods.{job.method}: '{keys.model}' segments, and does not classify")
    if isinstance(keys, ResNet50 | EfficientNet):
        raise InputError(f"config key methods.{job.method}: '{keys.model}' classifies, and does not segment")
    cases = MultiModal(job)
    samples, classes = cases.samples("val", job.task.get("augment")), 1 + len(cases.classes)
    if isinstance(keys, Acn):
        held = cases.rows("val")
        made = pairs(job, keys, cases, classes)
        return Plan(
            CoTraining(made, samples.source, keys, job.train, classes, len(held)),  # type: ignore[arg-type]
            samples.train,
            RowChunks(held, 1),
            repeats=len(made),
            parameters=sum(p.numel() for p in made[0].parameters()),
            measure=DICE,
            selected_by="val_dice of each subset",
        )
    net = agnostic(keys, cases.channels, classes, cases.size, job.method)
    module = SubsetTraining(
        net,
        samples.source,  # type: ignore[arg-type]
        keys,
        job.train,
        samples.held,
        cases.channels,
        channels_of(keys),
    )
    return Plan(module, samples.train, samples.val, measure=DICE)
