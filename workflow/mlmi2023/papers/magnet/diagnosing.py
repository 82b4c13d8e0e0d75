"""Probabilities of the methylated class for every patient in the fold that tests them, and their scores."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.magnet.methylation import Keys, networks, turns
from mlmi2023.papers.magnet.networks import keys_of
from mlmi2023.papers.magnet.patients import Patients
from mlmi2023.papers.magnet.subsets import mask_of
from mlmi2023.tasks import classification
from mlmi2023.tasks.classification import Answer
from mlmi2023.tasks.runs import Value, kind_of, start
from mlmi2023.training.loop.weights import load_weights

#: patients in one go
AT_ONCE = 8
NOBODY = np.zeros(0, int)


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write the probabilities of all settings and folds into ``out``.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    patients = Patients(job)
    kind = kind_of(job, ("learned", "observer", "majority", "truth"))
    if kind == "learned":
        answers = list(_learned(job, patients, weights))
    else:
        answers = [
            Answer(_two(_known(kind, patients, fold)), patients.divided(fold)[2], NOBODY, setting, fold)
            for setting in patients.task.settings
            for fold in range(patients.folds)
        ]
    classification.predict(job, answers, out, patients.cohort.subjects)


def _two(positive: np.ndarray) -> np.ndarray:
    """Return probabilities of both classes, (N, 2)."""
    return np.stack([1 - positive, positive], 1)


def _known(kind: str, patients: Patients, fold: int) -> np.ndarray:
    """Return the probability of the positive class, (N,), of a method without a network."""
    if kind == "truth":
        return patients.labels.astype(float)
    if kind == "majority":
        share = float(patients.labels[patients.divided(fold)[0]].mean())
        return np.full(len(patients.labels), share)
    if not np.isfinite(patients.cohort.known).all():
        raise InputError(
            f"method '{patients.job.method}' of kind 'observer': nobody knows what made the images of cohort "
            f"'{patients.cohort.name}'; leave it out of the dataset's methods"
        )
    return patients.cohort.known


def _learned(job: Job, patients: Patients, weights: Path | None) -> Iterator[Answer]:
    """Yield the answers of all networks of a run, each for the patients that its fold tests."""
    if weights is None:
        raise InputError(f"method '{job.method}' is learned: give the weights that training wrote")
    keys = keys_of(job)
    assert isinstance(keys, Keys)
    device = start(job)
    nets = nn.ModuleList(networks(job, keys, patients))
    load_weights(nets, weights)
    nets = nets.to(device).eval()
    images = patients.images()
    for net, turn in zip(nets, turns(keys, patients)):
        test = patients.divided(turn.fold)[2]
        for setting in [turn.setting] if turn.setting else patients.task.settings:
            mask = torch.from_numpy(mask_of(setting, patients.modalities)).to(device)
            found = np.full(len(patients.labels), 0.5)
            found[test] = _chances(net, images, test, mask, device)
            yield Answer(_two(found), test, NOBODY, setting, turn.fold)


def _chances(
    net: nn.Module, images: Tensor, rows: np.ndarray, mask: Tensor, device: torch.device
) -> np.ndarray:
    parts = []
    with torch.inference_mode():
        for begin in range(0, len(rows), AT_ONCE):
            own = images[torch.from_numpy(rows[begin : begin + AT_ONCE])].to(device).float()
            parts.append(net(own, mask.expand(len(own), -1)).sigmoid().double().cpu())
    return torch.cat(parts).numpy()


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield ``acc`` and ``auroc`` of each patient, as what adds to them, and ``brier`` of each fold."""
    patients = Patients(job)
    found = classification.score(
        job, predictions, patients.labels, classification.case_by_case, cases=patients.cohort.subjects
    )
    for value in found:
        if value.metric in ("acc", "auroc", "brier"):
            yield value
