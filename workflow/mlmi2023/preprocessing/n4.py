"""Step ``n4``: estimate and divide out the slowly varying bias field of each image (Tustison et al. 2010)."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.classical.bridge import from_ants, load_ants, to_ants
from mlmi2023.cohorts.formats.volumes import read_volume, write_volume
from mlmi2023.preprocessing.batch import Record, anat_file, for_each, main_modality, step_options
from mlmi2023.preprocessing.options import N4

DEFAULTS: dict[str, Any] = dict(vars(N4()))


def run(records: list[Record], out: Path, options: dict[str, Any], threads: int) -> list[Record]:
    """Correct every image of every subject.

    Writes ``sub-<id>_desc-n4_<modality>.nii.gz`` and the field ``sub-<id>_desc-biasN4_<modality>.nii.gz``;
    raw = corrected * field, and the field's geometric mean over the foreground is 1.

    Args:
        records: the batch; see :mod:`mlmi2023.preprocessing.steps`.
        out: batch folder.
        options: see :class:`~mlmi2023.preprocessing.options.N4`.
        threads: subjects worked on at once.

    Returns:
        records with ``images`` corrected and ``bias``, the field of the main modality.

    Raises:
        InputError: an image cannot be used or an option is unknown.
    """
    settings = step_options("n4", options)
    return for_each(_correct, records, out, settings, threads)


def _correct(record: Record, out: Path, options: dict[str, Any]) -> Record:
    images, fields = {}, {}
    for modality, path in record["images"].items():
        array, affine = read_volume(path)
        array = np.maximum(array, 0)
        field = estimate_bias(array, affine, options)
        images[modality] = str(anat_file(out, record["subject"], f"desc-n4_{modality}.nii.gz"))
        fields[modality] = str(anat_file(out, record["subject"], f"desc-biasN4_{modality}.nii.gz"))
        write_volume(images[modality], (array / field).astype(np.float32), affine)
        write_volume(fields[modality], field, affine)
    return {**record, "images": images, "bias": fields[main_modality(record)]}


def estimate_bias(array: np.ndarray, affine: np.ndarray, options: dict[str, Any] | None = None) -> np.ndarray:
    """Return the multiplicative bias field of an image.

    Args:
        array: (X, Y, Z), not negative.
        affine: 4x4, voxel to RAS mm.
        options: see :class:`~mlmi2023.preprocessing.options.N4`.

    Returns:
        float32 (X, Y, Z), positive, geometric mean 1 over the foreground.
    """
    options = {**DEFAULTS, **(options or {})}
    ants = load_ants()
    mask = foreground(array)
    fitted = mask if options["mask"] == "foreground" else np.ones_like(mask)
    field, _ = from_ants(
        ants.n4_bias_field_correction(
            to_ants(array, affine),
            mask=to_ants(fitted, affine),
            shrink_factor=options["shrink"] or _shrink(array.shape, affine),
            convergence={"iters": list(options["iterations"]), "tol": options["tolerance"]},
            spline_param=options["spline_mm"],
            return_bias_field=True,
        )
    )
    field = np.maximum(field, 1e-3)
    return (field / np.exp(np.log(field[mask]).mean())).astype(np.float32)


def foreground(array: np.ndarray) -> np.ndarray:
    """Return the voxels brighter than half of Otsu's threshold, with small gaps closed; bool (X, Y, Z)."""
    from skimage.filters import threshold_otsu

    bright = array > threshold_otsu(array) / 2
    # closing eats into the border of the volume unless that is padded
    closed = ndimage.binary_closing(np.pad(bright, 2), iterations=2)[2:-2, 2:-2, 2:-2]
    return ndimage.binary_fill_holes(closed)


def _shrink(shape: tuple[int, ...], affine: np.ndarray) -> int:
    """Return a shrink factor that leaves about 10 mm between voxels and 4 voxels along a thin slab."""
    size = np.linalg.norm(affine[:3, :3], axis=0)
    return int(np.clip(round(10 / size.max()), 1, min(6, max(1, min(shape) // 4))))
