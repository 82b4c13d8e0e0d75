"""Predictions and scores of every row of Tables 1 and 2.

A task's ``kind`` is ``organs`` (label maps, DSC of each structure) or ``lesions`` (one structure whose
probability is cut at a threshold that the validation split chooses, nDSC). Beside networks and the family's
controls, a method's ``kind`` may be ``brightness``, for lesions alone: the image itself takes the place of a
probability, as far as it ranks voxels.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.ndsc import normalised_dice
from mlmi2023.metrics.overlap import dice_per_label
from mlmi2023.papers.relational_unet.lesions import best, cut, sweep
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value
from mlmi2023.tasks.segmentation import Pair, Volumes

TASKS = ("organs", "lesions")
#: a structure's short name in Table 1, by BTCV's label; others go by their own name
SHORT = {
    "spleen": "spl",
    "right kidney": "rkid",
    "left kidney": "lkid",
    "gallbladder": "gall",
    "oesophagus": "eso",
    "liver": "liv",
    "stomach": "sto",
    "aorta": "aor",
    "inferior vena cava": "ivc",
    "portal and splenic vein": "veins",
    "pancreas": "pan",
    "right adrenal gland": "rad",
    "left adrenal gland": "lad",
}


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write what is found in every tested scan into ``out``, as all segmentation papers do.

    For lesions, ``about.json`` keeps the threshold and the mean nDSC of the validation split at each one
    tried.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind, task = job.method_options.get("kind"), job.task["kind"]
    if task not in TASKS:
        raise InputError(f"config key task.kind is {task!r}; choose {', '.join(TASKS)}")
    if kind == "brightness" and task == "organs":
        raise InputError(f"config key methods.{job.method}.kind is 'brightness', which is for lesions only")
    scans = Volumes(job)
    if task == "lesions" and kind in ("learned", "brightness"):
        about: dict[str, Any] = {}
        segmentation.write(out, scans, _with_threshold(scans, weights, about), about)
    else:
        segmentation.predict(scans, weights, out, settle=_likeliest)


def _likeliest(logits: Tensor) -> Tensor:
    """Return labels by probability: of classes whose probabilities round to the same, the first."""
    return logits.softmax(1).argmax(1).to(torch.uint8)


def _any_structure(logits: Tensor) -> Tensor:
    """Return the probability of a lesion, whatever its label."""
    return 1 - logits.softmax(1)[:, 0]


def _with_threshold(
    scans: Volumes, weights: Path | None, about: dict[str, Any]
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Choose the threshold on the validation split, then yield the lesions of each tested scan."""
    rows = list(dict.fromkeys([*scans.rows("val"), *scans.rows("test")]))
    chances = dict(_chances(scans, weights, rows, about))
    tried = sweep(scans, chances)
    about |= {"threshold": float(best(tried)), "sweep": tried}
    for row in scans.rows("test"):
        yield row, {"labels": cut(scans, row, chances[row], about["threshold"]).astype(np.uint8)}


def _chances(
    scans: Volumes, weights: Path | None, rows: list[int], about: dict[str, Any]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield scans and the probability of a lesion, (X, Y, Z)."""
    if scans.job.method_options["kind"] == "learned":
        net, device, own = segmentation.trained(scans, weights)
        about |= own
        for row, chance in segmentation.answers(net, device, scans, rows, _any_structure):
            yield row, scans.restored(chance, row)
        return
    for row in rows:
        image = np.asarray(scans.cohort.image(row), np.float32)
        # a threshold t stands for t times ``top`` standard deviations above the mean of the brain
        yield row, np.clip(image / float(scans.job.method_options["top"]), 0, 1)


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the values of a method, in percent.

    Organs: ``dsc`` of each structure and, labelled ``avg``, their mean, per case. Lesions: ``ndsc`` and
    ``dsc`` per case, under the setting that the split is called by.
    """
    scans = Volumes(job)
    names = {value: SHORT.get(name, name) for value, name in scans.cohort.label_names.items()}

    def organs(pair: Pair) -> Iterator[Value]:
        return segmentation.dice_values(pair, names)

    def lesions(pair: Pair) -> Iterator[Value]:
        split = scans.cohort.splits[pair.row]
        setting = (job.task.get("settings") or {}).get(split, split)
        found, truth = pair.found > 0, pair.truth > 0
        ndsc = normalised_dice(found, truth, float(job.task["share"]))
        dice = dice_per_label(found.astype(np.uint8), truth.astype(np.uint8), [1])[1]
        yield Value("ndsc", 100 * ndsc, setting=setting)
        # as for nDSC: without a lesion, finding none is right
        yield Value("dsc", 100.0 if np.isnan(dice) else 100 * dice, setting=setting)

    return segmentation.score(predictions, scans, lesions if job.task["kind"] == "lesions" else organs)
