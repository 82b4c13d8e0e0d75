"""All subjects of a cohort, in parallel processes."""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.sources.simulators.brain.acquire import scan
from mlmi2023.cohorts.sources.simulators.brain.layers import make_layers
from mlmi2023.cohorts.sources.simulators.brain.maps import build_maps, open_maps
from mlmi2023.cohorts.sources.simulators.brain.options import read_options
from mlmi2023.cohorts.sources.simulators.brain.subject import atlas_subject, draw_subject, stream
from mlmi2023.cohorts.sources.simulators.brain.write import write_root, write_subject
from mlmi2023.cohorts.sources.simulators.kit import patients
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.core.files import tree_hash, write_json

SPLITS = ("train", "val", "test")


def plan(config: dict[str, Any]) -> list[Patient]:
    """Return every subject; the atlas is number 0 and comes first."""
    people = patients.plan(config, splits=SPLITS)
    return [Patient(0, "atlas", "atlas", int(config["seed"])), *people] if config.get("atlas") else people


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort as a BIDS folder.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (count per split), ``atlas``,
            ``modalities`` and ``options`` (see :mod:`mlmi2023.cohorts.sources.simulators.brain.options`).
        out: folder; made if absent.
        threads: worker processes; a subject's bytes depend on neither their number nor the other subjects.

    Raises:
        InputError: an option is unknown or out of range, or a template is missing.
    """
    options = read_options(config)
    make_layers(options["layers"])  # a mistake shows before any work
    people = plan(config)
    with tempfile.TemporaryDirectory(prefix="brain-maps-") as folder:
        build_maps(min(options["spacing"]), options["landmarks"]).save(Path(folder))
        make = partial(make_subject, config=config, options=options, folder=Path(folder), out=out)
        rows = run(config, out, threads, make, people)
    write_root(out, config, rows)
    keys = ("simulator", "seed", "subjects", "atlas", "modalities")
    content = {"config": {k: config.get(k) for k in keys} | {"options": options}, "seed": config["seed"]}
    write_json(out / "cohort.json", content | {"content_hash": tree_hash(out)})


def make_subject(
    person: Patient, config: dict[str, Any], options: dict[str, Any], folder: Path, out: Path
) -> dict[str, Any]:
    """Draw, layer, image and write one subject; return its row of participants.tsv.

    Args:
        person: number 0 is the atlas.
        config: the cohort's configuration.
        options: the simulator's options, complete.
        folder: where the shared maps are saved.
        out: the BIDS root.
    """
    maps = open_maps(folder)
    (number, _, split, seed), modalities = person, config["modalities"]
    if number == 0:
        subject = atlas_subject(modalities, options, maps)
    else:
        subject = draw_subject(number, split, seed, modalities, options, maps)
        for name, layer in make_layers(options["layers"]):
            subject = layer.apply(subject, maps, stream(seed, number, f"layer {name}"))
    images = scan(subject, options, maps, stream(seed, number, "scan"))
    write_subject(subject, images, maps, out)
    return {key: getattr(subject, key) for key in ("id", "split", "age", "sex", "site")}
