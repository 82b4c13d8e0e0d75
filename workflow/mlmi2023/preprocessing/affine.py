"""Step ``affine``: linear registration of each brain to a template, by antspyx or FSL FLIRT."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.classical.bridge import load_ants, read_transform, to_ants
from mlmi2023.cohorts.formats.volumes import check_same_grid, read_labels, read_volume
from mlmi2023.core.errors import InputError
from mlmi2023.preprocessing.batch import Record, anat_file, for_each, main_modality, step_options
from mlmi2023.preprocessing.brainmask import require_fsl
from mlmi2023.preprocessing.options import Affine
from mlmi2023.preprocessing.templates import Template, load_template
from mlmi2023.preprocessing.xfm import write_xfm

DEFAULTS: dict[str, Any] = dict(vars(Affine()))
ANTS_KINDS = {"rigid": "Rigid", "similarity": "Similarity", "affine": "Affine"}
DEGREES = {"rigid": 6, "similarity": 7, "affine": 12}


def run(records: list[Record], out: Path, options: dict[str, Any], threads: int) -> list[Record]:
    """Register every subject's main modality, within its mask if it has one, to the target.

    Without a mask the image is taken to be skull-stripped. Writes
    ``sub-<id>_from-native_to-template_xfm.json``; see :mod:`mlmi2023.preprocessing.xfm` for the convention.
    The image itself is not resampled: step ``grid`` does so once.

    Args:
        records: the batch; see :mod:`mlmi2023.preprocessing.steps`.
        out: batch folder.
        options: see :class:`~mlmi2023.preprocessing.options.Affine`.
        threads: subjects worked on at once.

    Returns:
        records with ``affine_xfm``.

    Raises:
        InputError: a file or option cannot be used, FSL is not there, or the registration fails.
    """
    settings = step_options("affine", options)
    if settings["backend"] == "flirt":
        require_fsl("preprocess.affine.backend", "ants")
    return for_each(_register, records, out, settings, threads)


def _register(record: Record, out: Path, options: dict[str, Any]) -> Record:
    file = record["images"][main_modality(record)]
    array, affine = read_volume(file)
    if record.get("mask"):
        mask = read_labels(record["mask"])
        check_same_grid((array, affine), mask, record["mask"])
        array = np.where(mask[0] > 0, array, 0)
    target = load_template(options["target"], options["template_mm"])
    register = register_ants if options["backend"] == "ants" else register_flirt
    try:
        matrix = register(array, affine, target, options)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{file}: registration failed ({reason}); look at the image and its mask") from error
    scale = float(np.linalg.det(matrix[:3, :3]))
    if not 0.2 < scale < 5:
        raise InputError(
            f"{file}: registration scales the volume by {scale:.3g}, which no brain needs; "
            "look at the image, its voxel size and its mask"
        )
    path = anat_file(out, record["subject"], "from-native_to-template_xfm.json")
    write_xfm(path, matrix, options["kind"], options["target"])
    return {**record, "affine_xfm": str(path)}


def register_ants(
    array: np.ndarray, affine: np.ndarray, target: Template, options: dict[str, Any] | None = None
) -> np.ndarray:
    """Register by mutual information, centres of mass first, then rigid, then the kind that is asked for.

    Only voxels of the target's brain count. The empty space around both would reward fitting outlines, and
    sulci and their fluid make those the least certain part of a brain mask.

    Args:
        array: brain (X, Y, Z), zero outside.
        affine: 4x4, voxel to RAS mm.
        target: the fixed image.
        options: see :class:`~mlmi2023.preprocessing.options.Affine`.

    Returns:
        4x4, native RAS mm to template RAS mm.
    """
    options = {**DEFAULTS, **(options or {})}
    ants = load_ants()
    fixed, moving = to_ants(target.array, target.affine), to_ants(array, affine)
    levels = {
        "aff_iterations": tuple(options["iterations"]),
        "aff_shrink_factors": tuple(options["shrink"]),
        "aff_smoothing_sigmas": tuple(options["smooth"]),
        "aff_random_sampling_rate": options["sampling"],
        "mask": to_ants(target.array > 0, target.affine),
        "mask_all_stages": True,
    }
    with tempfile.TemporaryDirectory() as folder:
        files: list[str] = []
        for kind in dict.fromkeys(("rigid", options["kind"])):
            start = files[0] if files else None
            prefix = f"{folder}/{kind}"
            files = ants.registration(
                fixed, moving, ANTS_KINDS[kind], initial_transform=start, outprefix=prefix, **levels
            )["fwdtransforms"]
        # ITK's transform pulls: template points to native points
        return np.linalg.inv(read_transform(files[0]))


def register_flirt(
    array: np.ndarray, affine: np.ndarray, target: Template, options: dict[str, Any] | None = None
) -> np.ndarray:
    """Register by FSL FLIRT with the correlation ratio; same arguments and result as ``register_ants``."""
    import nibabel as nib
    from fsl.data.image import Image
    from fsl.transform.flirt import fromFlirt
    from fsl.wrappers import LOAD, flirt

    options = {**DEFAULTS, **(options or {})}
    source, reference = nib.Nifti1Image(array, affine), nib.Nifti1Image(target.array, target.affine)
    found = flirt(source, reference, omat=LOAD, dof=DEGREES[options["kind"]], log={"tee": False})
    return fromFlirt(found["omat"], Image(source), Image(reference), "world", "world")
