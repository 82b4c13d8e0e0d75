"""A packed cohort of the form ``table``: one row of numbers per subject, classes to predict, and folds.

The folder holds ``features.npy`` (N, D) float32 with NaN where a value is missing, ``targets.npy`` (N, T)
int16, ``folds.npy`` (N, T) int16 (one column per target; absent without the cohort's key ``folds``),
``truth.csv`` where a stand-in's subjects are known, and ``cohort.json``.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.cohorts.formats.tables import Column
from mlmi2023.core.errors import InputError

# in a column's ``informative``: places a subject in the population, which a graph can use
POPULATION = "population"


class Table:
    """A packed table.

    Attributes:
        path: its folder.
        name: the cohort's name.
        subjects: subject of each row.
        groups: the group that each subject stays together with; None where each is one.
        columns: what is known of each feature.
        features: (N, D) float32, NaN where missing, read-only.
        classes: names of the classes, by target, in the order of the packed columns.
        fold_count: number of folds; 0 if there are none.
        content_hash: identifies all of it.
    """

    def __init__(self, path: Path) -> None:
        """Read the folder; see :func:`open_table`."""
        about = about_packed(path, "table")
        self.path = path
        self.name: str = about["name"]
        self.subjects: list[str] = [row["subject"] for row in about["subjects"]]
        groups = [row.get("group") for row in about["subjects"]]
        self.groups: list[str] | None = groups if all(groups) else None
        self.columns = [
            Column(c["name"], c["group"], c["kind"], c["unit"], _words(c["informative"]))
            for c in about["columns"]
        ]
        self.classes: dict[str, list[str]] = {name: about["classes"][name] for name in about["targets"]}
        self.fold_count: int = about["folds"]["count"] if about["folds"] else 0
        self.content_hash: str = about["content_hash"]
        self.features: np.ndarray = packed_array(path / "features.npy", (len(self), len(self.columns)))
        own = len(self), len(self.classes)
        self._targets = np.array(packed_array(path / "targets.npy", own))
        self._folds = np.array(packed_array(path / "folds.npy", own)) if self.fold_count else None

    def __len__(self) -> int:
        """Return the number of subjects."""
        return len(self.subjects)

    def labels(self, target: str) -> np.ndarray:
        """Return the class of each row, (N,) int64.

        Raises:
            InputError: the cohort has no such target.
        """
        return self._targets[:, self._place(target)].astype(np.int64)

    def split(self, target: str, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the training and the test rows of a fold.

        Raises:
            InputError: the cohort has no such target or fold.
        """
        if self._folds is None or not 0 <= fold < self.fold_count:
            raise InputError(
                f"cohort '{self.name}' has {self.fold_count} folds, asked for number {fold}; "
                "set the cohort's key 'folds.count'"
            )
        own = self._folds[:, self._place(target)] == fold
        return np.flatnonzero(~own), np.flatnonzero(own)

    def informative(self, target: str) -> np.ndarray | None:
        """Return which features truly bear on a target: 1, 0, or NaN for those that tell who is alike.

        (D,) float; None where the truth is not known. Features that place a subject in the population can
        help through a graph without saying anything of a subject by itself, so a choice of features can
        neither be praised nor blamed for them.
        """
        self._place(target)
        if any(c.informative is None for c in self.columns):
            return None
        known = [
            np.nan if POPULATION in (c.informative or ()) else float(target in (c.informative or ()))
            for c in self.columns
        ]
        return np.array(known)

    def truth(self) -> pd.DataFrame | None:
        """Return what is known of a stand-in's subjects, one row each; None for other cohorts."""
        file = self.path / "truth.csv"
        return pd.read_csv(file, dtype={"subject": str}) if file.exists() else None

    def _place(self, target: str) -> int:
        if target not in self.classes:
            raise InputError(
                f"cohort '{self.name}' has no target '{target}', it has {', '.join(self.classes)}; "
                "name one of these in task.target of the paper's config"
            )
        return list(self.classes).index(target)


def open_table(path: str | Path) -> Table:
    """Open a packed table.

    Raises:
        InputError: there is none at ``path``, or it is broken.
    """
    path = Path(path)
    try:
        return Table(path)
    except (KeyError, OSError, ValueError) as error:
        raise InputError(
            f"{path}: not a packed table ({error!r}); delete the folder and pack again"
        ) from error


def _words(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)
