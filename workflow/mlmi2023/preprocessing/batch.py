"""What the preprocessing steps share: options, file names, and work on several subjects at once."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.preprocessing.options import STEPS

Record = dict[str, Any]


def step_options(step: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return a step's options, complete.

    Raises:
        InputError: ``given`` has a key that the step does not know, or a value that it cannot use.
    """
    return dict(vars(options(STEPS[step], given, "config of the cohort", f"preprocess.{step}")))


def anat_file(out: Path, subject: str, suffix: str) -> Path:
    """Return ``out/sub-<subject>/anat/sub-<subject>_<suffix>``; its folder is made."""
    folder = out / f"sub-{subject}" / "anat"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"sub-{subject}_{suffix}"


def main_modality(record: Record) -> str:
    """Return the modality that masks and registrations are computed from: T1w, or else the first."""
    images = record["images"]
    if not images:
        raise InputError(f"sub-{record['subject']}: has no image; check the cohort's patterns")
    return "T1w" if "T1w" in images else next(iter(images))


def for_each(
    work: Callable[..., Record],
    records: list[Record],
    out: Path,
    options: dict[str, Any],
    threads: int,
) -> list[Record]:
    """Return ``work(record, out, options)`` of each record, in their order, ``threads`` at a time.

    Each subject is worked on by one thread of one process: the libraries' own threads add up in an order that
    changes from run to run, and results must not depend on how many threads there are. Processes are forked,
    since spawned ones would start the calling script again.
    """
    one = partial(work, out=out, options=options)
    workers = min(threads, len(records))
    if workers < 2:
        return [one(record) for record in records]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork")) as pool:
        return list(pool.map(one, records))
