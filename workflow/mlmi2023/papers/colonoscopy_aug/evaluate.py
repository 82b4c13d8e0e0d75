"""Predictions and scores of every row: segmentations of the left-out centre, and the classifier's saliency.

A method's ``kind`` is ``learned`` (``model: classifier``, ``segmenter``, ``sdnet``), ``chosen`` (the best of
several p), or a control: ``background``, the floor, or ``truth``, the ceiling.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from mlmi2023.core.jobs import Job
from mlmi2023.papers.colonoscopy_aug.choosing import predict_chosen, settled
from mlmi2023.papers.colonoscopy_aug.classifier import centres_of, predict_classifier
from mlmi2023.papers.colonoscopy_aug.frames import Frames, left_out, view_of
from mlmi2023.papers.colonoscopy_aug.keeping import attended
from mlmi2023.papers.colonoscopy_aug.measures import attention_scores, overlap
from mlmi2023.papers.colonoscopy_aug.saliency import FILE
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value, kind_of, read_arrays


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Segment the frames of the left-out centre; the classifier looks at all frames.

    ``about.json`` of a network has the Dice of each validation frame, ``dice_source``.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind = kind_of(job, ("learned", "chosen", "background", "truth"))
    if kind == "chosen":
        predict_chosen(job, out)
    elif kind != "learned":
        segmentation.predict(Frames(job, "truth" if kind == "truth" else "testing"), None, out)
    elif job.method_options["model"] == "classifier":
        predict_classifier(job, weights, out)
    else:
        _segment(job, weights, out)


def _segment(job: Job, weights: Path | None, out: Path) -> None:
    frames, sources = Frames(job, "testing"), Frames(job, "training")
    net, device, about = segmentation.trained(frames, weights)
    about["dice_source"] = {
        sources.name(row): overlap(found[0].numpy(), sources.truth(row))["dice"]
        for row, found in segmentation.answers(net, device, sources, sources.rows("val"))
    }
    found = segmentation.answers(net, device, frames, frames.rows("test"))
    kept = ((row, {"labels": frames.restored(labels, row)}) for row, labels in found)
    segmentation.write(out, frames, kept, about)


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the scores of each tested frame, with the left-out centre as the setting."""
    centre = left_out(job)
    if job.method_options.get("model") == "classifier":
        yield from _saliency_scores(job, predictions, centre)
        return
    pairs = list(segmentation.pairs(predictions, Frames(job, "truth")))
    if job.method_options["kind"] == "chosen":
        p, pairs = settled(job, predictions, pairs)
        yield Value("p", p, setting=centre)
    for pair in pairs:
        for metric, value in overlap(pair.found, pair.truth).items():
            yield Value(metric, value, pair.case, setting=centre)
    by_test = job.method_options.get("by") == "test"
    about = segmentation.read_about(predictions)
    for case, value in {} if by_test else about.get("dice_source", {}).items():
        yield Value("dice_source", value, case, setting=centre)


def _saliency_scores(job: Job, predictions: Path, centre: str) -> Iterator[Value]:
    """Yield what the classifier says of validation frames of the centres that train, and where it looks."""
    view, task = view_of(job, "training"), job.task
    known, stored = centres_of(view), read_arrays(predictions / FILE)
    rows = list(view.parts.val)
    looks = attended(torch.from_numpy(stored["maps"][rows]), view.images.shape[1:3]).numpy()
    for row, look in zip(rows, looks):
        case = view.names[row]
        right = known[int(stored["classes"][row])] == view.domains[row]
        yield Value("centre_accuracy", 100.0 * right, case, setting=centre)
        polyp = np.asarray(view.maps[task.get("truth", "masks")][row]) == 1
        over, seen = (
            np.asarray(view.maps[task[key]][row]) > 0 if task.get(key) else None
            for key in ("overlays", "view")
        )
        for metric, value in attention_scores(look, polyp, over, seen):
            yield Value(metric, value, case, setting=centre)
