"""Patients made several at a time; bytes depend on neither the number of processes nor their order."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan

REPORTS = 20  # lines of progress, at most
CHUNK = 8  # patients that a process takes at once, at most


def run(
    config: dict[str, Any],
    out: Path,
    threads: int,
    make_patient: Callable[[Any], Any],
    patients: Sequence[Any] | None = None,
) -> list[Any]:
    """Make all patients of a cohort into the folder ``out``, which is made if absent.

    Args:
        config: of the cohort.
        out: the raw root.
        threads: worker processes.
        make_patient: draws, images and writes one, and returns what tables say of it; must be picklable: a
            function of a module, with what it needs bound by :func:`functools.partial`.
        patients: whom to make; None: those of :func:`.patients.plan`.

    Returns:
        what ``make_patient`` returned, in the order of the patients.
    """
    everyone: Sequence[Patient] = plan(config) if patients is None else patients
    Path(out).mkdir(parents=True, exist_ok=True)
    made = []
    for number, answer in enumerate(_each(make_patient, everyone, threads), 1):
        made.append(answer)
        before, now = ((n * REPORTS) // len(everyone) for n in (number - 1, number))
        if now > before:
            print(f"{config.get('simulator', 'simulated')}: {number}/{len(everyone)}", flush=True)
    return made


def _each(work: Callable[[Any], Any], jobs: Sequence[Any], threads: int) -> Iterator[Any]:
    if threads < 2 or len(jobs) < 2:
        yield from map(work, jobs)
        return
    # fork: a spawned worker would run the calling script again
    context = multiprocessing.get_context("fork")
    workers = min(threads, len(jobs))
    chunk = max(1, min(CHUNK, len(jobs) // (4 * workers)))
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from pool.map(work, jobs, chunksize=chunk)
