"""A small packed cohort of three domains with grades and masks, and copies with other labels in some rows."""

import shutil
from pathlib import Path

import numpy as np

from mlmi2023.cohorts.forms.domain_images import form
from mlmi2023.cohorts.forms.domain_images.reader import open_domain_images
from mlmi2023.cohorts.sources.simulators.fundus.cohort import simulate
from reseal import reseal

DOMAINS = ("one", "two", "three")


def packed(place: Path, size: int = 32, patients: int = 10, view: dict | None = None) -> Path:
    """Simulate and pack eyes from three cameras; return the packed folder."""
    config = {
        "kind": "simulated",
        "form": form.__name__,
        "seed": 1,
        "subjects": dict.fromkeys(DOMAINS, patients),
        "options": {
            "size": size,
            "domains": {"one": {}, "two": {"cast": [1.0, 0.8, 0.6]}, "three": {"cast": [0.7, 0.9, 1.3]}},
            **({"view": view} if view else {}),
        },
    }
    simulate(config, place / "raw")
    form.pack(config, place / "raw", place / "packed", "eyes")
    return place / "packed"


def blinded(folder: Path, rows: tuple[int, ...], out: Path) -> Path:
    """Copy a packed cohort, with wrong labels in ``rows``: who reads one of them gets another result."""
    shutil.copytree(folder, out)
    cohort = open_domain_images(folder)
    for name, maps in cohort.maps.items():
        changed = np.array(maps)
        changed[list(rows)] = len(cohort.classes[name]) - changed[list(rows)]
        np.save(out / f"map_{name}.npy", changed)
    subjects = [
        {
            "subject": sample.name,
            "split": "all",
            "group": sample.patient,
            "domain": sample.domain,
            "grade": int((grade + 1) % 5 if row in rows else grade),
        }
        for row, (sample, grade) in enumerate(zip(cohort.samples, cohort.grades))
    ]
    reseal(out, subjects=subjects)
    return out
