"""Answers on the tested images of the target, which are all but the shots, and their Dice (Sect. 3.1)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mlmi2023.core.jobs import Job
from mlmi2023.metrics.overlap import dice_per_label, mean_over_labels
from mlmi2023.papers.domain_mix import networks  # noqa: F401  loaded once by warm workers
from mlmi2023.papers.domain_mix.cases import DomainCases
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.domains import testing, truth
from mlmi2023.tasks.runs import Value
from mlmi2023.tasks.segmentation import Cases, Pair

#: label of the mean over structures
MEAN = "avg"


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write the labels of the tested images into ``out``.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """

    def ceiling(cases: Cases, rows: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield the truth; it is the only method that is shown some."""
        yield from segmentation.CONTROLS["truth"](DomainCases(job, truth), rows)

    segmentation.predict(
        DomainCases(job, testing), weights, out, controls={**segmentation.CONTROLS, "truth": ceiling}
    )


def structures(labels: np.ndarray, count: int, nested: bool) -> list[np.ndarray]:
    """Return the mask of each structure of a label map; a nested one is all labels from its own on."""
    return [labels >= k if nested else labels == k for k in range(1, count + 1)]


def dice_of(pair: Pair, names: Sequence[str], nested: bool) -> Iterator[Value]:
    """Yield the Dice of each structure of an image in percent and, of several, their mean.

    A disc is its rim and its cup together.
    """
    masks = (structures(labels, len(names), nested) for labels in (pair.found, pair.truth))
    dice = {
        number: dice_per_label(found.astype(np.uint8), true.astype(np.uint8), [1])[1]
        for number, (found, true) in enumerate(zip(*masks, strict=True))
    }
    for number, value in dice.items():
        if not np.isnan(value):
            yield Value("dice", 100 * value, label=names[number])
    if len(names) > 1:
        yield Value("dice", 100 * mean_over_labels(dice), label=MEAN)


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield ``dice`` of each tested image, by structure and as their mean ``avg``."""
    cases = DomainCases(job, truth)
    yield from segmentation.score(
        predictions, cases, lambda pair: dice_of(pair, cases.structures, cases.task.nested)
    )
