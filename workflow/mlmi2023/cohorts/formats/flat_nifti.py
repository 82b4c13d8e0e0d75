"""Read 2D images that come as NIfTI files, as rows and columns."""

from pathlib import Path

import numpy as np

from mlmi2023.core.errors import InputError

ENDS = (".nii", ".nii.gz")


def is_nifti(path: Path) -> bool:
    """Return whether a file is called as NIfTI files are."""
    return str(path).endswith(ENDS)


def read_flat(path: Path) -> np.ndarray:
    """Return the values (rows, columns) of a NIfTI file of one slice; its first axis runs to the right.

    Raises:
        InputError: the file is missing or broken, holds several slices, or values that are no numbers.
    """
    import nibabel as nib

    try:
        values = np.asarray(nib.load(path).dataobj)  # type: ignore[attr-defined]
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the cohort's root and patterns") from error
    except Exception as error:  # readers raise errors of all kinds at damaged bytes
        text = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: no readable NIfTI file ({text[:120]}); fetch it again") from error
    flat = (
        values.reshape(values.shape[:2])
        if values.ndim >= 2 and values.size == np.prod(values.shape[:2])
        else None
    )
    if flat is None:
        raise InputError(f"{path}: has the shape {values.shape}; give a file of one slice")
    if not np.isfinite(flat).all():
        raise InputError(f"{path}: some of its values are no numbers; fill them in")
    return flat.T
