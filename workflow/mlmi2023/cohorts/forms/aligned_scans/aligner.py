"""Scans of different patients onto one grid: affine alignment to a reference, then one interpolation."""

from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.volumes import check_same_grid, label_type, read_labels, read_volume
from mlmi2023.cohorts.forms.aligned_scans.keys import ALIGN
from mlmi2023.cohorts.forms.scans.labels import kept
from mlmi2023.cohorts.forms.scans.scaling import windowed
from mlmi2023.core.errors import InputError
from mlmi2023.preprocessing.affine import register_ants
from mlmi2023.preprocessing.resample import grid_affine, middle, resample
from mlmi2023.preprocessing.templates import Template
from mlmi2023.preprocessing.xfm import apply


class Aligner:
    """Brings the scans of a cohort to its grid.

    Attributes:
        shape: voxels of the grid.
        spacing: mm of a voxel.
        affine: (4, 4), voxel to RAS mm of the reference scan.
        reference: subject that the others are aligned to.
        options: of the registration; empty where scans are aligned already.
    """

    def __init__(self, where: str, rows: list[dict[str, str]], read: dict[str, Any]) -> None:
        """Choose the reference and lay the grid around it.

        Args:
            where: how messages name the configuration.
            rows: of :func:`mlmi2023.cohorts.forms.scans.listing.list_scans`.
            read: key ``read`` of the cohort, checked.

        Raises:
            InputError: there is no such reference, or nothing to see in it.
        """
        self.shape: tuple[int, ...] = tuple(int(n) for n in read["shape"])
        self.spacing: tuple[float, ...] = tuple(float(s) for s in read["spacing"])
        self.window, self.kept = read["window"], read.get("labels_kept")
        align = read.get("align", {})
        self.options: dict[str, Any] = {} if align is False else {**ALIGN, **(align or {})}
        wanted = read.get("reference")
        chosen = [r for r in rows if (r["subject"] == str(wanted) if wanted else r["split"] == "train")]
        if not chosen:
            asked = f"'{wanted}' of read.reference" if wanted else "a subject of split train"
            raise InputError(f"{where}: {asked} is not among the scans; set read.reference to one that is")
        self.reference = chosen[0]["subject"]
        image, affine = self._image(chosen[0]["image"])
        spots = np.nonzero(image > 0)
        centre = np.array([(int(s.min()) + int(s.max())) / 2 for s in spots])
        self.affine = grid_affine(self.shape, self.spacing, apply(affine, centre[None])[0])  # type: ignore[arg-type]
        self.target = self._thinned(image, affine) if self.options else None

    def bring(self, row: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
        """Return a scan on the grid: image float32 in [0, 1], and labels in the smallest type.

        Raises:
            InputError: a file cannot be used, the registration fails or nothing is left inside the grid.
        """
        image, affine = self._image(row["image"])
        labels, place = read_labels(row["labels"], empty=True)
        check_same_grid((image, affine), (labels, place), row["labels"])
        if self.kept:
            labels = kept(labels, self.kept)
        move = np.eye(4)
        if self.target is not None and row["subject"] != self.reference:
            try:
                thin = self._thinned(image, affine)
                move = register_ants(thin.array, thin.affine, self.target, self.options)
            except (RuntimeError, ValueError) as error:
                reason = " ".join(str(error).split())[:120]
                raise InputError(
                    f"{row['image']}: registration failed ({reason}); look at the scan"
                ) from error
            if not 0.2 < np.linalg.det(move[:3, :3]) < 5:
                raise InputError(
                    f"{row['image']}: registration scales the volume by {np.linalg.det(move[:3, :3]):.3g}; "
                    "look at the scan and its voxel size"
                )
        moved = resample(image, affine, self.shape, self.affine, move)
        if not (moved > 0).any():
            raise InputError(
                f"{row['image']}: nothing lies inside the grid; check read.shape and read.spacing"
            )
        labels = resample(labels, affine, self.shape, self.affine, move, order=0)
        return moved, labels.astype(label_type(int(labels.max())))

    def _image(self, path: str) -> tuple[np.ndarray, np.ndarray]:
        image, affine = read_volume(path)
        return windowed(image, self.window, path).astype(np.float32), affine

    def _thinned(self, image: np.ndarray, affine: np.ndarray) -> Template:
        """Return a scan on coarse voxels along the world's axes, with all of its field of view."""
        step = float(self.options["spacing"])
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in image.shape])).reshape(3, -1).T
        extent = np.ptp(apply(affine, corners), axis=0)
        shape = tuple(int(np.ceil(e / step)) + 1 for e in extent)
        coarse = grid_affine(shape, (step,) * 3, middle(image.shape, affine))  # type: ignore[arg-type]
        return Template(resample(image, affine, shape, coarse), coarse)
