"""Predictions and scores of every row of Tables 1 and 2.

A task's ``kind`` is ``organs`` (label maps, DSC of each structure) or ``lesions`` (one structure whose
probability is cut at a threshold that the validation split chooses, nDSC). A method's ``kind`` is

``learned``     a network;
``brightness``  lesions alone: the image itself takes the place of a probability, as far as it ranks voxels;
``background``  the floor: nothing is found;
``truth``       the ceiling.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.scans.reader import Scans, divide, open_scans
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, read_json, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.ndsc import normalised_dice
from mlmi2023.metrics.overlap import dice_per_label
from mlmi2023.papers.relational_unet.inference import THRESHOLDS, lesions

TASKS = ("organs", "lesions")
KINDS = ("learned", "brightness", "background", "truth")
OPERATING = "operating.json"
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
    """Write what is found in every tested scan into ``out``, ``<subject>.npz`` with ``found`` (X, Y, Z)
    uint8.

    For lesions, ``operating.json`` keeps the threshold and the mean nDSC of the validation split at each
    one tried.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind, task = job.method_options.get("kind"), job.task["kind"]
    if task not in TASKS:
        raise InputError(f"config key task.kind is {task!r}; choose {', '.join(TASKS)}")
    if kind not in KINDS or (kind == "brightness" and task == "organs"):
        raise InputError(f"config key methods.{job.method}.kind is {kind!r}; choose {', '.join(KINDS)} "
                         "(brightness for lesions only)")  # fmt: skip
    if kind == "learned" and weights is None:
        raise InputError(f"method '{job.method}' is learned: give the weights that training wrote")
    scans = open_scans(job.data)
    parts = divide(scans, job.fold, job.task.get("val", "val"), job.task.get("tested", ("test",)))
    with atomic(out) as part:
        part.mkdir()
        if task == "lesions" and kind in ("learned", "brightness"):
            found = _with_threshold(job, weights, scans, parts, part)
        else:
            found = _labels(job, weights, scans, parts["test"])
        for row, mask in found:
            np.savez_compressed(part / f"{scans.subjects[row]}.npz", found=mask.astype(np.uint8))


def _labels(
    job: Job, weights: Path | None, scans: Scans, rows: list[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield a label map of each scan."""
    kind = job.method_options["kind"]
    if kind == "learned":
        from mlmi2023.papers.relational_unet.inference import run_network

        assert weights is not None
        for row, likely in zip(rows, run_network(job, weights, scans, rows)):
            yield row, likely.argmax(0).cpu().numpy()
        return
    for row in rows:
        labels = np.asarray(scans.labels(row))
        yield row, labels if kind == "truth" else np.zeros_like(labels)


def _with_threshold(
    job: Job, weights: Path | None, scans: Scans, parts: dict[str, list[int]], out: Path
) -> Iterator[tuple[int, np.ndarray]]:
    """Choose the threshold on the validation split, then yield the lesions of each tested scan."""
    rows = list(dict.fromkeys([*parts["val"], *parts["test"]]))
    chances = dict(zip(rows, _chances(job, weights, scans, rows)))
    least, share = int(job.task["least"]), float(job.task["share"])
    sweep = {}
    for threshold in THRESHOLDS:
        values = [_ndsc(scans, row, chances[row], threshold, least, share) for row in parts["val"]]
        sweep[f"{threshold:g}"] = float(np.mean(values))
    best = max(sweep, key=lambda t: (sweep[t], -abs(float(t) - 0.5)))
    write_json(out / OPERATING, {"threshold": float(best), "sweep": sweep})
    for row in parts["test"]:
        yield row, lesions(chances[row], np.asarray(scans.image(row)) != 0, float(best), least)


def _chances(job: Job, weights: Path | None, scans: Scans, rows: list[int]) -> Iterator[np.ndarray]:
    if job.method_options["kind"] == "learned":
        from mlmi2023.papers.relational_unet.inference import run_network

        assert weights is not None
        for likely in run_network(job, weights, scans, rows):
            # all structures count as lesion
            yield (1 - likely[0]).cpu().numpy()
        return
    for row in rows:
        image = np.asarray(scans.image(row), np.float32)
        # a threshold t stands for t times ``top`` standard deviations above the mean of the brain
        yield np.clip(image / float(job.method_options["top"]), 0, 1)


def _ndsc(scans: Scans, row: int, chance: np.ndarray, threshold: float, least: int, share: float) -> float:
    mask = lesions(chance, np.asarray(scans.image(row)) != 0, threshold, least)
    return normalised_dice(mask, np.asarray(scans.labels(row)) > 0, share)


def read_found(folder: Path, scans: Scans, row: int) -> np.ndarray:
    """Return what was found in a scan, (X, Y, Z) uint8.

    Raises:
        InputError: the file is missing, broken, or of another grid.
    """
    file = Path(folder) / f"{scans.subjects[row]}.npz"
    try:
        with np.load(file) as content:
            found = content["found"]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{file}: cannot be read ({error}); delete {folder} and predict again") from error
    if found.shape != scans.shapes[row]:
        raise InputError(f"{file}: has the shape {found.shape}, the scan {scans.shapes[row]}; predict again")
    return found


def score(job: Job, predictions: Path) -> list[dict[str, Any]]:
    """Return the tidy rows of a method, in percent.

    Organs: ``dsc`` of each structure and, labelled ``avg``, their mean, per case. Lesions: ``ndsc`` and
    ``dsc`` per case, under the setting that the split is called by.
    """
    scans = open_scans(job.data)
    rows = divide(scans, job.fold, job.task.get("val", "val"), job.task.get("tested", ("test",)))["test"]
    same = {"dataset": job.dataset, "method": job.method, "seed": job.seed, "fold": job.fold}
    scored: list[dict[str, Any]] = []
    for row in rows:
        found, truth = read_found(predictions, scans, row), np.asarray(scans.labels(row))
        case = {**same, "case": scans.subjects[row]}
        if job.task["kind"] == "lesions":
            setting = (job.task.get("settings") or {}).get(scans.splits[row], scans.splits[row])
            plain = dice_per_label((found > 0).astype(np.uint8), (truth > 0).astype(np.uint8), [1])[1]
            # as for nDSC: without a lesion, finding none is right
            values = {
                "ndsc": normalised_dice(found > 0, truth > 0, float(job.task["share"])),
                "dsc": 1.0 if np.isnan(plain) else plain,
            }
            scored += [
                {**case, "setting": setting, "label": "", "metric": metric, "value": 100 * value}
                for metric, value in values.items()
            ]
            continue
        dice = dice_per_label(found, truth, list(scans.label_names))
        # a structure that lies outside of the scan is no case; one that is wrongly found counts as 0
        there = {label: value for label, value in dice.items() if not np.isnan(value)}
        named = {
            SHORT.get(scans.label_names[label], scans.label_names[label]): v for label, v in there.items()
        }
        named["avg"] = float(np.mean(list(there.values())))
        scored += [
            {**case, "setting": "", "label": label, "metric": "dsc", "value": 100 * value}
            for label, value in named.items()
        ]
    return scored


def threshold_of(predictions: Path) -> float | None:
    """Return the threshold that a method of lesions was cut at; None where there is none."""
    file = Path(predictions) / OPERATING
    return float(read_json(file)["threshold"]) if file.exists() else None
