"""What the two branches are trained on: features and record of each exam, and what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.exams.reader import Exams, open_exams
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.pecon.features import read_features
from mlmi2023.papers.pecon.health_record import fit_preparation


@dataclass(frozen=True)
class ExamData:
    """Inputs of both branches for all exams of a cohort.

    Attributes:
        exams: the cohort.
        ct: (N, views, F) float32 mean features; 0 without a scan. View 0 is the plain one.
        ehr: (N, D) float32 record in [0, 1]; 0 without one.
        labels: (N,) int64.
        has_ct: (N,) bool.
        has_ehr: (N,) bool.
    """

    exams: Exams
    ct: Tensor
    ehr: Tensor
    labels: Tensor
    has_ct: Tensor
    has_ehr: Tensor

    def rows(self, split: str, without: Sequence[str] = ()) -> np.ndarray:
        """Return the exams of a split that have a scan or a record, without some types."""
        there = (self.has_ct | self.has_ehr).numpy()
        kept = ~np.isin(self.exams.types, list(without))
        return np.array([r for r in self.exams.rows(split) if there[r] and kept[r]], int)


def load_exam_data(job: Job) -> ExamData:
    """Return the inputs of a job whose method uses a backbone.

    Raises:
        InputError: the method names no backbone, or its features do not fit the cohort.
    """
    backbone = job.method_options.get("backbone")
    if backbone not in job.used:
        raise InputError(
            f"config key methods.{job.method}: 'backbone' is {backbone!r}; name a method that is "
            "also under 'uses'"
        )
    exams = open_exams(job.data)
    features = read_features(job.used[backbone].predictions, exams)
    # views of exams that do not train are missing; the plain one stands in
    features = np.where(np.isfinite(features), features, features[:, :1])
    preparation = fit_preparation(exams, job.task)
    ehr = preparation.apply(exams.record)
    ehr[~exams.has_ehr] = 0
    return ExamData(
        exams,
        torch.from_numpy(np.nan_to_num(features).astype(np.float32)),
        torch.from_numpy(ehr),
        torch.from_numpy(exams.labels),
        torch.from_numpy(exams.has_ct),
        torch.from_numpy(exams.has_ehr),
    )


def excluded(options: Mapping[str, Any], stage: str) -> list[str]:
    """Return the types of embolism that a stage leaves out (Table 2)."""
    return list((options.get("exclude") or {}).get(stage) or [])


class ExamRows(Dataset):
    """One exam per item in a random view, as numbers; the module fetches the features itself."""

    def __init__(self, rows: np.ndarray, views: int) -> None:
        self.found, self.views = rows, views

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, index: int) -> dict[str, int]:
        view = int(torch.randint(1, self.views, ()).item()) if self.views > 1 else 0
        return {"row": int(self.found[index]), "view": view}
