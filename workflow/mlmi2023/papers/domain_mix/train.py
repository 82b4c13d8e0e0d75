"""Training strategies (Sect. 2.4): each method is its last step, those before are other methods' stages.

Step 1 keeps the weights with the highest Dice on held-out patients of the source. All later steps keep their
last ones, since nothing of the target but the shots has labels; whether they have learned is said by their
Dice on the shots, which select nothing, counted from the network before the first step of all.
"""

import copy

from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.domain_mix.cases import DomainCases
from mlmi2023.papers.domain_mix.losses import StudentLoss
from mlmi2023.papers.domain_mix.module import Adapting
from mlmi2023.papers.domain_mix.options import Learned
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.domains import training
from mlmi2023.tasks.segmentation.module import DICE
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.weights import load_weights


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: a pool is empty, or images do not fit.
    """
    cases = DomainCases(job, training)
    task = cases.task
    keys = options(Learned, dict(job.method_options), "config", f"methods.{job.method}")
    select = "val" if job.train.get("monitor") else "target_labelled"
    samples = cases.samples(select, job.task.get("augment"))
    net = segmentation.build_network(job, cases)
    untrained = None
    if job.previous is not None:
        untrained = copy.deepcopy(net)
        load_weights(net, job.previous)
    module = Adapting(
        net,  # type: ignore[arg-type]
        StudentLoss(job.task.get("loss"), keys.shape, task.band),
        job.train,
        samples.source,  # type: ignore[arg-type]
        keys,
        classes=len(cases.classes),
        nested=task.nested,
        cases=samples.held,
        untrained=untrained,
    )
    return Plan(module, samples.train, samples.val, measure=DICE)
