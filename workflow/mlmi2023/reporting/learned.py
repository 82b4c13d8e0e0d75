"""Learned or not: one word for each row of a table, from the trainings behind it.

Behind a row stand all trainings of its method on its dataset (seeds, folds, stages) and those of the methods
that it uses. It has the best status that at least three quarters of them have reached. A method without any
training (a control, a classical method) has none.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mlmi2023.core.csv_files import read_columns
from mlmi2023.core.files import atomic
from mlmi2023.training.loop.status import NOT_KNOWN, NOT_LEARNED, RISING, SETTLED

#: Status by dataset and method; methods without a training are absent.
Learned = Mapping[tuple[str, str], str]
#: From the best on.
ORDER = (SETTLED, RISING, NOT_LEARNED)
#: Share of the trainings that must have reached a status.
SHARE = 3 / 4
COLUMNS = ["dataset", "method", "learned", "trainings", *(s.replace(" ", "_") for s in (*ORDER, NOT_KNOWN))]


def combine(statuses: Iterable[str]) -> str:
    """Return the best status that three quarters have reached; empty for none, ``not known`` if any is."""
    found = list(statuses)
    if not found:
        return ""
    if NOT_KNOWN in found:
        return NOT_KNOWN
    reached = 0
    for status in ORDER:
        reached += found.count(status)
        if reached >= SHARE * len(found):
            return status
    raise ValueError(f"unknown status among {sorted(set(found))}")


def status_of(run: Mapping[str, Any]) -> str:
    """Return the status that a ``train.json`` carries; ``not known`` where it carries none."""
    return str(run.get("learned", {}).get("status", NOT_KNOWN))


def gather_learned(
    runs: Sequence[Mapping[str, Any]],
    uses: Mapping[str, Mapping[str, Sequence[str]]],
    taken: Mapping[str, Mapping[str, Sequence[Sequence[str]]]] | None = None,
) -> pd.DataFrame:
    """Return :data:`COLUMNS`, a line for each method that is trained or uses one that is.

    Args:
        runs: contents of ``train.json``.
        uses: by dataset and method, the methods whose predictions or weights it takes, each named directly.
        taken: by dataset and method, the trainings that it shares with others (dataset, method, stage), under
            whose names they run.
    """
    own: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        own.setdefault((run["dataset"], run["method"]), []).append(status_of(run))
    for dataset, methods in (taken or {}).items():
        for method, trainings in methods.items():
            names = [tuple(training) for training in trainings]
            shared = [status_of(r) for r in runs if (r["dataset"], r["method"], r.get("stage")) in names]
            own[dataset, method] = own.get((dataset, method), []) + shared

    def behind(dataset: str, method: str) -> dict[str, None]:
        found = {method: None}
        for used in uses.get(dataset, {}).get(method, ()):
            found |= behind(dataset, used)
        return found

    lines = []
    for dataset, method in dict.fromkeys([*own, *((d, m) for d, methods in uses.items() for m in methods)]):
        statuses = [s for used in behind(dataset, method) for s in own.get((dataset, used), [])]
        if statuses:
            counts = [statuses.count(status) for status in (*ORDER, NOT_KNOWN)]
            lines.append([dataset, method, combine(statuses), len(statuses), *counts])
    return pd.DataFrame(lines, columns=COLUMNS)


def write_learned(frame: pd.DataFrame, path: str | Path) -> None:
    """Write ``learned.csv``."""
    with atomic(path) as part:
        frame.to_csv(part, index=False, lineterminator="\n")


def read_learned(path: str | Path) -> dict[tuple[str, str], str]:
    """Read ``learned.csv`` as status by dataset and method; a broken file is an InputError."""
    fix = "delete it and run again"
    frame = read_columns(path, COLUMNS, fix, whole=COLUMNS[3:], words={"learned": (*ORDER, NOT_KNOWN)})
    return {(row["dataset"], row["method"]): row["learned"] for row in frame.to_dict("records")}
