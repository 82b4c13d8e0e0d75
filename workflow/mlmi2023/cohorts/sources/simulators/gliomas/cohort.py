"""All patients of a cohort, in parallel processes, and their files."""

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.sources.simulators.brain.acquire import rician, scan
from mlmi2023.cohorts.sources.simulators.brain.layers import make_layers
from mlmi2023.cohorts.sources.simulators.brain.maps import build_maps, open_maps
from mlmi2023.cohorts.sources.simulators.brain.subject import draw_subject, stream
from mlmi2023.cohorts.sources.simulators.gliomas.growth import ABOVE, Glioma
from mlmi2023.cohorts.sources.simulators.gliomas.methylation import Trait, accuracy, draw_trait
from mlmi2023.cohorts.sources.simulators.gliomas.options import CONTRASTS, read_options
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.core.files import write_json

#: labels of BraTS
NAMES = {1: "necrotic and non-enhancing core", 2: "oedema", 4: "enhancing tumour"}
#: how BraTS calls the contrasts in its files
ENDINGS = {"FLAIR": "flair", "T1": "t1", "T1c": "t1ce", "T2": "t2"}
HEADER = ("subject", "methylated", *Trait._fields[1:])


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort: a folder for each split, and in it one for each patient, named as in BraTS.

    ``methylation.csv`` has the label and the traits of every patient, ``observer.json`` how often the best
    decision by both traits, or by one, is right, and how often it is for these patients.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.gliomas.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    make_layers(options["brain"]["layers"])  # a mistake shows before any work
    patients = plan(config)
    with tempfile.TemporaryDirectory(prefix="brain-maps-") as folder:
        build_maps(min(options["brain"]["spacing"]), options["brain"]["landmarks"]).save(Path(folder))
        make = partial(make_patient, options=options, folder=Path(folder), out=out)
        traits: list[Trait] = run(config, out, threads, make, patients)
    rows = [(p.name, t.methylated, *(f"{value:.5f}" for value in t[1:])) for p, t in zip(patients, traits)]
    write_table(out / "methylation.csv", HEADER, rows)
    own = options["methylation"]
    right = [(t.posterior > 0.5) == bool(t.methylated) for t in traits]
    write_json(
        out / "observer.json",
        {
            "both": accuracy(own["rim"], own["texture"]),
            "rim": accuracy(own["rim"]),
            "texture": accuracy(own["texture"]),
            "these_patients": float(np.mean(right)),
        },
    )
    write_table(out / "labels.csv", ("index", "name"), NAMES.items())
    write_about(out, config, options)


def make_patient(patient: Patient, options: dict[str, Any], folder: Path, out: Path) -> Trait:
    """Draw, image and write one patient; return the tumour's traits."""
    number, name, split, seed = patient
    maps, brain = open_maps(folder), options["brain"]
    subject = draw_subject(number, split, seed, sorted(set(CONTRASTS.values())), brain, maps)
    for layer_name, layer in make_layers(brain["layers"]):
        subject = layer.apply(subject, maps, stream(seed, number, f"layer {layer_name}"))
    trait = draw_trait(options["methylation"], stream(seed, number, "methylation"))
    glioma = Glioma(
        options["tumour"], options["shades"], options["spread"], trait, dict(options["methylation"])
    )
    subject = glioma.apply(subject, maps, stream(seed, number, "layer glioma"))
    made = scan(replace(subject, noise=0.0), brain, maps, stream(seed, number, "scan"))
    place = out / split / name
    for contrast, ending in ENDINGS.items():
        clean = made.images[contrast] / np.float32(subject.gain)
        noisy = rician(clean, options["noise"][contrast], stream(seed, number, f"noise {contrast}"))
        image = np.where(made.mask, np.maximum(np.round(noisy * np.float32(subject.gain)), 1), 0)
        write_volume(place / f"{name}_{ending}.nii.gz", image.astype(np.int16), made.affine)
    labels = np.where(made.labels > ABOVE, made.labels - ABOVE, 0) * made.mask
    write_volume(place / f"{name}_seg.nii.gz", labels.astype(np.uint8), made.affine)
    return trait
