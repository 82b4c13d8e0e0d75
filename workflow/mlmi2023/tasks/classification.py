"""Classification: from class probabilities of every case to scores, one fold or several in a run.

A paper gives the probabilities of all cases (:class:`Answer`) with the rows that were held out for the
operating point and those that are tested. These rows are stored, and scored from what was stored. With two
classes the operating point is the best on the held-out rows; without such rows the likeliest class is taken.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.metrics import contributions
from mlmi2023.metrics.classification import measure, youden_threshold
from mlmi2023.tasks.runs import Value

TABLE, ABOUT = "probabilities.csv", "about.json"
ALONE = -1  # stands for no fold in the table

#: labels (N,), probabilities (N, C) and the threshold, or None -> values by metric: one each, or one per case
Measures = Callable[[np.ndarray, np.ndarray, float | None], Mapping[str, Any]]


class Answer(NamedTuple):
    """What a method says in one setting and fold.

    Attributes:
        probabilities: (N, C) of all cases; rows sum to 1. Rows that are neither tested nor held out are not
            looked at.
        test: rows that are tested.
        val: rows that were held out of training for the operating point; may be empty.
        setting: its name.
        fold: its number, where one run has several; None: the job's.
        columns: (N,) each, to be stored beside the probabilities.
    """

    probabilities: np.ndarray
    test: np.ndarray
    val: np.ndarray
    setting: str = ""
    fold: int | None = None
    columns: Mapping[str, np.ndarray] = {}


@dataclass(frozen=True)
class Stored:
    """An answer as it was stored.

    Attributes:
        setting: its name.
        fold: its number, or None.
        table: a row for each tested and held-out case: ``split`` (test or val), ``row`` of the cohort,
            ``case``, ``p0`` ... and the paper's own columns.
    """

    setting: str
    fold: int | None
    table: pd.DataFrame = field(repr=False)

    def of(self, split: str) -> pd.DataFrame:
        """Return the rows of a split."""
        return self.table[self.table["split"] == split]

    def rows(self, split: str) -> np.ndarray:
        """Return the cohort's rows of a split, (n,)."""
        return self.of(split)["row"].to_numpy()

    def probabilities(self, split: str) -> np.ndarray:
        """Return the probabilities of a split, (n, C)."""
        columns = [c for c in self.table.columns if c.startswith("p") and c[1:].isdigit()]
        return self.of(split)[columns].to_numpy(float)

    def threshold(self, labels: np.ndarray) -> float | None:
        """Return the operating point of two classes from held-out rows; None without them.

        Args:
            labels: (N,) class of each case of the cohort.
        """
        held = self.probabilities("val")
        if not len(held) or held.shape[1] != 2:
            return None
        return operating_point(labels[self.rows("val")], held[:, 1])


