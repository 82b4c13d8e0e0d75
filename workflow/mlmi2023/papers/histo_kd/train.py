"""Training of every stage: joint embeddings, translation, probes and supervised encoders (Sect. 2.2)."""

import lightning.pytorch as pl

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.histo_kd.building import (
    branch_views,
    build,
    class_counts,
    method_of,
    probed_branch,
    take_over,
)
from mlmi2023.papers.histo_kd.classifying import Classifying, Probing, settle_norms
from mlmi2023.papers.histo_kd.embedding import Embedding, Translating, chance, error_of_the_mean
from mlmi2023.papers.histo_kd.model import JointEmbedding, begin, build_unet
from mlmi2023.papers.histo_kd.options import Joint, Supervised, Translation, Untrained
from mlmi2023.papers.histo_kd.patches import Draws, Patches, fixed_draws
from mlmi2023.papers.histo_kd.reading import Reading
from mlmi2023.training.data.numbers import Chunks
from mlmi2023.training.loop.device import pick_device
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure


def plan(job: Job) -> Plan:
    """Return module and samples of one stage of a learned method.

    Raises:
        InputError: the cohort or the order of stages does not serve.
    """
    patches, own = Patches(job), method_of(job.method_options)
    for split in ("train", "val"):
        if not len(patches.rows(split)):
            raise InputError(f"{patches.where}.cohort: split '{split}' has no patches; give it some patients")
    if job.stage == "ssl":
        return _embedding(job, own, patches)
    if job.stage == "translate":
        return _translation(job, own, patches)
    return _classifiers(job, own, patches)


def _embedding(job: Job, own: Joint, patches: Patches) -> Plan:
    begin(job.seed, own.restart)
    net = JointEmbedding(own.net, own.shared)
    reading = None
    if targets := patches.judged_by():
        reading = Reading(patches, targets), probed_branch(patches.task, own)
    module = Embedding(net, own, patches, branch_views(patches.task, own), job.train, reading)
    if reading:
        return _plan(module, patches, Measure("val_read", "higher", ceiling=1.0, floor=0.0))
    floor = chance(len(patches.rows("val")), patches.task.val_batch)
    return _plan(module, patches, Measure("val_match", "higher", ceiling=1.0, floor=floor))


def _translation(job: Job, own: Translation, patches: Patches) -> Plan:
    module = Translating(build_unet(own.net), patches, job.train)
    floor = error_of_the_mean(patches)
    return _plan(module, patches, Measure("val_error", "lower", ceiling=0.0, floor=floor))


def _classifiers(job: Job, own: object, patches: Patches) -> Plan:
    net = build(own, class_counts(patches))
    module: Classifying
    if isinstance(own, Supervised):
        module = Classifying(net, patches, job.train)
    else:
        device = pick_device(job.device)
        if isinstance(own, Untrained):
            settle_norms(net, patches, device)
        else:
            take_over(net, own, patches.task, job)
        module = Probing(net, patches, job.train, device)
    return _plan(module, patches, Measure("val_acc", "higher", ceiling=1.0, floor=module.majority))


def _plan(module: pl.LightningModule, patches: Patches, measure: Measure) -> Plan:
    chunks = Chunks(fixed_draws(patches.rows("val")), patches.task.val_batch)
    return Plan(module, Draws(patches.rows("train")), chunks, measure=measure)
