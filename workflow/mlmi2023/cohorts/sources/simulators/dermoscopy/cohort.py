"""All images of a cohort, in parallel processes, and the files that they become."""

import csv
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.formats.photographs import write_png
from mlmi2023.cohorts.sources.simulators.dermoscopy.artefacts import add_artefacts
from mlmi2023.cohorts.sources.simulators.dermoscopy.lesion import between, draw_lesion
from mlmi2023.cohorts.sources.simulators.dermoscopy.options import read_options
from mlmi2023.cohorts.sources.simulators.dermoscopy.skin import paint
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import write_json

SPLITS = ("train", "val", "test")
#: drawn on a grid so much finer, then averaged: edges get the share of the pixel that they cover
FINER = 2


def simulate_cohort(
    config: dict[str, Any], out: Path, threads: int, progress: Callable[[int, int, str], None] | None
) -> None:
    """See :func:`mlmi2023.cohorts.sources.simulators.dermoscopy.simulate`."""
    options = read_options(config)
    rows = plan(config)
    (out / "images").mkdir(parents=True, exist_ok=True)
    (out / "masks").mkdir(exist_ok=True)
    jobs = [(number, name, int(config["seed"]), options, out) for number, (name, _) in enumerate(rows)]
    truth: list[dict[str, Any]] = []
    for about in _each(jobs, threads):
        truth.append(about)
        if len(truth) % 100 == 0 or len(truth) == len(rows):
            (progress or _say)(len(truth), len(rows), about["subject"])
    _write_table(out / "splits.csv", [{"subject": name, "split": split} for name, split in rows])
    _write_table(out / "truth.csv", truth)
    write_json(out / "cohort.json", {"config": {**config, "options": options}, "seed": config["seed"]})


def plan(config: dict[str, Any]) -> list[tuple[str, str]]:
    """Return id and split of every image.

    Raises:
        InputError: an unknown split, or no image.
    """
    counts = config.get("subjects") or {}
    for split in counts:
        if split not in SPLITS:
            raise InputError(f"subjects: unknown split '{split}'; use {', '.join(SPLITS)}")
    splits = [split for split in SPLITS for _ in range(counts.get(split, 0))]
    if not splits:
        raise InputError(
            "subjects: no image is planned; give counts such as {train: 300, val: 50, test: 100}"
        )
    return [(f"d{number:05d}", split) for number, split in enumerate(splits, 1)]


def make_image(
    rng: np.random.Generator, options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """Return an image (S, S, 3) uint8, its mask (S, S) bool, and what was drawn."""
    size = int(options["size"])
    lesion = draw_lesion(rng, FINER * size, options)
    image = paint(rng, lesion, options)
    image, there = add_artefacts(rng, image, options)
    image = ndimage.gaussian_filter(image, (*[between(rng, options["blur"]) * FINER * size] * 2, 0))
    image = _coarse(image)
    image += rng.normal(0, between(rng, options["noise"]), image.shape)
    pixels = np.clip(np.rint(255 * np.clip(image, 0, 1)), 0, 255).astype(np.uint8)
    return pixels, _coarse(lesion.mask.astype(float)) > 0.5, {**lesion.about, **there}


def _coarse(fine: np.ndarray) -> np.ndarray:
    rows, columns = fine.shape[0] // FINER, fine.shape[1] // FINER
    return fine.reshape(rows, FINER, columns, FINER, *fine.shape[2:]).mean(axis=(1, 3))


def _make(job: tuple[int, str, int, dict[str, Any], Path]) -> dict[str, Any]:
    number, name, seed, options, out = job
    image, mask, about = make_image(np.random.default_rng([seed, number]), options)
    write_png(out / f"images/{name}.png", image)
    write_png(out / f"masks/{name}.png", mask.astype(np.uint8) * 255)
    values = {key: f"{value:.4g}" for key, value in about.items()}
    return {"subject": name, **values, "area": f"{mask.mean():.4g}"}


def _each(jobs: list[Any], threads: int) -> Iterator[dict[str, Any]]:
    if threads < 2 or len(jobs) < 8:
        yield from map(_make, jobs)
        return
    # fork: a spawned worker would run the calling script again
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(threads, len(jobs)), mp_context=context) as pool:
        yield from pool.map(_make, jobs, chunksize=8)


def _write_table(file: Path, rows: list[dict[str, Any]]) -> None:
    with open(file, "w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _say(done: int, total: int, name: str) -> None:
    print(f"dermoscopy images: {done}/{total} {name}", flush=True)
