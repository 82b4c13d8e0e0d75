"""What registering leaves in a folder of predictions, and what scores and figures read from it.

``cases.json`` lists the pairs, each with its seconds (null for controls) and, on a GPU, its peak of memory.
``<case>.npz`` holds ``displacement``, (3, X, Y, Z) float16 in voxels of the fixed grid; the ceiling has none.
A folder with ``skipped.json`` is of a method that could not be run on this machine.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.core.json_files import read_rows
from mlmi2023.tasks.registration.pairs import Pair
from mlmi2023.tasks.runs import AGAIN, read_arrays

CASES, SKIPPED = "cases.json", "skipped.json"
#: of a row of the first: those of :class:`Pair`
KEYS = {"case": str, "moving": int, "fixed": int, "label": str}


def write_field(folder: Path, case: str, u: np.ndarray, method: str) -> None:
    """Store a field (3, X, Y, Z) in voxels.

    Raises:
        InputError: a value is not finite, or too large for float16.
    """
    with np.errstate(over="ignore"):
        small = u.astype(np.float16)
    if not np.isfinite(small).all():
        raise InputError(
            f"method '{method}' gave a field with NaN or infinity for {case}; its training or optimisation "
            "diverged, lower its rate (train.learning_rate for networks)"
        )
    np.savez_compressed(folder / f"{case}.npz", displacement=small)


def read_field(folder: Path, case: str, shape: Sequence[int]) -> np.ndarray:
    """Return a stored field, (3, X, Y, Z) float32 in voxels.

    Args:
        folder: of predictions.
        case: the pair.
        shape: (X, Y, Z) of the cohort.

    Raises:
        InputError: the file is missing, broken or of another cohort.
    """
    file = Path(folder) / f"{case}.npz"
    found = read_arrays(file, (3, *shape))
    if "displacement" not in found:
        raise InputError(f"{file}: holds no displacement; delete its folder and predict again")
    return found["displacement"].astype(np.float32)


def read_cases(folder: Path) -> list[tuple[Pair, dict[str, Any]]]:
    """Return the pairs of a folder, each with what else is known of it: ``seconds`` and ``peak_mb``."""
    found = []
    for row in read_rows(Path(folder) / CASES, KEYS, AGAIN):
        pair = Pair(**{key: row[key] for key in Pair._fields})
        found.append((pair, {key: value for key, value in row.items() if key not in Pair._fields}))
    return found


def read_pairs(folder: Path) -> list[Pair]:
    """Return the pairs of a folder."""
    return [pair for pair, _ in read_cases(folder)]
