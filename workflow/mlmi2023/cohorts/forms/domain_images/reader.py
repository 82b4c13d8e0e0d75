"""A packed cohort of the form ``domain_images``: images of patients, from domains, with labels.

The folder holds ``images.npy`` (N, H, W, C) uint8, for each label map ``map_<name>.npy`` (N, H, W) uint8 with
0 for the background, and ``cohort.json``. Nothing in it is fitted.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.cohorts.find.domains import Sample
from mlmi2023.core.errors import InputError

FORM = "domain_images"


class DomainImages:
    """Packed images; all lists have one entry per image.

    Attributes:
        path: its folder.
        name: the cohort's name.
        samples: id, patient and domain.
        images: (N, H, W, C) uint8, read-only.
        grades: (N,) int, or all -1 without grades.
        grade_names: of the grades 0, 1, ...; empty without.
        maps: (N, H, W) uint8 by name, read-only.
        classes: by map, names of the labels 1, 2, ...
        content_hash: identifies all of it.
    """

    def __init__(self, path: Path) -> None:
        """Read the folder; see :func:`open_domain_images`."""
        about = about_packed(path, FORM)
        rows: list[dict[str, Any]] = about["subjects"]
        self.path = path
        self.name: str = about["name"]
        self.samples = [Sample(r["subject"], r.get("group", r["subject"]), r["domain"]) for r in rows]
        self.grades = np.array([int(row.get("grade", -1)) for row in rows])
        self.grade_names: list[str] = about["grades"]
        self.classes: dict[str, list[str]] = about["classes"]
        self.content_hash: str = about["content_hash"]
        self.images: np.ndarray = packed_array(path / "images.npy")
        shape = self.images.shape[:3]
        self.maps: dict[str, np.ndarray] = {
            name: packed_array(path / f"map_{name}.npy", shape) for name in self.classes
        }

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.samples)

    def rows(self, domain: str) -> np.ndarray:
        """Return the numbers of the images of a domain, in order."""
        return np.flatnonzero([sample.domain == domain for sample in self.samples])


def open_domain_images(path: str | Path) -> DomainImages:
    """Open packed images of several domains.

    Raises:
        InputError: there is no such folder, or it is of another form.
    """
    try:
        return DomainImages(Path(path))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(
            f"{path}: not packed images of domains ({error!r}); delete the folder and pack again"
        ) from error
