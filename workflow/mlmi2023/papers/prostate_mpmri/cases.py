"""Patients as a method sees them: some of their images, and the gland with its urethra as one structure."""

import numpy as np
from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.schemas import suggest
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.segmentation import Cases, Volumes


class Glands(Volumes):
    """Scans with the images of the method's key ``inputs``; without that key, with all of them.

    Raises:
        InputError: the cohort lacks an image, or has more than one structure.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        there = self.cohort.modalities
        self.modalities = list(job.method_options.get("inputs") or there)
        for name in self.modalities:
            if name not in there or self.modalities.count(name) > 1:
                raise InputError(
                    f"config key methods.{job.method}.inputs names '{name}'{suggest(name, there)}; cohort "
                    f"'{self.cohort.name}' has each of these once: {', '.join(there)}"
                )
        self.channels = len(self.modalities)
        if len(self.classes) > 1:
            raise InputError(
                f"cohort '{self.cohort.name}' has {len(self.classes)} structures, one is segmented; make "
                "them one by the cohort's key read.labels_kept, such as {1: 1, 2: 1}"
            )

    def rows(self, part: str) -> list[int]:
        """Return the cases of a part; with folds and ``val_share``, a share of the others validates.

        Sect. 3.3: of each fold's 80 %, 85 % train and 15 % validate.
        """
        share, folds = self.job.task.get("val_share"), self.cohort.folds
        if not folds or share is None:
            return super().rows(part)
        if self.job.fold > max(folds):
            raise InputError(
                f"cohort '{self.cohort.name}' has {max(folds) + 1} folds, fold {self.job.fold} is asked for; "
                "give the cohort's key 'folds.count' and the paper's key 'folds' the same number"
            )
        others = [row for row, own in enumerate(folds) if own != self.job.fold]
        count = max(1, round(share * len(others)))
        if count >= len(others):
            raise InputError(
                f"cohort '{self.cohort.name}' has too few cases for {max(folds) + 1} folds; add some"
            )
        # the same for every method, whatever the seed
        shuffled = np.random.default_rng(self.job.fold).permutation(others).tolist()
        parts = {"val": sorted(shuffled[:count]), "train": sorted(shuffled[count:])}
        return parts.get(part) or [row for row, own in enumerate(folds) if own == self.job.fold]


def build(job: Job, cases: Cases) -> nn.Module:
    """Return the method's network with one output, the gland's logit."""
    return segmentation.build_network(job, cases, outputs=1)
