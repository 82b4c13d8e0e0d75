"""From a method's config to its training (Sects. 2.2, 2.5).

Libraries of encoders are imported where an encoder is trained: half of the rows have none.
"""

import importlib

from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.losses.segmentation import build_loss
from mlmi2023.papers.ocm_vit.cases import PoolCases
from mlmi2023.papers.ocm_vit.keys import keys_of
from mlmi2023.papers.ocm_vit.options import VitRow
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.segmentation.module import DICE, Segmentation
from mlmi2023.training.loop.plan import Plan

#: by model, what plans its training
PLANS = {
    "mim": "pretraining:plan_mim",
    "dino": "dino:plan_dino",
    "stego": "stego_training:plan_stego",
    "picie": "picie_training:plan_picie",
}


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: the cohort cannot serve, or a key cannot be used.
    """
    model = job.method_options["model"]
    if model not in PLANS:
        return plan_segmenter(job)
    module, function = PLANS[model].split(":")
    made: Plan = getattr(importlib.import_module(f"{__package__}.{module}"), function)(job)
    return made


def plan_segmenter(job: Job) -> Plan:
    """Return module and samples of the U-Net, or of an encoder with a head: all with the same settings.

    True labels are of a share of the training images; pseudo-labels are those that another method has found
    in the pool. The weights with the highest Dice on validation images, or on held images of the pool with
    their pseudo-labels, are kept.
    """
    cases = PoolCases(job)
    augment = job.train.get("augment")
    if job.method_options.get("labels") == "pseudo":
        used = list(job.used.values())
        if len(used) != 1:
            raise InputError(
                f"config key methods.{job.method}.uses: name the one method whose masks are learned"
            )
        samples = cases.pseudo(used[0].predictions, augment)
    else:
        samples = cases.samples("val", augment)
    net = network(job, cases)
    if job.method_options["model"] == "vit":
        from mlmi2023.papers.ocm_vit.vit import load_encoder

        if job.previous is None:
            raise InputError(
                f"config key methods.{job.method}.stages: begin with 'pretrain', another method's training"
            )
        load_encoder(net.vit, job.previous)  # type: ignore[arg-type]
    module = Segmentation(
        net, build_loss(loss_of(cases)), job.train, samples.source, cases=samples.held, infer=cases.infer
    )
    return Plan(module, samples.train, samples.val, measure=DICE)


def loss_of(cases: PoolCases) -> dict[str, object]:
    """Return the keys of the task's loss."""
    return vars(cases.task.loss)


def network(job: Job, cases: segmentation.Cases) -> nn.Module:
    """Return the untrained network of a method that segments, with one logit.

    An encoder has the position codes of its pretraining, which it stretches to images of another size.
    """
    assert isinstance(cases, PoolCases)
    if job.method_options["model"] == "unet":
        return segmentation.build_network(job, cases, outputs=1)
    from mlmi2023.papers.ocm_vit.vit import Probe, encoder, sizes_of

    keys = keys_of(VitRow, job)
    # what it begins with is the weights of another training
    vit = encoder(sizes_of(job.method_options["net"], bare=True), cases.encoder_size)
    return Probe(vit, keys.head, keys.inner, keys.frozen)
