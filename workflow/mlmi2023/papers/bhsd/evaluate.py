"""What networks and the merge of one-class models find, and the scores of Tables 1 to 4."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.jobs import Job
from mlmi2023.metrics.segmentation import Counts, count
from mlmi2023.papers.bhsd import networks  # noqa: F401  loaded once by warm workers
from mlmi2023.papers.bhsd.cases import HeadScans
from mlmi2023.papers.bhsd.conventions import MEAN, dice_values, false_positive_share
from mlmi2023.papers.bhsd.merging import BYTES, chance_of, merge
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value
from mlmi2023.tasks.segmentation import Cases, Pair


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write what is found in every tested scan into ``out``, as all segmentation papers do.

    A one-class model leaves its class's label and, as bytes, its chances, which the merge reads.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    cases = HeadScans(job)
    if job.method_options.get("kind") == "merge":
        segmentation.write(out, cases, merge(job, cases), {})
    elif cases.only:
        segmentation.predict(cases, weights, out, settle=chance_of, keep=_keep_chances)
    else:
        segmentation.predict(cases, weights, out)


def _keep_chances(cases: Cases, row: int, chance: Tensor) -> dict[str, np.ndarray]:
    """Keep labels, chances and class of a one-class model.

    Labels are cut from the bytes that are kept, so that the merge of a single model is that model.
    """
    assert isinstance(cases, HeadScans)
    bytes_ = cases.restored((BYTES * chance).round().to(torch.uint8), row)
    labels = np.where(bytes_ > BYTES / 2, cases.only, 0).astype(np.uint8)
    return {"labels": labels, "chance": bytes_, "only": np.array(cases.only)}


def tested(job: Job, predictions: Path) -> Iterator[tuple[Pair, bool]]:
    """Yield the tested scans, and whether each is of a split without bleeds."""
    cases = HeadScans(job)
    for pair in segmentation.pairs(predictions, cases):
        yield pair, cases.cohort.splits[pair.row] in cases.task.clean


def labels_of(cases: HeadScans) -> dict[int, str]:
    """Return the labels that a method is scored by, and what tables call them; a foreground has no name."""
    if cases.task.kind == "foreground":
        return {1: ""}
    return {cases.only: cases.short[cases.only]} if cases.only else cases.short


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the values of a method, in percent.

    Of scans that bleed, Dice by class under three conventions and, of several classes, their mean
    (:mod:`.conventions`), and ``fp``, voxels wrongly called bleed per voxel of soft tissue; of scans without
    bleed ``fp_clean``, the same, and ``fp_scans``, 100 for each in which anything is found. The latter
    three are of all classes together, under the label of the mean.
    """
    cases = HeadScans(job)
    labels = labels_of(cases)
    whole = "" if cases.task.kind == "foreground" else MEAN
    counts: dict[str, list[Counts]] = {name: [] for name in labels.values()}
    names: list[str] = []
    for pair, clean in tested(job, predictions):
        image = np.asarray(cases.cohort.image(pair.row), np.float32)
        share = false_positive_share(pair.found, pair.truth, (image > 0) & (image < 1))
        if clean:
            yield Value("fp_clean", share, pair.case, whole)
            yield Value("fp_scans", 100.0 * bool(pair.found.any()), pair.case, whole)
            continue
        yield Value("fp", share, pair.case, whole)
        names.append(pair.case)
        for value, name in labels.items():
            counts[name].append(count(pair.found, pair.truth, value))
    yield from dice_values(counts, names, whole if len(labels) > 1 else "")
