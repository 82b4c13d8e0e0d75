"""Training of every network (Sect. 3): on clips, for one schedule, kept at the best validated Dice."""

from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.echo_myocardium.cases import SequenceCases
from mlmi2023.papers.echo_myocardium.module import ClipTraining
from mlmi2023.papers.echo_myocardium.networks import build
from mlmi2023.papers.echo_myocardium.options import Learned
from mlmi2023.tasks.segmentation.module import DICE
from mlmi2023.training.loop.plan import Plan


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method; it is judged by its Dice of the validated myocardium.

    Raises:
        InputError: the cohort does not serve, or frames do not fit the network.
    """
    cases = SequenceCases(job)
    keys = options(Learned, dict(job.method_options), "config", f"methods.{job.method}")
    samples = cases.samples("val", job.task.get("augment"))
    net = build(job.method_options["net"], cases.size)
    module = ClipTraining(net, samples.source, keys, job.train, samples.held)  # type: ignore[arg-type]
    return Plan(module, samples.train, samples.val, measure=DICE)
