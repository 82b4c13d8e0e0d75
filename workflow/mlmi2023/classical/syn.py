"""Symmetric normalisation (Avants et al. 2008), by antspyx."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.classical.itk_fields import field_to_voxels
from mlmi2023.core.errors import InputError

DEFAULTS: dict[str, Any] = {
    "metric": "CC",
    "radius": 2,
    "bins": 32,
    "iterations": [40, 20, 10],
    "gradient_step": 0.2,
    "flow_sigma": 3.0,
    "total_sigma": 0.0,
}
METRICS = ("CC", "mattes", "meansquares")


def load_ants(threads: int) -> Any:
    """Import ants, whose thread count is fixed when it is first loaded in a process."""
    os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", str(threads))
    import ants

    return ants


def syn(
    moving: np.ndarray,
    fixed: np.ndarray,
    spacing: Sequence[float],
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    threads: int = 1,
) -> np.ndarray:
    """Register two images on one grid that are affinely aligned already.

    Args:
        moving: (X, Y, Z).
        fixed: (X, Y, Z).
        spacing: mm per voxel and axis.
        options: changes to ``DEFAULTS``: ``metric`` (CC with ``radius``, mattes with ``bins``, or
            meansquares), ``iterations`` from coarse to fine, ``gradient_step``, ``flow_sigma`` and
            ``total_sigma`` in voxels.
        seed: of ANTs' sampling.
        threads: used if ANTs has not been loaded in this process before.

    Returns:
        Displacement (3, X, Y, Z) float32 in voxels of the fixed grid: ``warped(x) = moving(x + u(x))``.

    Raises:
        InputError: an option is unknown.
    """
    given = {k: v for k, v in (options or {}).items() if k != "kind"}
    if unknown := set(given) - set(DEFAULTS):
        raise InputError(
            f"config key method_options.{min(unknown)} is no option of syn; take {list(DEFAULTS)}"
        )
    chosen = {**DEFAULTS, **given}
    if chosen["metric"] not in METRICS:
        raise InputError(f"config key method_options.metric is {chosen['metric']!r}; choose {METRICS}")
    ants = load_ants(threads)
    images = [
        ants.from_numpy(np.asarray(a, np.float32), spacing=tuple(map(float, spacing)))
        for a in (fixed, moving)
    ]
    with tempfile.TemporaryDirectory(prefix="syn-") as folder:
        result = ants.registration(
            *images,
            type_of_transform="SyNOnly",
            initial_transform="Identity",
            outprefix=str(Path(folder) / "pair"),
            syn_metric=chosen["metric"],
            syn_sampling=chosen["radius"] if chosen["metric"] == "CC" else chosen["bins"],
            reg_iterations=tuple(chosen["iterations"]),
            grad_step=chosen["gradient_step"],
            flow_sigma=chosen["flow_sigma"],
            total_sigma=chosen["total_sigma"],
            random_seed=seed + 1,  # ANTs takes 0 for the clock
        )
        # The warp and the unit affine beside it, as one field.
        whole = ants.apply_transforms(*images, result["fwdtransforms"], compose=str(Path(folder) / "whole"))
        vectors = ants.image_read(whole)
        return field_to_voxels(vectors.numpy(), vectors.spacing, vectors.direction)
