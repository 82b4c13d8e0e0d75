"""Answers on the test images, and their scores (Tables 1 and 2), in %."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlmi2023.core.jobs import Job
from mlmi2023.metrics.segmentation import Counts, count, pooled, rates
from mlmi2023.papers.mcnv_oct.copies import Copies
from mlmi2023.papers.mcnv_oct.pairs import gap
from mlmi2023.papers.mcnv_oct.train import one_logit, opened
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value
from mlmi2023.tasks.segmentation import Pair

#: rates over the pixels of all images, by the name that the paper's tables give them
POOLED = {"dice": "dice", "iou": "iou", "acc": "accuracy", "sp": "specificity", "se": "sensitivity"}
#: the same of each image alone
ALONE = {f"{metric}_image": rate for metric, rate in POOLED.items()}


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write the masks of the test images into ``out``; with ``leaky``, of test copies and of tested patients.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    segmentation.predict(opened(job), weights, out, one_logit)


def groups(job: Job, predictions: Path) -> dict[str, list[Pair]]:
    """Return the tested images by setting: one that has no name, or those of the factor ``tested``."""
    cases = opened(job)
    pairs = list(segmentation.pairs(predictions, cases))
    if not isinstance(cases, Copies):
        return {"": pairs}
    return {
        "tested=copies": [pair for pair in pairs if pair.row >= cases.first],
        "tested=patients": [pair for pair in pairs if pair.row < cases.first],
    }


def counts(pairs: list[Pair]) -> dict[str, Counts]:
    """Return the pixels of each image that are found and missed."""
    return {pair.case: count(pair.found > 0, pair.truth > 0) for pair in pairs}


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the values of a method on the test images.

    ``dice``, ``iou``, ``acc``, ``sp`` and ``se`` pool the pixels of all test images; with ``_image`` they are
    of each image alone. ``gap`` and ``gap_image`` are how far IoU lies above the smallest that Dice leaves
    (:mod:`mlmi2023.papers.mcnv_oct.pairs`), for pooled pixels and for means of images.
    """
    for setting, pairs in groups(job, predictions).items():
        own = counts(pairs)
        yield from segmentation.rate_values(own, POOLED, ALONE, 100.0, setting)
        whole = pooled(own.values())
        yield Value("gap", gap(100 * whole["dice"], 100 * whole["iou"]), setting=setting)
        alone = [rates(image) for image in own.values()]
        dice, iou = (100 * float(np.nanmean([image[rate] for image in alone])) for rate in ("dice", "iou"))
        yield Value("gap_image", gap(dice, iou), setting=setting)
