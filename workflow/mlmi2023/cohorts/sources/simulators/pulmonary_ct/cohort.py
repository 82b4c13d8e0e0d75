"""All exams of a cohort, in parallel processes."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.sources.simulators.pulmonary_ct.options import read_options
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.patients import Exam, draw_exams
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.records import draw_records
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.scanner import scan
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.write import PARTS, write_scan, write_tables
from mlmi2023.core.files import write_json

CHUNK = 25  # exams that a worker makes before it reports


def simulate_cohort(
    config: dict[str, Any], out: Path, threads: int, progress: Callable[[int, int, str], None] | None
) -> None:
    """See :func:`mlmi2023.cohorts.sources.simulators.pulmonary_ct.simulate`."""
    options = read_options(config)
    seed = int(config["seed"])
    exams = draw_exams(seed, config.get("subjects") or {}, options)
    for folder in [*map(str, range(PARTS)), "truth"]:
        (out / folder).mkdir(parents=True, exist_ok=True)
    chunks = [exams[first : first + CHUNK] for first in range(0, len(exams), CHUNK)]
    done = 0
    for made in _each(chunks, (seed, options, out), threads):
        done += len(made)
        (progress or _say)(done, len(exams), str(made[-1].idx))
    write_tables(out, exams, draw_records(exams, seed, options["records"]))
    write_json(out / "cohort.json", {"config": {**config, "options": options}, "seed": seed})


def _each(chunks: list[list[Exam]], shared: tuple[int, dict[str, Any], Path], threads: int) -> Any:
    if threads < 2 or len(chunks) < 2:
        for chunk in chunks:
            yield make_chunk(chunk, *shared)
        return
    # fork: a spawned worker would run the calling script again
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(threads, len(chunks)), mp_context=context) as pool:
        jobs = [pool.submit(make_chunk, chunk, *shared) for chunk in chunks]
        try:
            for job in as_completed(jobs):
                yield job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def make_chunk(chunk: list[Exam], seed: int, options: dict[str, Any], out: Path) -> list[Exam]:
    """Scan and write some exams; return them."""
    for exam in chunk:
        write_scan(out, exam, *scan(exam, seed, options))
    return chunk


def _say(done: int, total: int, exam: str) -> None:
    print(f"chest CT stand-in: {done}/{total} exams", flush=True)
