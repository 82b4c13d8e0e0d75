"""All patients of a cohort, in parallel processes, and their files."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.scans.raw import plan_subjects, workers, write_tables
from mlmi2023.cohorts.sources.simulators.brain.acquire import scan
from mlmi2023.cohorts.sources.simulators.brain.layers import make_layers
from mlmi2023.cohorts.sources.simulators.brain.maps import Maps, build_maps, open_maps
from mlmi2023.cohorts.sources.simulators.brain.subject import draw_subject, stream
from mlmi2023.cohorts.sources.simulators.flair_lesions.lesions import LESION, Lesions, open_ground, survey
from mlmi2023.cohorts.sources.simulators.flair_lesions.options import read_options
from mlmi2023.core.files import write_json

FWHM = 2.3548
MARGIN = 3  # voxels around the brain


def simulate_cohort(
    config: dict[str, Any], out: Path, threads: int, progress: Callable[[int, int, str], None] | None
) -> None:
    """See :func:`mlmi2023.cohorts.sources.simulators.flair_lesions.simulate`."""
    options = read_options(config)
    make_layers(options["brain"]["layers"])  # a mistake shows before any work
    people = plan_subjects(config)
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory(prefix="brain-maps-") as folder:
        maps = build_maps(min(options["brain"]["spacing"]), options["brain"]["landmarks"])
        for name, shared in (("maps", maps), ("ground", survey(maps))):
            (Path(folder) / name).mkdir()
            shared.save(Path(folder) / name)
        turn: dict[str, int] = {}
        jobs = []
        for number, (name, split) in enumerate(people, 1):
            sites = [s for s, site in options["sites"].items() if split in site["splits"]]
            site = sites[turn.get(split, 0) % len(sites)]  # the centres of a split in turn
            turn[split] = turn.get(split, 0) + 1
            jobs.append((number, name, split, site, int(config["seed"]), options, Path(folder), out))
        for row in workers(make_patient, jobs, threads):
            rows.append(row)
            (progress or _say)(len(rows), len(jobs), row["subject"])
    write_tables(out, rows, {1: "lesion"})
    write_json(out / "cohort.json", {"config": {**config, "options": options}, "seed": config["seed"]})


def make_patient(job: tuple[int, str, str, str, int, dict[str, Any], Path, Path]) -> dict[str, str]:
    """Draw, image and write one patient; return its row of ``scans.csv``."""
    number, name, split, site, seed, options, folder, out = job
    maps, brain, own = open_maps(folder / "maps"), options["brain"], options["sites"][site]
    subject = draw_subject(number, split, seed, ["FLAIR"], brain, maps)
    for layer_name, layer in make_layers(brain["layers"]):
        subject = layer.apply(subject, maps, stream(seed, number, f"layer {layer_name}"))
    lesions = Lesions(options["lesions"], open_ground(folder / "ground"), own["lesion"])
    subject = lesions.apply(subject, maps, stream(seed, number, "layer lesions"))
    subject = replace(subject, site=site, gamma=subject.gamma * own["gamma"], noise=0.0)
    image, labels, affine = _seen(subject, brain, own, maps, stream(seed, number, "scan"))
    files = {"image": f"images/{name}.nii.gz", "labels": f"labels/{name}.nii.gz"}
    write_volume(out / files["image"], image, affine)
    write_volume(out / files["labels"], labels, affine)
    return {"subject": name, "split": split, "site": site, **files}


def _seen(
    subject: Any, brain: dict[str, Any], own: dict[str, Any], maps: Maps, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the stripped image, int16, the lesions, uint8, and the affine, cut to the brain.

    The scanner's slices, thicker than the voxels that images are brought to, blur image and noise along z.
    """
    made = scan(subject, brain, maps, rng)
    blur = np.sqrt(max((own["thickness"] / brain["spacing"][2]) ** 2 - 1, 0)) / FWHM
    clean = made.images["FLAIR"] / np.float32(subject.gain)
    channels = rng.standard_normal((2, *clean.shape), dtype=np.float32)
    if blur:
        clean = ndimage.gaussian_filter1d(clean, blur, axis=2)
        channels = ndimage.gaussian_filter1d(channels, blur, axis=3)
    channels *= np.float32(own["noise"]) / channels.std()
    image = np.hypot(clean + channels[0], channels[1]) * np.float32(subject.gain)
    brainful = np.where(made.mask, np.maximum(np.round(image), 1), 0).astype(np.int16)
    lesions = ((made.labels == LESION) & made.mask).astype(np.uint8)
    spots = np.nonzero(made.mask)
    box = tuple(slice(max(0, int(s.min()) - MARGIN), int(s.max()) + 1 + MARGIN) for s in spots)
    affine = made.affine.copy()
    affine[:3, 3] = affine[:3, :3] @ np.array([s.start for s in box]) + affine[:3, 3]
    return brainful[box], lesions[box], affine


def _say(done: int, total: int, name: str) -> None:
    print(f"FLAIR stand-in: {done}/{total} {name}", flush=True)
