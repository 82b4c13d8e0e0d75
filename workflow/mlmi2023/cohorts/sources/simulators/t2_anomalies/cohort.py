"""All subjects of a cohort, in parallel processes, and their files."""

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.sources.simulators.brain.acquire import rician, scan
from mlmi2023.cohorts.sources.simulators.brain.cohort import SPLITS
from mlmi2023.cohorts.sources.simulators.brain.layers import make_layers
from mlmi2023.cohorts.sources.simulators.brain.maps import build_maps, open_maps
from mlmi2023.cohorts.sources.simulators.brain.subject import Subject, draw_subject, stream
from mlmi2023.cohorts.sources.simulators.flair_lesions.lesions import LESION, Lesions, open_ground, survey
from mlmi2023.cohorts.sources.simulators.kit import patients
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.cohorts.sources.simulators.t2_anomalies.options import read_options
from mlmi2023.cohorts.sources.simulators.t2_anomalies.tumours import Tumour

FWHM = 2.3548
#: labels; healthy heads have the second alone
NAMES = {1: "lesion", 2: "brain"}


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort as a BIDS folder: T2 images that are stripped, and labels of lesions.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (count per split) and ``options`` (see
            :mod:`mlmi2023.cohorts.sources.simulators.t2_anomalies.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    make_layers(options["brain"]["layers"])  # a mistake shows before any work
    people = patients.plan(config, splits=SPLITS)
    with tempfile.TemporaryDirectory(prefix="brain-maps-") as folder:
        maps = build_maps(min(options["brain"]["spacing"]), options["brain"]["landmarks"])
        shared = {"maps": maps} | ({"ground": survey(maps)} if options["disease"] == "lesions" else {})
        for name, arrays in shared.items():
            (Path(folder) / name).mkdir()
            arrays.save(Path(folder) / name)
        make = partial(make_subject, options=options, folder=Path(folder), out=out)
        rows = run(config, out, threads, make, people)
    write_table(out / "participants.tsv", ("participant_id", "split", "age", "sex"), rows)
    write_table(out / "derivatives/labels/dseg.tsv", ("index", "name"), NAMES.items())
    write_about(out, config, options)


def make_subject(person: Patient, options: dict[str, Any], folder: Path, out: Path) -> tuple[Any, ...]:
    """Draw, image and write one subject; return its row of participants.tsv."""
    number, name, split, seed = person
    maps, brain = open_maps(folder / "maps"), options["brain"]
    subject = draw_subject(number, split, seed, ["T2w"], brain, maps)
    for layer_name, layer in make_layers(brain["layers"]):
        subject = layer.apply(subject, maps, stream(seed, number, f"layer {layer_name}"))
    subject = _ill(subject, options, folder, stream(seed, number, "layer disease"))
    scanner = options["scanner"]
    subject = replace(subject, gamma=subject.gamma * scanner["gamma"], noise=0.0)
    made = scan(subject, brain, maps, stream(seed, number, "scan"))
    clean = made.images["T2w"] / np.float32(subject.gain)
    blur = np.sqrt(max((scanner["thickness"] / brain["spacing"][2]) ** 2 - 1, 0)) / FWHM
    clean = ndimage.gaussian_filter1d(clean, blur, axis=2) if blur else clean
    image = rician(clean, scanner["noise"], stream(seed, number, "noise")) * np.float32(subject.gain)
    stripped = np.where(made.mask, np.maximum(np.round(image), 1), 0).astype(np.int16)
    labels = np.where(made.labels == LESION, np.uint8(1), np.uint8(2)) * made.mask
    write_volume(out / f"sub-{name}/anat/sub-{name}_T2w.nii.gz", stripped, made.affine)
    write_volume(out / f"derivatives/labels/sub-{name}/anat/sub-{name}_dseg.nii.gz", labels, made.affine)
    return (f"sub-{name}", split, subject.age, subject.sex)


def _ill(subject: Subject, options: dict[str, Any], folder: Path, rng: np.random.Generator) -> Subject:
    """Return the subject with the cohort's disease."""
    maps = open_maps(folder / "maps")
    if options["disease"] == "tumour":
        return Tumour(options["tumour"]).apply(subject, maps, rng)
    if options["disease"] == "lesions":
        return Lesions(options["lesions"], open_ground(folder / "ground")).apply(subject, maps, rng)
    return subject
