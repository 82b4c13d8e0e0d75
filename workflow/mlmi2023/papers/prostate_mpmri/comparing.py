"""The asterisks of Table 1: t-tests of Dice between each setting and the proposed one, paired over cases."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.prostate_mpmri.cases import Glands
from mlmi2023.papers.prostate_mpmri.measures import gland_scores
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value


def dice_by_case(folder: Path, cases: Glands) -> np.ndarray:
    """Return the Dice of each tested case."""
    pairs = segmentation.pairs(folder, cases)
    return np.array(
        [gland_scores(p.found > 0, p.truth > 0, cases.spacing(p.row))["dsc"] for p in pairs], float
    )


def paired_t(ours: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return t, positive where ``ours`` is larger, and the two-sided p; NaN where nothing differs.

    Args:
        ours: (n,) values by case.
        other: the same cases by another method.
    """
    from scipy.stats import ttest_rel

    if len(ours) < 2 or np.ptp(ours - other) == 0:
        return float("nan"), float("nan")
    found = ttest_rel(ours, other)
    return float(found.statistic), float(found.pvalue)


def compare(job: Job, cases: Glands) -> Iterator[Value]:
    """Yield t and p of every method under ``uses`` against the one under ``against``, by setting.

    Raises:
        InputError: that one does not stand under ``uses``.
    """
    against = str(job.method_options["against"])
    if against not in job.used:
        raise InputError(
            f"config key methods.{job.method}: '{against}' is missing under 'uses'; add it there"
        )
    ours = dice_by_case(job.used[against].predictions, cases)
    for method, used in job.used.items():
        if method != against:
            t, p = paired_t(ours, dice_by_case(used.predictions, cases))
            yield Value("t", t, setting=method)
            yield Value("p", p, setting=method)
