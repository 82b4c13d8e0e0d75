"""Training of the classifier of centres, and of networks that segment, with and without masking."""

from mlmi2023.core.jobs import Job
from mlmi2023.core.options import keys_of
from mlmi2023.losses.segmentation import build_loss
from mlmi2023.papers.colonoscopy_aug.classifier import plan_classifier
from mlmi2023.papers.colonoscopy_aug.frames import Frames
from mlmi2023.papers.colonoscopy_aug.options import Terms
from mlmi2023.papers.colonoscopy_aug.sdnet import SDNet
from mlmi2023.papers.colonoscopy_aug.sdnet_training import SdnetTraining
from mlmi2023.tasks.segmentation import build_network
from mlmi2023.tasks.segmentation.module import DICE, Segmentation
from mlmi2023.training.loop.plan import Plan


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: the cohort cannot serve.
    """
    if job.method_options["model"] == "classifier":
        return plan_classifier(job)
    frames = Frames(job, "training")
    net = build_network(job, frames)
    samples = frames.samples("val", job.train.get("augment"))
    kind = SdnetTraining if isinstance(net, SDNet) else Segmentation
    module = kind(
        net,
        build_loss(job.train.get("loss")),
        job.train,
        samples.source,
        cases=samples.held,
        infer=frames.infer,
    )
    if isinstance(net, SDNet) and isinstance(module, SdnetTraining):
        given = job.method_options.get("terms") or {}
        module.terms = {key: given.get(key, getattr(Terms, key)) for key in keys_of(Terms)}
        net.temperature = float(job.train.get("temperature", 1.0))
    return Plan(module, samples.train, samples.val, measure=DICE)
