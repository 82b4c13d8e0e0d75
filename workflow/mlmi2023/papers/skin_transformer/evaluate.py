"""Answers on the test images, and their scores (Sect. 3.2).

A method's ``kind`` is

``learned``     a network;
``prior``       what half of the training masks cover, the same for every image;
``background``  the floor: no lesion anywhere;
``truth``       the ceiling.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.segmentation import Counts, count, pooled_contributions, rates
from mlmi2023.papers.skin_transformer.data import SkinData, open_data
from mlmi2023.papers.skin_transformer.model import build_net, count_weights
from mlmi2023.papers.skin_transformer.release import after_release
from mlmi2023.training.loop.device import make_deterministic, pick_device

KINDS = ("learned", "prior", "background", "truth")
LOGITS = "logits.npy"
#: pooled rates by the name that the paper's tables give them
POOLED = {"dsc": "dice", "se": "sensitivity", "sp": "specificity", "acc": "accuracy"}
#: a logit that no network exceeds, for methods without one
SURE = 20.0


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write ``logits.npy``, (test images, H, W) float16, into ``out``.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind = job.method_options.get("kind")
    if kind not in KINDS:
        raise InputError(f"config key methods.{job.method}.kind is {kind!r}; choose {', '.join(KINDS)}")
    data = open_data(job)
    rows = data.rows("test")
    if kind == "learned":
        if weights is None:
            raise InputError(f"method '{job.method}' is learned: give the weights that training wrote")
        logits = _learned(job, weights, data, rows)
    else:
        logits = SURE * (2.0 * _without_network(kind, data, rows) - 1)
    with atomic(out) as part:
        part.mkdir()
        np.save(part / LOGITS, logits.astype(np.float16))


def _without_network(kind: str, data: SkinData, rows: np.ndarray) -> np.ndarray:
    if kind == "truth":
        return data.masks[rows] > 0
    if kind == "background":
        return np.zeros((len(rows), *data.size), bool)
    prior = (data.masks[data.rows("train")] > 0).mean(axis=0) >= 0.5
    return np.broadcast_to(prior, (len(rows), *data.size))


def _learned(job: Job, weights: Path, data: SkinData, rows: np.ndarray, at_once: int = 16) -> np.ndarray:
    from mlmi2023.training.loop.weights import load_weights

    device = pick_device(job.device)
    make_deterministic(job.threads, device)
    options = {k: v for k, v in job.method_options["net"].items() if k != "pretrained"}
    net = build_net(options, data.channels, data.size)
    load_weights(net, weights)
    net.to(device).eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(rows), at_once):
            images = torch.from_numpy(np.array(data.images[rows[start : start + at_once]])).to(device)
            logits = net(data.normalise(images.permute(0, 3, 1, 2).float()))[:, 0]
            found.append(logits.clamp(-SURE, SURE).float().cpu().numpy())
    return np.concatenate(found)


def read_logits(folder: Path, data: SkinData) -> np.ndarray:
    """Return what :func:`predict` wrote, (test images, H, W) float32.

    Raises:
        InputError: it is missing, broken or of another cohort.
    """
    file = Path(folder) / LOGITS
    try:
        logits = np.load(file).astype(np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{file}: cannot be read ({error}); delete {folder} and predict again") from error
    if logits.shape != (len(data.rows("test")), *data.size):
        raise InputError(f"{file}: is of other images than the cohort's; delete {folder} and predict again")
    if not np.isfinite(logits).all():
        raise InputError(f"{file}: holds NaN; the training diverged, lower its learning rate")
    return logits


def protocols(job: Job) -> dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    """Return what makes a mask of logits and truth, by the name of the setting.

    ``honest`` is the one that counts. ``truth_blobs`` is the notebook's choice among blobs, ``test_epoch`` an
    honest mask of the epoch that did best on the test split, ``release`` both.
    """
    if job.method_options.get("select_on") == "test":
        return {"test_epoch": lambda logits, truth: logits > 0, "release": after_release}
    if job.method_options["kind"] == "learned":
        return {"honest": lambda logits, truth: logits > 0, "truth_blobs": after_release}
    return {"": lambda logits, truth: logits > 0}


def score(job: Job, predictions: Path) -> list[dict[str, Any]]:
    """Return the tidy rows of a method on the test images, under each protocol that applies.

    ``dsc``, ``se``, ``sp`` and ``acc`` are pooled over all pixels of all images, as in the paper: a case's
    number is its contribution (:func:`mlmi2023.metrics.segmentation.pooled_contributions`), whose mean is the
    pooled rate. ``dsc_image`` and ``iou_image`` are of each image alone. ``params`` is the number of weights
    in millions at the paper's size (``printed``), whatever the size that was trained.
    """
    data = open_data(job)
    rows, logits = data.rows("test"), read_logits(predictions, data)
    cases = [data.subjects[row] for row in rows]
    truths = data.masks[rows] > 0
    found: list[dict[str, Any]] = []
    for protocol, decide in protocols(job).items():
        counts = [
            count(decide(own, truth).astype(np.uint8), truth.astype(np.uint8))
            for own, truth in zip(logits, truths)
        ]
        same: dict[str, Any] = {"dataset": job.dataset, "method": job.method, "seed": job.seed}
        same |= {"fold": job.fold, "label": "", "setting": f"protocol={protocol}" if protocol else ""}
        found += [same | row for row in _rows(cases, counts)]
        if "printed" in job.method_options:
            size = int(job.task.get("printed_size", 224))
            millions = count_weights(job.method_options["printed"], 3, (size, size)) / 1e6
            found.append({**same, "case": "", "metric": "params", "value": millions})
    return found


def _rows(cases: list[str], counts: list[Counts]) -> Iterator[dict[str, Any]]:
    pooled = pooled_contributions(counts)
    for number, (case, own) in enumerate(zip(cases, counts)):
        alone = rates(own)
        values = {name: float(pooled[rate][number]) for name, rate in POOLED.items()}
        values |= {"dsc_image": alone["dice"], "iou_image": alone["iou"]}
        for metric, value in values.items():
            yield {"case": case, "metric": metric, "value": value}
