"""Five models of one class each put together (Sect. 3.3): whoever is surest has the voxel."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job, Used
from mlmi2023.papers.bhsd.cases import HeadScans
from mlmi2023.tasks.segmentation import read_case

#: chances are kept as bytes
BYTES = 255


class Overlap(NamedTuple):
    """Voxels of a scan that one-class models claim: by one of them or more, and by two or more."""

    claimed: int
    disputed: int


def chance_of(logits: Tensor) -> Tensor:
    """Return the chance of the structure, (n, *grid), of logits (n, 2, *grid)."""
    return logits.float().softmax(1)[:, 1]


def merged(chances: Mapping[int, np.ndarray]) -> np.ndarray:
    """Return for each voxel the class with the highest chance if that is above a half, else background.

    Args:
        chances: by label, 0 to 1, all of one shape. Of equal ones the lowest label wins.
    """
    labels = sorted(chances)
    stack = np.stack([chances[label] for label in labels])
    return np.where(stack.max(0) > 0.5, np.array(labels)[stack.argmax(0)], 0).astype(np.uint8)


def overlap(chances: Mapping[int, np.ndarray]) -> Overlap:
    """Count the voxels that models claim, and those that more than one does."""
    claims = np.sum([chance > 0.5 for chance in chances.values()], axis=0)
    return Overlap(int((claims > 0).sum()), int((claims > 1).sum()))


def kept_chances(cases: HeadScans, row: int, used: Mapping[str, Used]) -> dict[int, np.ndarray]:
    """Return the chances that one-class models have left of a scan, by label.

    Raises:
        InputError: a model has left none, or two are of one class.
    """
    found: dict[int, np.ndarray] = {}
    for method, own in used.items():
        kept = read_case(own.predictions, cases, row)
        if "chance" not in kept or "only" not in kept:
            raise InputError(
                f"{own.predictions}: method '{method}' is no one-class model; take it out of 'uses'"
            )
        label = int(kept["only"])
        if label in found:
            raise InputError(f"config: 'uses' has two models of class {label}; keep one")
        found[label] = kept["chance"].astype(np.float32) / BYTES
    return found


def merge(job: Job, cases: HeadScans) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Yield the tested scans and what is kept of them.

    Raises:
        InputError: no one-class models stand under ``uses``.
    """
    if not job.used:
        raise InputError(f"config key methods.{job.method}: 'uses' is missing; name the one-class models")
    for row in cases.rows("test"):
        chances = kept_chances(cases, row, job.used)
        yield row, {"labels": merged(chances), "overlap": np.array(overlap(chances))}
