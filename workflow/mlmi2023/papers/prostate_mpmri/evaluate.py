"""Predictions and scores of every row of Table 1.

A method's ``kind`` is ``learned``, ``paired_tests``, or a control: ``background``, the floor, ``prior``, the
place where most training cases have the gland, or ``truth``, the ceiling.
"""

from collections.abc import Iterator
from pathlib import Path

from mlmi2023.core.jobs import Job
from mlmi2023.papers.prostate_mpmri.cases import Glands, build
from mlmi2023.papers.prostate_mpmri.comparing import compare
from mlmi2023.papers.prostate_mpmri.costs import kept_for_backward, of_training
from mlmi2023.papers.prostate_mpmri.measures import gland_scores
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value
from mlmi2023.tasks.segmentation import Pair

COSTS = ("parameters", "activations", "memory", "speed")


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write the gland found in every tested case into ``out``; ``about.json`` keeps what it has cost.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    cases, kind = Glands(job), job.method_options.get("kind")
    if kind == "paired_tests":
        segmentation.write(out, cases, (), {})
        return
    if kind != "learned":
        segmentation.predict(cases, weights, out)
        return
    net, device, about = segmentation.trained(cases, weights, build)
    about["activations"] = kept_for_backward(net, cases.channels, cases.size)
    about |= of_training(weights)
    found = segmentation.answers(net, device, cases, cases.rows("test"))
    segmentation.write(out, cases, ((row, {"labels": cases.restored(own, row)}) for row, own in found), about)


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield DSC, HD, ASSD and RAVD of each tested case, and the costs of a network; or the t-tests."""
    cases = Glands(job)
    if job.method_options.get("kind") == "paired_tests":
        yield from compare(job, cases)
        return

    def measures(pair: Pair) -> Iterator[Value]:
        found = gland_scores(pair.found > 0, pair.truth > 0, cases.spacing(pair.row))
        return (Value(metric, value) for metric, value in found.items())

    yield from segmentation.score(predictions, cases, measures)
    about = segmentation.read_about(predictions)
    if "parameters" in about:
        yield Value("encoders", float(cases.channels))
        yield from (Value(name, float(about[name])) for name in COSTS if name in about)