def operating_point(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the threshold with the largest Youden index; 0.5 where all scores are equal.

    Args:
        labels: (n,) 0 or 1, of held-out cases.
        scores: (n,) probability of class 1.

    Raises:
        InputError: the cases are all of one class.
    """
    if len(np.unique(labels)) < 2:
        raise InputError(
            "the validation split needs cases of both classes to choose an operating point; enlarge it"
        )
    return 0.5 if len(np.unique(scores)) < 2 else youden_threshold(labels, scores)


def prevalence(labels: np.ndarray, train: np.ndarray, classes: int) -> np.ndarray:
    """Return the floor: for everyone the shares of the classes among training rows, (N, C)."""
    return np.tile(np.bincount(labels[train], minlength=classes) / len(train), (len(labels), 1))


def truth(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the ceiling: probability 1 of the true class, (N, C)."""
    return np.eye(classes)[labels]


def pair(p: np.ndarray) -> np.ndarray:
    """Return the probabilities of both classes, (N, 2), from those of class 1, (N,)."""
    return np.stack([1 - p, p], axis=1)


def rounded(values: np.ndarray, digits: int) -> np.ndarray:
    """Return values with so many significant digits, which tables keep short."""
    return np.array([float(f"{v:.{digits}g}") for v in values.flat]).reshape(values.shape)


def predict(
    job: Job,
    answers: Iterable[Answer],
    out: Path,
    cases: Sequence[str],
    files: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write the folder ``out``, whole or not at all: ``probabilities.csv`` and what else a paper leaves.

    Args:
        job: what to run.
        answers: one for each setting and fold.
        out: the folder.
        cases: names of the cohort's cases.
        files: arrays to store, by name of the ``.npz`` file.
        about: content of ``about.json``: what was chosen on the way.

    Raises:
        InputError: nobody is tested, or an answer holds something else than probabilities.
    """
    names = np.array(cases, dtype=object)
    parts = []
    for answer in answers:
        for split, rows in (("val", answer.val), ("test", answer.test)):
            own = answer.probabilities[rows]
            if not (np.isfinite(own).all() and np.allclose(own.sum(axis=1), 1, atol=1e-3)):
                raise InputError(
                    f"method '{job.method}' answers with something else than probabilities: its training "
                    "diverged, lower train.learning_rate"
                )
            known = {"setting": answer.setting, "fold": ALONE if answer.fold is None else answer.fold}
            known |= {"split": split, "row": rows, "case": names[rows]}
            known |= {f"p{c}": own[:, c] for c in range(own.shape[1])}
            parts.append(pd.DataFrame(known | {name: v[rows] for name, v in answer.columns.items()}))
        if not len(answer.test):
            raise InputError(f"dataset '{job.dataset}' has no test cases; give its split 'test' some")
    with atomic(out) as part:
        part.mkdir()
        pd.concat(parts).to_csv(part / TABLE, index=False, lineterminator="\n")
        for name, arrays in (files or {}).items():
            np.savez(part / name, **arrays)  # type: ignore[arg-type]
        if about is not None:
            write_json(part / ABOUT, about)


def read_answers(out: Path, cases: Sequence[str] | None = None) -> list[Stored]:
    """Return what :func:`predict` stored, in its order.

    Args:
        out: the folder.
        cases: names of the cohort's cases, to see that they are still the same; None: do not look.

    Raises:
        InputError: it is missing, broken, or of another cohort.
    """
    file = Path(out) / TABLE
    try:
        # as text: a case may be called NA, and a number must come back as it was written
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        for name in table.columns.difference(["setting", "split", "case"]):
            table[name] = table[name].replace("", "nan").to_numpy(dtype=float)
        table = table.astype({"fold": int, "row": int})
        groups: Any = table.groupby(["setting", "fold"], sort=False)
        found = [
            Stored(setting, None if fold == ALONE else int(fold), own) for (setting, fold), own in groups
        ]
        rows, names = table["row"].to_numpy(), table["case"].to_numpy()
    except (OSError, KeyError, ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{file}: cannot be read ({error}); delete {out} and predict again") from error
    if cases is not None and (max(rows) >= len(cases) or any(np.array(cases, object)[rows] != names)):
        raise InputError(f"{file}: has cases of another cohort; delete {out} and predict again")
    return found


def score(
    job: Job,
    out: Path,
    labels: np.ndarray,
    measures: Measures = measure,
    subsets: Mapping[str, np.ndarray] | None = None,
    cases: Sequence[str] | None = None,
) -> Iterator[Value]:
    """Yield the scores of the tested cases: of each setting and fold, case by case where a measure is.

    A value of a fold stands under the case ``fold-<number>``.

    Args:
        job: what was run.
        out: the folder that :func:`predict` wrote.
        labels: (N,) class of each case of the cohort.
        measures: what to measure; :func:`case_by_case` or a paper's own.
        subsets: (N,) bool by setting: score these cases alone under this name; None: all, under the answer's.
        cases: names of the cohort's cases; see :func:`read_answers`.
    """
    for stored in read_answers(out, cases):
        rows, probabilities = stored.rows("test"), stored.probabilities("test")
        names, threshold = stored.of("test")["case"].to_numpy(), stored.threshold(labels)
        whole = "" if stored.fold is None else f"fold-{stored.fold:02d}"
        for setting, kept in (subsets or {stored.setting: np.ones(len(labels), bool)}).items():
            own = kept[rows]
            for metric, values in measures(labels[rows[own]], probabilities[own], threshold).items():
                each = zip(names[own], values, strict=True) if np.ndim(values) else [(whole, values)]
                for case, value in each:
                    yield Value(metric, float(value), case, setting=setting, fold=stored.fold)


def case_by_case(labels: np.ndarray, probabilities: np.ndarray, threshold: float | None) -> dict[str, Any]:
    """Return the measures of two classes, those that can be had for each case as what it adds to them.

    ``acc``, ``f1`` (of class 1) and ``auroc`` are (N,) with the score as their mean, so that methods compare
    case by case; ``auprc``, ``sens``, ``spec``, ``brier`` and ``ece`` one value each.
    """
    p = probabilities[:, 1]
    found = (p >= (0.5 if threshold is None else threshold)).astype(int)
    whole = measure(labels, probabilities, threshold)
    return {
        "acc": contributions.accuracy(labels, found),
        "f1": contributions.f1(labels, found),
        "auroc": contributions.auroc(labels, p),
        **{name: whole[name] for name in ("auprc", "sens", "spec", "brier", "ece")},
    }
