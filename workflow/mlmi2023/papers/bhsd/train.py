"""Training of one network (Sect. 3): patches, deep supervision if a network has it, best validation Dice."""

from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.losses.segmentation import DeepSupervision, build_loss
from mlmi2023.papers.bhsd import networks  # noqa: F401  loaded once by warm workers
from mlmi2023.papers.bhsd.cases import Anywhere, HeadScans
from mlmi2023.papers.bhsd.options import Learned
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.segmentation.module import DICE
from mlmi2023.tasks.segmentation.semi_supervised import SemiSupervisedSegmentation, WithUnlabelled
from mlmi2023.tasks.semi_options import CrossPseudo, Interpolation
from mlmi2023.training.loop.plan import Plan


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: a part without scans, or a key of the config that cannot be used.
    """
    cases = HeadScans(job)
    loss = DeepSupervision(build_loss(job.train.get("loss")))
    given = {
        key: value for key, value in job.method_options.items() if key not in ("uses", "stages", "train")
    }
    keys = options(Learned, given, "config", f"methods.{job.method}")
    if keys.semi is None:
        return segmentation.plan(cases, loss=loss)
    samples = cases.samples("val", job.train.get("augment"))
    more = cases.unlabelled(keys.semi.images)
    held = samples.val.rows.tolist()  # type: ignore[union-attr]
    source = cases.source([*cases.rows("train"), *held, *more], job.train.get("augment"))
    alpha = keys.semi.alpha if isinstance(keys.semi, Interpolation) else None
    net = segmentation.build_network(job, cases)
    module = SemiSupervisedSegmentation(
        net,
        loss,
        job.train,
        source,
        keys.semi,
        second=segmentation.build_network(job, cases) if isinstance(keys.semi, CrossPseudo) else None,
        classes=len(cases.classes),
        cases=samples.held,
        infer=cases.infer,
    )
    pairs = WithUnlabelled(samples.train, Anywhere(cases.cohort, more, cases.size), alpha)
    return Plan(module, pairs, samples.val, measure=DICE)
