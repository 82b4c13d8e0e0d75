"""The slices of a cohort and what is known of them at low resolution (Sect. 3.1)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlmi2023.cohorts.forms.volumes.reader import Packed, open_packed
from mlmi2023.core.errors import InputError
from mlmi2023.physics.kspace import crop

AXES = {"sagittal": 0, "coronal": 1, "axial": 2}


@dataclass(frozen=True)
class Slices:
    """Co-registered slices, S of them in M modalities.

    Attributes:
        cases: S names.
        subjects: S subjects.
        ages: S ages in months, NaN where unknown.
        modalities: M names in small letters, as settings have them.
        truth: (S, M, H, W) float32, each image divided by its largest value; None where there is no truth.
        low: factor r -> (S, M, H / r, W / r), the input.
        shape: (H, W) of what is to be made, by factor.
    """

    cases: list[str]
    subjects: list[str]
    ages: list[float]
    modalities: list[str]
    truth: Tensor | None
    low: dict[int, Tensor]
    shape: dict[int, tuple[int, int]]

    def __len__(self) -> int:
        """Return the number of slices."""
        return len(self.cases)


def load_slices(data: Path, task: Mapping[str, Any]) -> Slices:
    """Pick the slices of the test split and make their low-resolution versions.

    ``task`` has ``modalities``, ``plane``, ``slices`` (per subject), ``slice_seed``, ``least_brain`` (share
    of a slice that must be brighter than background), ``factors``, ``beyond`` (true: the slices themselves
    are the input and nothing is known beyond them), ``subjects`` (``all`` or ``oldest``) and optionally
    ``ages``: months of the split's subjects, in their order or by subject; or in their order for the
    ``cohorts`` that are named, so that no other cohort's subjects get them; or ``session``: as BIDS sessions
    such as 12mo or 2wk say.

    Raises:
        InputError: the cohort lacks a modality or enough slices, or a key does not fit.
    """
    packed = open_packed(data)
    images = [packed.images(modality) for modality in task["modalities"]]
    if task["plane"] not in AXES:
        raise InputError(f"config key task.plane is {task['plane']!r}; choose {', '.join(AXES)}")
    axis = AXES[task["plane"]]
    found: list[np.ndarray] = []
    cases, subjects, ages = [], [], []
    for row, age in _chosen_subjects(packed, task):
        volumes = [np.moveaxis(np.asarray(image[row], np.float32), axis, 0) for image in images]
        for number in _choose(volumes, packed, row, task):
            # up is the first axis' end, as one looks at a slice
            found.append(np.stack([volume[number].T[::-1] for volume in volumes]))
            cases.append(f"{packed.subjects[row]}-{number:03d}")
            subjects.append(packed.subjects[row])
            ages.append(age)
    native = torch.from_numpy(np.stack(found))
    native = native / native.amax((2, 3), keepdim=True).clamp_min(1e-6)
    names = [modality.lower() for modality in task["modalities"]]
    height, width = native.shape[2:]
    if task.get("beyond"):
        low = {int(r): native for r in task["factors"]}
        shape = {r: (height * r, width * r) for r in low}
        return Slices(cases, subjects, ages, names, None, low, shape)
    for r in task["factors"]:
        if height % r or width % r:
            raise InputError(
                f"config key task.factors has {r}, which does not divide slices of {height} x {width}"
            )
    low = {int(r): crop(native, (height // r, width // r)) for r in task["factors"]}
    return Slices(cases, subjects, ages, names, native, low, dict.fromkeys(low, (height, width)))


def _choose(volumes: Sequence[np.ndarray], packed: Packed, row: int, task: Mapping[str, Any]) -> list[int]:
    """Return random slices, sorted; each subject draws with its own stream."""
    from skimage.filters import threshold_otsu

    mean = sum(volumes) / len(volumes)
    share = (mean > threshold_otsu(mean)).mean((1, 2))
    fit = np.flatnonzero(share >= float(task["least_brain"]))
    count = int(task["slices"])
    if len(fit) < count:
        raise InputError(
            f"cohort '{packed.name}': subject {packed.subjects[row]} has {len(fit)} {task['plane']} slices "
            f"with {task['least_brain']:g} of their area in the brain, {count} are asked for; lower "
            "task.slices or task.least_brain"
        )
    random = np.random.default_rng([int(task["slice_seed"]), row])
    return sorted(int(k) for k in random.choice(fit, count, replace=False))


def _chosen_subjects(packed: Packed, task: Mapping[str, Any]) -> list[tuple[int, float]]:
    """Return row and age of the subjects that are used."""
    rows = packed.indices("test")
    if not rows:
        raise InputError(f"cohort '{packed.name}' has nobody in its split 'test'; change the cohort's split")
    ages = _of_cohort(task.get("ages"), packed.name)
    known = [(row, _age(ages, packed.subjects[row], place)) for place, row in enumerate(rows)]
    if task["subjects"] not in ("all", "oldest"):
        raise InputError(f"config key task.subjects is {task['subjects']!r}; choose all or oldest")
    if task["subjects"] == "all":
        return known
    return [max(known, key=lambda subject: -1.0 if np.isnan(subject[1]) else subject[1])]


def _of_cohort(given: Any, cohort: str) -> Any:
    """Return the ages that a cohort has, where some are those of certain cohorts alone."""
    if isinstance(given, list) and given and isinstance(given[0], Mapping):
        return next((part["months"] for part in given if cohort in part["cohorts"]), None)
    return given


def _age(given: Any, subject: str, place: int) -> float:
    """Return an age in months, NaN if none is given."""
    if given is None:
        return float("nan")
    if given == "session":
        found = re.search(r"ses(\d+)(mo|wk)$", subject)
        if found is None:
            raise InputError(
                f"config key task.ages is session, but subject {subject} does not end like ses12mo or "
                "ses2wk; give the months by subject"
            )
        # weeks to half a month, as the paper's ages are
        return float(found[1]) if found[2] == "mo" else round(float(found[1]) / 4.345 * 2) / 2
    try:
        return float(given[subject] if isinstance(given, Mapping) else given[place])
    except (KeyError, IndexError) as error:
        raise InputError(f"config key task.ages says nothing of subject {subject}; add it") from error
