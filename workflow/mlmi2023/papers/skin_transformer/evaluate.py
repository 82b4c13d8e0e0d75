"""Answers on the test images, and their scores (Sect. 3.2)."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from torch import Tensor

from mlmi2023.core.jobs import Job
from mlmi2023.metrics.segmentation import Counts, count
from mlmi2023.papers.skin_transformer.release import after_release
from mlmi2023.papers.skin_transformer.train import one_logit
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value
from mlmi2023.tasks.segmentation import Cases, Pair

#: pooled rates by the name that the paper's tables give them
POOLED = {"dsc": "dice", "se": "sensitivity", "sp": "specificity", "acc": "accuracy"}
ALONE = {"dsc_image": "dice", "iou_image": "iou"}
#: logits are kept up to here, either way
SURE = 20.0
#: makes a mask (H, W), boolean, of an answer
Protocol = Callable[[Pair], np.ndarray]


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write the masks of the test images and, of networks, ``logits`` (H, W) float16 into ``out``.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    images = segmentation.Resized(job)
    segmentation.predict(images, weights, out, one_logit, settle=_logit, keep=_both)


def _logit(logits: Tensor) -> Tensor:
    return logits[:, 0].clamp(-SURE, SURE).half()


def _both(images: Cases, row: int, logits: Tensor) -> dict[str, np.ndarray]:
    logit = logits[0].numpy()
    return {"labels": (logit > 0).astype(np.uint8), "logits": logit}


def protocols(job: Job) -> dict[str, Protocol]:
    """Return what makes a mask of an answer, by the name of the setting.

    ``honest`` is the one that counts. ``truth_blobs`` is the notebook's choice among blobs, ``test_epoch`` an
    honest mask of the epoch that did best on the test split, ``release`` both.
    """

    def honest(pair: Pair) -> np.ndarray:
        return pair.found > 0

    def by_truth(pair: Pair) -> np.ndarray:
        return after_release(pair.kept["logits"].astype(np.float32), pair.truth > 0)

    if job.method_options.get("select_on") == "test":
        return {"test_epoch": honest, "release": by_truth}
    if job.method_options["kind"] == "learned":
        return {"honest": honest, "truth_blobs": by_truth}
    return {"": honest}


def counts(pairs: Iterable[Pair], protocol: Protocol) -> dict[str, Counts]:
    """Return the pixels of each test image that are found and missed under a protocol."""
    return {pair.case: count(protocol(pair), pair.truth > 0) for pair in pairs}


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the values of a method on the test images, under each protocol that applies.

    ``dsc``, ``se``, ``sp`` and ``acc`` are pooled over all pixels of all images, as in the paper;
    ``dsc_image`` and ``iou_image`` are of each image alone. ``params`` is the number of weights in millions
    at the paper's size (``printed``), whatever the size that was trained.
    """
    tested = list(segmentation.pairs(predictions, segmentation.Resized(job)))
    for name, protocol in protocols(job).items():
        setting = f"protocol={name}" if name else ""
        yield from segmentation.rate_values(counts(tested, protocol), POOLED, ALONE, setting=setting)
        if "printed" in job.method_options:
            size = [int(job.task.get("printed_size", 224))] * 2
            weights = segmentation.count_weights(job, job.method_options["printed"], 3, 1, size)
            yield Value("params", weights / 1e6, setting=setting)
