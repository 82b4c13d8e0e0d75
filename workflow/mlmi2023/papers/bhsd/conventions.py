"""What a mean Dice is over scans of which many lack the class: three conventions, and false positives.

The paper does not say which one it uses. In each, a case's number is what it adds to the mean over all cases
(:mod:`mlmi2023.metrics.absent`), so that means, differences and intervals work for all of them alike.

``dice``         the mean over scans whose truth has the class; the headline. Finding nothing where there is
                 nothing is not counted, neither as 1 nor as 0
``dice_fp0``     the same, and 0 for each scan that lacks the class and in which it is found
``dice_pooled``  voxels of all scans added up first
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mlmi2023.metrics.absent import class_mean_contributions
from mlmi2023.metrics.segmentation import Counts, pooled_contributions, rates
from mlmi2023.tasks.runs import Value

#: label of the mean over classes
MEAN = "avg"


def case_dice(counts: Counts, zeros: bool) -> float:
    """Return a case's Dice from 0 to 1; NaN where it does not count.

    Args:
        counts: of one class.
        zeros: whether a class that is found and not there counts as 0; else it does not count.
    """
    if counts.tp + counts.fn:
        return rates(counts)["dice"]
    return 0.0 if zeros and counts.fp else float("nan")


def dice_values(
    counts: Mapping[str, Sequence[Counts]], cases: Sequence[str], mean: str = MEAN
) -> Iterator[Value]:
    """Yield Dice in percent under all three conventions, class by class, and the mean over classes.

    A class that no case has or is found in, has no value and no part in the mean.

    Args:
        counts: of each class, by its label in tables; one for each case.
        cases: their names.
        mean: label of the mean over classes; empty: none.
    """
    for metric, zeros in (("dice", False), ("dice_fp0", True)):
        table = {label: np.array([case_dice(own, zeros) for own in each]) for label, each in counts.items()}
        table = {label: own for label, own in table.items() if np.isfinite(own).any()}
        for label, own in table.items():
            yield from (
                Value(metric, 100 * float(v), case, label) for case, v in zip(cases, own) if np.isfinite(v)
            )
        if mean and table:
            whole = class_mean_contributions(list(table.values()))
            yield from (Value(metric, 100 * float(v), case, mean) for case, v in zip(cases, whole))
    pooled = {label: pooled_contributions(each)["dice"] for label, each in counts.items()}
    pooled = {label: own for label, own in pooled.items() if np.isfinite(own).all()}
    if mean and pooled:
        pooled[mean] = np.mean(list(pooled.values()), axis=0)
    for label, own in pooled.items():
        yield from (Value("dice_pooled", 100 * float(v), case, label) for case, v in zip(cases, own))


def false_positive_share(found: np.ndarray, truth: np.ndarray, tissue: np.ndarray) -> float:
    """Return the voxels that are called bleed and are none, in percent of those of soft tissue.

    They may lie anywhere, so that an untrained network can have more than 100.

    Args:
        found: labels.
        truth: labels, same shape.
        tissue: boolean, what counts; where there is none, of all voxels.
    """
    wrong = (found > 0) & (truth == 0)
    return 100 * float(wrong.sum()) / max(int(tissue.sum()), 1 if tissue.any() else tissue.size)
