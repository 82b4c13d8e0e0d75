"""What the training runs say of themselves: speed, memory, and where the results come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from mlmi2023.core.conditions import one_of
from mlmi2023.core.json_files import read_object
from mlmi2023.reporting.learned import combine, status_of
from mlmi2023.training.loop.status import NOT_KNOWN, NOT_LEARNED, RISING, SETTLED

PROVENANCE = {
    "code_version": str,
    "dirty": bool,
    "packages": dict[str, str],
    "hardware": dict[str, Any],
    "threads": int | None,
    "started": str,
}
NEEDED = {
    **{"dataset": str, "method": str, "seed": int, "fold": int, "steps": int, "seconds": float},
    **{"provenance": PROVENANCE, "config_hash": str, "data_hash": str},
}
KNOWN = {
    **{"stage": str, "parameters": int, "device": str},
    **dict.fromkeys(("steps_per_second", "samples_per_second", "peak_memory_mb"), float),
    "learned": {"status": Annotated[str, one_of(SETTLED, RISING, NOT_LEARNED, NOT_KNOWN)]},
}


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
        InputError: a file is broken, lacks a field, or has one of another type.
    """
    return [read_object(path, NEEDED, "delete it and train again", KNOWN) for path in paths]


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
