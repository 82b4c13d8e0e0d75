"""Training of both stages: representations without labels, and what answers with labels."""

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.unoranic.building import answering, method_of, representation, take_over
from mlmi2023.papers.unoranic.model import OneBranch, Read, TwoBranches
from mlmi2023.papers.unoranic.options import Branches
from mlmi2023.papers.unoranic.pictures import Draws, Pictures, fixed_draws
from mlmi2023.papers.unoranic.probing import Answering
from mlmi2023.papers.unoranic.representing import Autoencoding, Orthogonalizing, Representing
from mlmi2023.training.data.numbers import Chunks
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure


def plan(job: Job) -> Plan:
    """Return module and samples of one stage of a learned method.

    Raises:
        InputError: the cohort or the order of stages does not serve.
    """
    pictures, own = Pictures(job), method_of(job.method_options)
    for split in ("train", "val"):
        missing = sorted(set(range(pictures.classes)) - set(pictures.labels(split).tolist()))
        if missing:
            name = pictures.cohort.classes[missing[0]]
            raise InputError(
                f"{pictures.where}.cohort: split '{split}' has no image of the class '{name}'; enlarge it"
            )
    chunks = Chunks(fixed_draws(pictures.rows("val"), pictures), pictures.task.val_batch)
    if job.stage == "represent":
        module = _representing(job, own, pictures)
        variants = own.variants if isinstance(own, Branches) else 1
        measure = Measure("val_error", "lower", ceiling=0.0, floor=module.floor)
        return Plan(module, Draws(pictures, variants), chunks, measure=measure)
    net = answering(own, pictures)
    if isinstance(net, Read):
        take_over(net, job)
    return Plan(
        Answering(net, pictures, job.train),
        Draws(pictures, 1),
        chunks,
        parameters=sum(int(np.prod(p.shape)) for p in net.parameters()),
        measure=Measure("val_auc", "higher", ceiling=1.0, floor=0.5),
    )


def _representing(job: Job, own: object, pictures: Pictures) -> Representing:
    net = representation(own, pictures)  # type: ignore[arg-type]
    if isinstance(own, Branches):
        assert isinstance(net, TwoBranches)
        return Orthogonalizing(net, pictures, job.train, own)
    assert isinstance(net, OneBranch)
    return Autoencoding(net, pictures, job.train, own)  # type: ignore[arg-type]
