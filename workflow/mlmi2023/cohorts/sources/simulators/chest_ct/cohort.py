"""All volumes of a cohort, in parallel processes, and the files that they become."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.sources.simulators.chest_ct.options import read_options
from mlmi2023.cohorts.sources.simulators.chest_ct.phantom import paint
from mlmi2023.cohorts.sources.simulators.chest_ct.scanner import expose, form_slices
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import write_json

SPLITS = ("train", "all", "test")


def plan(config: dict[str, Any], options: dict[str, Any]) -> list[dict[str, Any]]:
    """Return id, split and label of every volume; variants come last, as test volumes with a label."""
    counts = config.get("subjects") or {}
    for split in counts:
        if split not in SPLITS:
            raise InputError(f"subjects: unknown split '{split}'; use {', '.join(SPLITS)}")
    splits = [split for split in SPLITS for _ in range(counts.get(split, 0))]
    if not splits:
        raise InputError("subjects: nobody is planned; give counts such as {all: 4}")
    rows = [{"subject": f"v{n:02d}", "split": split, "label": ""} for n, split in enumerate(splits, 1)]
    return rows + [{"subject": name, "split": "test", "label": name} for name in options["variants"]]


def simulate_cohort(
    config: dict[str, Any], out: Path, threads: int, progress: Callable[[int, int, str], None] | None
) -> None:
    """See :func:`mlmi2023.cohorts.sources.simulators.chest_ct.simulate`."""
    options = read_options(config)
    rows = plan(config, options)
    out.mkdir(parents=True, exist_ok=True)
    jobs = [(number, row, int(config["seed"]), options, out) for number, row in enumerate(rows)]
    done: list[dict[str, Any]] = []
    for row in _each(jobs, threads):
        done.append(row)
        (progress or _say)(len(done), len(rows), row["subject"])
    write_json(out / "volumes.json", done)
    write_json(out / "cohort.json", {"config": {**config, "options": options}, "seed": config["seed"]})


def _each(jobs: list[Any], threads: int) -> Iterator[dict[str, Any]]:
    if threads < 2 or len(jobs) < 2:
        yield from map(_make, jobs)
        return
    # fork: a spawned worker would run the calling script again
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(threads, len(jobs)), mp_context=context) as pool:
        yield from pool.map(_make, jobs)


def _make(job: tuple[int, dict[str, Any], int, dict[str, Any], Path]) -> dict[str, Any]:
    """Paint, scan and write one volume; return its row of ``volumes.json``."""
    number, row, seed, options, out = job
    own = options["variants"].get(row["label"], options)
    rng = np.random.default_rng([seed, number])
    seen = expose(rng, paint(rng, own), own)
    name, pixel = row["subject"], own["pixel"]
    reference = _write(out / name / "reference.nii.gz", seen, own, pixel, pixel)
    stacks = []
    for thickness, overlap in own["acquisitions"]:
        file = out / name / f"thickness-{thickness:g}_overlap-{overlap:g}.nii.gz"
        stacks.append(
            {"thickness": thickness, "file": _write(file, seen, own, thickness, thickness - overlap)}
        )
    return {**row, "reference": reference, "stacks": stacks}


def _write(file: Path, seen: np.ndarray, options: dict[str, Any], thickness: float, spacing: float) -> str:
    slices, centres = form_slices(seen, options["fine"]["z"], thickness, spacing)
    pixel = options["pixel"]
    affine = np.diag([pixel, pixel, spacing, 1.0])
    affine[:3, 3] = [pixel / 2, pixel / 2, centres[0]]
    write_volume(file, slices.transpose(2, 1, 0), affine)
    return file.relative_to(file.parents[1]).as_posix()


def _say(done: int, total: int, name: str) -> None:
    print(f"chest CT volumes: {done}/{total} {name}", flush=True)
