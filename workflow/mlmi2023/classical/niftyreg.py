"""Free-form deformation (Rueckert et al. 1999; Modat et al. 2010) by NiftyReg's executables, where they are.

``reg_f3d`` moves the control points of a cubic B-spline, ``reg_transform`` turns them into a field. They
come with a build of NiftyReg, or with ``CMAKE_POLICY_VERSION_MINIMUM=3.5 pip install niftyreg``,
which compiles it for some minutes and so needs a C++ compiler.
"""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError

NEEDED = ("reg_f3d", "reg_transform")
DEFAULTS: dict[str, Any] = {
    "folder": "",  # of the executables; empty: PATH, then the Python package niftyreg
    "lncc": 0.0,  # standard deviation in voxels of the window of LNCC; 0: mutual information of 64 bins
    "spacing": 5.0,  # of the control points, in voxels
    "bending": 0.001,  # weight of the bending energy
    "levels": 3,
    "iterations": 150,  # of the last level, at most
}


def find_niftyreg(folder: str = "") -> dict[str, str] | None:
    """Return the path of each executable, or None where one is missing.

    Args:
        folder: where to look; empty: on PATH, then in the Python package ``niftyreg``.
    """
    places = [os.path.expandvars(os.path.expanduser(folder))] if folder else [os.environ.get("PATH", "")]
    spec = None if folder else importlib.util.find_spec("niftyreg")
    if spec is not None and spec.origin:
        places.append(str(Path(spec.origin).parent / "bin"))
    for place in places:
        found = {name: shutil.which(name, path=place) for name in NEEDED}
        if all(found.values()):
            return {name: str(path) for name, path in found.items()}
    return None


def free_form(
    moving: np.ndarray,
    fixed: np.ndarray,
    spacing: Sequence[float],
    options: Mapping[str, Any] | None = None,
    threads: int = 1,
) -> np.ndarray:
    """Register two images on one grid that are affinely aligned already.

    Args:
        moving: (X, Y, Z).
        fixed: (X, Y, Z).
        spacing: mm per voxel and axis.
        options: changes to ``DEFAULTS``; ``kind`` is passed over.
        threads: of OpenMP.

    Returns:
        Displacement (3, X, Y, Z) float32 in voxels of the fixed grid: ``warped(x) = moving(x + u(x))``.

    Raises:
        InputError: an option is unknown, the executables are missing, or one of them fails.
    """
    import nibabel as nib

    given = {k: v for k, v in (options or {}).items() if k != "kind"}
    if unknown := set(given) - set(DEFAULTS):
        raise InputError(
            f"config key method_options.{min(unknown)} is no option of niftyreg; take {list(DEFAULTS)}"
        )
    chosen = {**DEFAULTS, **given}
    tools = find_niftyreg(str(chosen["folder"]))
    if tools is None:
        raise InputError(
            f"{' and '.join(NEEDED)} are not in {chosen['folder'] or 'PATH'}; install NiftyReg, or set the "
            "method's key 'folder' to where they are"
        )
    affine = np.diag([*map(float, spacing), 1.0])
    with tempfile.TemporaryDirectory(prefix="niftyreg-") as place:
        for name, image in (("fixed", fixed), ("moving", moving)):
            file = nib.Nifti1Image(np.asarray(image, np.float32), affine)
            file.header.set_xyzt_units("mm")
            file.to_filename(f"{place}/{name}.nii")
        similarity = ["--lncc", f"-{chosen['lncc']:g}"] if chosen["lncc"] else []
        _run(
            [tools["reg_f3d"], "-ref", "fixed.nii", "-flo", "moving.nii", "-cpp", "cpp.nii",
             "-res", "warped.nii", "-sx", f"-{chosen['spacing']:g}", "-be", f"{chosen['bending']:g}",
             "-ln", str(chosen["levels"]), "-maxit", str(chosen["iterations"]), *similarity],
            place, threads,
        )  # fmt: skip
        _run([tools["reg_transform"], "-ref", "fixed.nii", "-disp", "cpp.nii", "field.nii"], place, threads)
        vectors = np.asarray(nib.load(f"{place}/field.nii").dataobj)  # type: ignore[attr-defined]
    if vectors.shape != (*fixed.shape, 1, 3):
        raise InputError(f"reg_transform gave a field of shape {vectors.shape} for images of {fixed.shape}")
    # vectors are mm in the world of the files, whose axes are those of the array
    scale = np.asarray(spacing, float)
    return np.moveaxis(vectors[..., 0, :] / scale, -1, 0).astype(np.float32)


def _run(command: list[str], place: str, threads: int) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    try:
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    except OSError as error:
        raise InputError(f"{command[0]}: cannot be run ({error.strerror}); install NiftyReg again") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise InputError(f"{command[0]} failed with status {done.returncode}: {said[:160]}")
