"""Step ``brainmask``: find the brain in a head, by a network (deepbet), by FSL BET, or from given labels."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.formats.volumes import check_same_grid, read_labels, read_volume, write_volume
from mlmi2023.core.errors import InputError
from mlmi2023.preprocessing.batch import Record, anat_file, main_modality, step_options
from mlmi2023.preprocessing.resample import resample

COARSE_MM = 1.5
FINE_MM = 1.25

Segment = Callable[[np.ndarray, np.ndarray], np.ndarray]


def run(records: list[Record], out: Path, options: dict[str, Any], threads: int) -> list[Record]:
    """Write the brain mask of every subject, ``sub-<id>_desc-brain_mask.nii.gz``, from its main modality.

    Args:
        records: the batch; see :mod:`mlmi2023.preprocessing.steps`.
        out: batch folder.
        options: see :class:`~mlmi2023.preprocessing.options.Brainmask`. ``given`` takes the record's mask, or
            else where its labels are not 0.
        threads: CPU threads of the network.

    Returns:
        records with ``mask``.

    Raises:
        InputError: a file cannot be used, the backend is not installed, or the mask is no brain's.
    """
    settings = step_options("brainmask", options)
    segment: Segment | None = None
    if settings["backend"] == "deepbet":
        segment = deepbet_model(settings, threads)
    elif settings["backend"] == "fsl_bet":
        require_fsl("preprocess.brainmask.backend", "deepbet")
        segment = partial(fsl_bet, threshold=settings["threshold"])
    done = []
    for record in records:
        file = record["images"][main_modality(record)]
        array, affine = read_volume(file)
        try:
            mask = _given(record, (array, affine)) if segment is None else segment(array, affine)
        except NoBrain as error:
            raise InputError(f"{file}: no brain found in it ({error}); not a brain?") from error
        if segment is not None:
            _check_brain(mask, affine, file, settings)
        path = anat_file(out, record["subject"], "desc-brain_mask.nii.gz")
        write_volume(path, mask.astype(np.uint8), affine)
        done.append({**record, "mask": str(path)})
    return done


class NoBrain(Exception):
    """A backend found nothing it could call a brain."""


def volume_ml(mask: np.ndarray, affine: np.ndarray) -> float:
    """Return the volume of a mask (X, Y, Z) in millilitres."""
    return float(np.count_nonzero(mask) * abs(np.linalg.det(affine[:3, :3])) / 1000)


def roundness(mask: np.ndarray, affine: np.ndarray) -> float:
    """Return the sphericity of a mask (X, Y, Z): surface of a ball of its volume over its own.

    The surface is that of the voxels' faces by 2/3, the share by which steps are longer than the smooth
    surface, averaged over all directions.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    padded = np.pad(mask.astype(np.int8), 1)
    areas = np.prod(spacing) / spacing
    faces = sum(np.count_nonzero(np.diff(padded, axis=k)) * area for k, area in enumerate(areas))
    volume = 1000 * volume_ml(mask, affine)
    return float(np.cbrt(np.pi) * (6 * volume) ** (2 / 3) / (2 / 3 * faces))


def deepbet_model(options: dict[str, Any], threads: int) -> Segment:
    """Load deepbet's network, once, and return the function that segments with it.

    deepbet stretches the box around the brain to a cube of 256 voxels, whatever the image's resolution. For
    coarse images 192 find the same brain twice as fast. It picks the nearest voxel when it stretches, so
    coarse images are first interpolated to about 1.25 mm, and the mask is brought back.
    """
    import torch
    from deepbet import BrainExtraction

    torch.set_num_threads(threads)
    if options["device"] == "cuda" and not torch.cuda.is_available():
        raise InputError("preprocess.brainmask.device: 'cuda', but torch sees no GPU; use cpu")
    network = BrainExtraction(no_gpu=options["device"] == "cpu")

    def segment(array: np.ndarray, affine: np.ndarray) -> np.ndarray:
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        coarse = spacing.min() > COARSE_MM
        size = options["size"] or (192 if coarse else 256)
        seen, fine = array, affine
        if coarse:
            factor = np.maximum(np.rint(spacing / FINE_MM), 1)
            fine = affine @ np.diag([*(1 / factor), 1.0])
            # voxels' edges, not their middles, must coincide
            fine[:3, 3] = affine[:3, 3] + affine[:3, :3] @ ((1 / factor - 1) / 2)
            seen = resample(array, affine, tuple(int(n * f) for n, f in zip(array.shape, factor)), fine)
        try:
            probability = network.run_model(np.ascontiguousarray(seen), shape=(size,) * 3)
            mask = network.postprocess(probability > options["threshold"])
        except (AssertionError, ValueError, RuntimeError) as error:  # an empty box, however deepbet meets it
            raise NoBrain(str(error).splitlines()[0] if str(error) else "empty") from error
        if coarse:
            return resample(mask.astype(np.float32), fine, array.shape, affine) > 0.5
        return np.asarray(mask, dtype=bool)

    return segment


def require_fsl(key: str, instead: str) -> None:
    """Raise an InputError unless FSLDIR points to a folder."""
    folder = os.environ.get("FSLDIR", "")
    if not folder or not Path(folder).is_dir():
        raise InputError(
            f"{key}: FSL is asked for, but FSLDIR names no folder; set FSLDIR or use '{instead}'"
        )


def fsl_bet(array: np.ndarray, affine: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Return the brain mask by FSL BET with robust centre estimation (Smith 2002); bool (X, Y, Z)."""
    import nibabel as nib
    from fsl.wrappers import LOAD, bet

    image = nib.Nifti1Image(array, affine)
    result = bet(image, LOAD, mask=True, seg=False, robust=True, fracintensity=threshold, log={"tee": False})
    return np.asarray(result["output_mask"].dataobj) > 0


def _given(record: Record, image: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    file = record.get("mask") or record.get("labels")
    if not file:
        raise InputError(
            f"sub-{record['subject']}: brainmask backend 'given' needs labels or a mask; "
            "name them in the cohort or use 'deepbet'"
        )
    values = read_labels(file)
    check_same_grid(image, values, file)
    if record.get("mask"):
        return values[0] > 0
    # labels often leave out the fluid in sulci and ventricles
    closed = ndimage.binary_closing(np.pad(values[0] > 0, 2), iterations=2)[2:-2, 2:-2, 2:-2]
    return ndimage.binary_fill_holes(closed | (values[0] > 0))


def _check_brain(mask: np.ndarray, affine: np.ndarray, file: str, settings: dict[str, Any]) -> None:
    limits, least = settings["volume_ml"], settings["roundness"]
    if limits and not limits[0] <= (found := volume_ml(mask, affine)) <= limits[1]:
        raise InputError(
            f"{file}: the brain found in it has {found:.0f} ml, expected {limits[0]} to {limits[1]}; "
            "not a brain? (limits: preprocess.brainmask.volume_ml)"
        )
    if least and (found := roundness(mask, affine)) < least:
        raise InputError(
            f"{file}: what was found in it has a roundness of {found:.2f}, a brain about 0.9; no brain, or "
            "cut off? (limit: preprocess.brainmask.roundness)"
        )
