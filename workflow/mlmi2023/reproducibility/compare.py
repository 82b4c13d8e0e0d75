"""Compare the results of two runs of a paper: weights by their tensors, tables by their content."""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mlmi2023.core.files import read_json
from mlmi2023.reporting.reported import Reported

# what is measured with a clock or a memory counter never comes out twice
MEASURED_UNITS = {"s", "ms", "min", "h", "1/s", "s/case", "ms/case", "MB", "MiB", "GB", "GiB"}


@dataclass(frozen=True)
class Verdict:
    """What came out for one file; ``difference`` is empty where both agree."""

    file: str
    difference: str = ""

    @property
    def same(self) -> bool:
        """Whether both agree."""
        return not self.difference

    def __str__(self) -> str:
        return f"same     {self.file}" if self.same else f"DIFFERS  {self.file}: {self.difference}"


def timed_metrics(reported: Reported) -> set[str]:
    """Return the metrics of a paper that time or memory were measured for."""
    return {metric.id for metric in reported.metrics.values() if metric.unit in MEASURED_UNITS}


def compare_runs(first: Path, second: Path, reported: Reported) -> list[Verdict]:
    """Compare the folders ``results/<scale>`` of two runs.

    Args:
        first: folder of the first run.
        second: folder of the second run.
        reported: what the paper reports; its metrics say which values are times.

    Returns:
        a verdict for every cohort, weights, training curve, table and claims file that either run has.
    """
    timed = timed_metrics(reported)

    def rows(path: Path) -> Iterator[dict[str, str]]:
        return (row for row in read_rows(path) if not is_timed(row, timed))

    kinds: list[tuple[str, Callable[[Path, Path], str]]] = [
        ("cohorts/*/packed/cohort.json", _cohorts),
        (f"{reported.slug}/models/**/weights.safetensors", _weights),
        (f"{reported.slug}/models/**/curve.csv", lambda a, b: compare_rows(read_rows(a), read_rows(b))),
        (f"{reported.slug}/metrics.csv", lambda a, b: compare_rows(rows(a), rows(b))),
        (f"{reported.slug}/tables/*.csv", lambda a, b: compare_rows(rows(a), rows(b))),
        (f"{reported.slug}/claims.csv", lambda a, b: compare_rows(rows(a), rows(b))),
    ]
    verdicts = []
    for pattern, difference in kinds:
        names = {p.relative_to(place).as_posix() for place in (first, second) for p in place.glob(pattern)}
        for name in sorted(names):
            absent = [
                run for run, place in (("first", first), ("second", second)) if not (place / name).exists()
            ]
            said = f"missing in the {absent[0]} run" if absent else difference(first / name, second / name)
            verdicts.append(Verdict(name, said))
    return verdicts


def is_timed(row: dict[str, str], timed: Iterable[str]) -> bool:
    """Return whether a row of a metrics, table or claims file is about a time."""
    check = row.get("check", "")
    return row.get("metric", "") in timed or any(f"{metric}[" in check for metric in timed)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a csv file as texts."""
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def compare_rows(first: Iterable[dict[str, str]], second: Iterable[dict[str, str]]) -> str:
    """Return where two tables differ first, or an empty text."""
    a, b = list(first), list(second)
    for number, (own, other) in enumerate(zip(a, b), 1):
        for column in own | other:
            if own.get(column) != other.get(column):
                return f"row {number}, {column}: {own.get(column)} and {other.get(column)}"
    return "" if len(a) == len(b) else f"{len(a)} and {len(b)} rows"


def _weights(first: Path, second: Path) -> str:
    from mlmi2023.training.loop.weights import read_weights, weights_hash

    a, b = read_weights(first), read_weights(second)
    if weights_hash(a) == weights_hash(b):
        return ""
    if a.keys() != b.keys():
        return f"tensors {sorted(a.keys() ^ b.keys())[0]} and others are in one run alone"
    name = next(n for n in sorted(a) if weights_hash({n: a[n]}) != weights_hash({n: b[n]}))
    if a[name].shape != b[name].shape:
        return f"{name}: shapes {tuple(a[name].shape)} and {tuple(b[name].shape)}"
    return f"{name}: up to {float((a[name].double() - b[name].double()).abs().max()):.2g} apart"


def _cohorts(first: Path, second: Path) -> str:
    a, b = read_json(first)["content_hash"], read_json(second)["content_hash"]
    return "" if a == b else f"content {a} and {b}"
