"""All subjects of a cohort, in parallel processes."""

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.sources.simulators.brain.acquire import scan
from mlmi2023.cohorts.sources.simulators.brain.layers import make_layers
from mlmi2023.cohorts.sources.simulators.brain.maps import build_maps, open_maps
from mlmi2023.cohorts.sources.simulators.brain.options import read_options
from mlmi2023.cohorts.sources.simulators.brain.subject import atlas_subject, draw_subject, stream
from mlmi2023.cohorts.sources.simulators.brain.write import write_root, write_subject
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import tree_hash, write_json

SPLITS = ("train", "val", "test")


def plan(config: dict[str, Any]) -> list[tuple[int, str]]:
    """Return number and split of every subject; the atlas is number 0 and comes first."""
    counts = config["subjects"]
    for split in counts:
        if split not in SPLITS:
            raise InputError(f"subjects: unknown split '{split}'; use {', '.join(SPLITS)}")
    splits = [split for split in SPLITS for _ in range(counts.get(split, 0))]
    people = list(enumerate(splits, start=1))
    return [(0, "atlas"), *people] if config.get("atlas") else people


def simulate_cohort(
    config: dict[str, Any], out: Path, threads: int, progress: Callable[[int, int, str], None] | None
) -> None:
    """See :func:`mlmi2023.cohorts.sources.simulators.brain.simulate`."""
    options = read_options(config)
    make_layers(options["layers"])  # a mistake shows before any work
    people = plan(config)
    done: dict[int, dict[str, Any]] = {}
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="brain-maps-") as folder:
        build_maps(min(options["spacing"]), options["landmarks"]).save(Path(folder))
        for number, person in _each(people, (config, options, Path(folder), out), threads):
            done[number] = person
            (progress or _say)(len(done), len(people), f"sub-{person['id']}")
    write_root(out, config, [done[number] for number, _ in people])
    keys = ("simulator", "seed", "subjects", "atlas", "modalities")
    content = {"config": {k: config.get(k) for k in keys} | {"options": options}, "seed": config["seed"]}
    write_json(out / "cohort.json", content | {"content_hash": tree_hash(out)})


def _each(people: list[tuple[int, str]], shared: tuple, threads: int) -> Iterator[tuple[int, dict]]:
    """Make the subjects; yield each number and person as it is done."""
    if threads < 2 or len(people) < 2:
        for number, split in people:
            yield number, make_subject(number, split, *shared)
        return
    # fork: a spawned worker would run the calling script again
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(threads, len(people)), mp_context=context) as pool:
        jobs = {pool.submit(make_subject, number, split, *shared): number for number, split in people}
        try:
            for job in as_completed(jobs):
                yield jobs[job], job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def make_subject(
    number: int, split: str, config: dict[str, Any], options: dict[str, Any], folder: Path, out: Path
) -> dict[str, Any]:
    """Draw, layer, image and write one subject; return its row of participants.tsv.

    Args:
        number: 0 for the atlas.
        split: train, val, test or atlas.
        config: the cohort's configuration.
        options: the simulator's options, complete.
        folder: where the shared maps are saved.
        out: the BIDS root.
    """
    maps = open_maps(folder)
    seed, modalities = config["seed"], config["modalities"]
    if number == 0:
        subject = atlas_subject(modalities, options, maps)
    else:
        subject = draw_subject(number, split, seed, modalities, options, maps)
        for name, layer in make_layers(options["layers"]):
            subject = layer.apply(subject, maps, stream(seed, number, f"layer {name}"))
    images = scan(subject, options, maps, stream(seed, number, "scan"))
    write_subject(subject, images, maps, out)
    return {key: getattr(subject, key) for key in ("id", "split", "age", "sex", "site")}


def _say(done: int, total: int, subject: str) -> None:
    print(f"brain stand-in: {done}/{total} {subject}", flush=True)
