"""What the training runs say of themselves: speed, memory, and where the results come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json
from mlmi2023.reporting.learned import combine, status_of

NEEDED = ("dataset", "method", "seed", "fold", "steps", "seconds", "provenance", "config_hash", "data_hash")


@dataclass(frozen=True)
class RunSummary:
    """All seeds and folds of one method (and stage) on one dataset; speeds and times are means over runs.

    ``learned`` is their status together (:mod:`mlmi2023.reporting.learned`).
    """

    dataset: str
    method: str
    stage: str
    seeds: tuple[int, ...]
    runs: int
    parameters: int
    steps: int
    seconds: float
    steps_per_second: float
    samples_per_second: float
    peak_memory_mb: float
    device: str
    config_hashes: tuple[str, ...]
    learned: str


@dataclass(frozen=True)
class Provenance:
    """Where the runs come from; several values where the runs differ, which the page shows as such."""

    code_versions: tuple[str, ...]
    dirty: bool
    data_hashes: tuple[str, ...]
    packages: dict[str, str]
    hardware: tuple[str, ...]
    threads: tuple[str, ...]
    started: str
    seconds: float


def read_runs(paths: Sequence[str | Path]) -> list[dict[str, Any]]:
    """Read ``train.json`` files.

    Raises:
        InputError: a file is broken or lacks a field.
    """
    runs = []
    for path in paths:
        run = read_json(path)
        lacking = [key for key in NEEDED if key not in run]
        if lacking:
            raise InputError(f"{path}: lacks {', '.join(lacking)}; delete it and train again")
        runs.append(run)
    return runs


def summarise_runs(runs: Sequence[dict[str, Any]]) -> list[RunSummary]:
    """Return one line per dataset, method and stage, in order of appearance."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["dataset"], run["method"], run.get("stage", "")), []).append(run)

    def mean(group: list[dict[str, Any]], key: str) -> float:
        return sum(float(run.get(key, 0)) for run in group) / len(group)

    return [
        RunSummary(
            *key,
            seeds=tuple(sorted({run["seed"] for run in group})),
            runs=len(group),
            parameters=int(group[0].get("parameters", 0)),
            steps=int(group[0]["steps"]),
            seconds=mean(group, "seconds"),
            steps_per_second=mean(group, "steps_per_second"),
            samples_per_second=mean(group, "samples_per_second"),
            peak_memory_mb=max(float(run.get("peak_memory_mb", 0)) for run in group),
            device=", ".join(sorted({str(run.get("device", "")) for run in group})),
            config_hashes=tuple(sorted({run["config_hash"] for run in group})),
            learned=combine(status_of(run) for run in group),
        )
        for key, group in groups.items()
    ]


def combine_provenance(runs: Sequence[dict[str, Any]], here: dict[str, Any]) -> Provenance:
    """Return what the runs share and where they differ.

    Args:
        runs: contents of ``train.json``.
        here: provenance of the job that writes the page (:func:`mlmi2023.core.provenance.provenance`), which
            counts too, since it scored the methods that are not trained.
    """
    sources = [run["provenance"] for run in runs] + [here]
    packages: dict[str, set[str]] = {}
    for source in sources:
        for name, version in source.get("packages", {}).items():
            packages.setdefault(name, set()).add(str(version))
    hardware = [", ".join(f"{k}: {v}" for k, v in s.get("hardware", {}).items()) for s in sources]
    return Provenance(
        code_versions=_unique(s.get("code_version", "unknown") for s in sources),
        dirty=any(s.get("dirty") for s in sources),
        data_hashes=_unique(run["data_hash"] for run in runs),
        packages={name: " and ".join(sorted(versions)) for name, versions in sorted(packages.items())},
        hardware=_unique(hardware),
        threads=_unique(run["provenance"].get("threads") for run in runs),
        started=min((s["started"] for s in sources if s.get("started")), default=""),
        seconds=sum(float(run["seconds"]) for run in runs),
    )


def _unique(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(value) for value in values if value not in (None, "")))
