"""All patients of a cohort, in parallel processes, and their files."""

import itertools
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.sources.simulators.brain.acquire import scan
from mlmi2023.cohorts.sources.simulators.brain.layers import make_layers
from mlmi2023.cohorts.sources.simulators.brain.maps import Maps, build_maps, open_maps
from mlmi2023.cohorts.sources.simulators.brain.subject import draw_subject, stream
from mlmi2023.cohorts.sources.simulators.flair_lesions.lesions import LESION, Lesions, open_ground, survey
from mlmi2023.cohorts.sources.simulators.flair_lesions.options import read_options
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_scans
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run

FWHM = 2.3548
MARGIN = 3  # voxels around the brain


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the raw layout of :mod:`mlmi2023.cohorts.forms.scans.form`.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.flair_lesions.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range, or a split has no centre.
    """
    options = read_options(config)
    make_layers(options["brain"]["layers"])  # a mistake shows before any work
    patients = plan(config)
    site_of = turns(patients, options["sites"])
    with tempfile.TemporaryDirectory(prefix="brain-maps-") as folder:
        maps = build_maps(min(options["brain"]["spacing"]), options["brain"]["landmarks"])
        for name, shared in (("maps", maps), ("ground", survey(maps))):
            (Path(folder) / name).mkdir()
            shared.save(Path(folder) / name)
        make = partial(make_patient, site_of=site_of, options=options, folder=Path(folder), out=out)
        rows = run(config, out, threads, make, patients)
    write_scans(out, rows, {1: "lesion"})
    write_about(out, config, options)


def turns(patients: list[Patient], sites: dict[str, Any]) -> dict[str, str]:
    """Return the centre of each patient: those of a split in turn."""
    found: dict[str, str] = {}
    for split in dict.fromkeys(patient.split for patient in patients):
        serving = itertools.cycle(name for name, site in sites.items() if split in site["splits"])
        found |= {patient.name: next(serving) for patient in patients if patient.split == split}
    return found


def make_patient(
    patient: Patient, site_of: dict[str, str], options: dict[str, Any], folder: Path, out: Path
) -> dict[str, str]:
    """Draw, image and write one patient; return its row of ``scans.csv``."""
    number, name, split, seed = patient
    site = site_of[name]
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
