"""Register the test pairs of a job and write what they leave."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.core.files import atomic, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.tasks.registration.methods import Method
from mlmi2023.tasks.registration.pairs import Pair
from mlmi2023.tasks.registration.stored import CASES, SKIPPED, write_field
from mlmi2023.tasks.registration.volumes import Volumes


class Work(NamedTuple):
    """Pairs for one method.

    Attributes:
        method: what registers them.
        pairs: the pairs.
        folder: of their predictions inside the job's, where a job has several.
    """

    method: Method
    pairs: Sequence[Pair]
    folder: str = ""


def register_pairs(
    job: Job, work: Sequence[Work], volumes: Volumes, out: Path, notes: Mapping[str, Any] | None = None
) -> None:
    """Register all pairs and write ``out``, whole or not at all; see :mod:`~.stored` for its files.

    Times run from images in memory to the field in memory. The peak of memory is the GPU's; on a CPU no
    method's share of the process can be told.

    Args:
        job: the job.
        work: methods and their pairs; several of one folder are listed together.
        volumes: serves the images.
        out: folder to make.
        notes: content of further JSON files by name without ending, such as what validation has chosen.

    Raises:
        InputError: a field is not finite.
    """
    with atomic(out) as part:
        part.mkdir()
        for name, content in (notes or {}).items():
            write_json(part / f"{name}.json", content)
        rows: dict[str, list[dict[str, Any]]] = {}
        for method, pairs, folder in work:
            place = part / folder
            place.mkdir(exist_ok=True)
            if method.missing:
                print(f"method '{job.method}' is left out: {method.missing}", flush=True)
                write_json(place / SKIPPED, {"why": method.missing})
            for number, pair in enumerate([] if method.missing else pairs):
                row = _register(job, method, pair, volumes, place, number == 0)
                rows.setdefault(folder, []).append(row)
        for folder, own in rows.items():
            write_json(part / folder / CASES, own)


def _register(
    job: Job, method: Method, pair: Pair, volumes: Volumes, place: Path, first: bool
) -> dict[str, Any]:
    """Register one pair, store its field and return its row of the list of cases."""
    row = {**pair._asdict(), "seconds": None, "peak_mb": None}
    if method.register is None:
        return row
    u, seconds, peak = _measured(method, *volumes.arrays(pair), warm=method.warm and first)
    write_field(place, pair.case, u, job.method)
    return {**row, "seconds": seconds if method.timed else None, "peak_mb": peak}


def _measured(
    method: Method, moving: np.ndarray, fixed: np.ndarray, warm: bool
) -> tuple[np.ndarray, float, float | None]:
    """Return the field, seconds and the peak of GPU memory in MB."""
    assert method.register is not None
    if warm:
        method.register(moving, fixed)
    if method.device is not None:
        import torch

        torch.cuda.reset_peak_memory_stats(method.device)
    start = time.perf_counter()
    u = method.register(moving, fixed)
    seconds = time.perf_counter() - start
    if method.device is None:
        return u, seconds, None
    from mlmi2023.training.loop.device import peak_memory_mb

    return u, seconds, peak_memory_mb(method.device)
