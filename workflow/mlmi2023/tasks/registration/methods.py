"""How pairs are registered: by networks and other functions on the device, classical tools, controls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlmi2023.core.jobs import Job
from mlmi2023.tasks.runs import kind_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

#: moving and fixed image (X, Y, Z) float32 -> field (3, X, Y, Z) float32 in voxels
Register = Callable[[np.ndarray, np.ndarray], np.ndarray]
#: voxel sizes in mm and the job -> the method
Maker = Callable[[tuple[float, float, float], Job], "Method"]


@dataclass(frozen=True)
class Method:
    """What registers pairs.

    Attributes:
        register: the function; None for the ceiling, whose answer is the truth itself.
        timed: whether its time is a result: not that of controls.
        warm: the first pair is registered once more before, so that times are those of a warm start.
        device: where it computes, if memory there is its own and can be told.
        missing: why it cannot be run on this machine; such a method has no row.
    """

    register: Register | None
    timed: bool = True
    warm: bool = False
    device: "torch.device | None" = None
    missing: str = ""


def on_device(
    register: "Callable[[Tensor, Tensor], Tensor]", device: "torch.device", warm: bool = True
) -> Method:
    """Return the method that a network, or another function of batches, is.

    Args:
        register: takes moving and fixed (1, 1, X, Y, Z) on the device, returns (1, 3, X, Y, Z).
        device: where it computes.
        warm: whether to run it once before the first pair counts.
    """
    import torch

    def one_pair(moving: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            pair = [torch.from_numpy(a)[None, None].to(device) for a in (moving, fixed)]
            return register(*pair)[0].float().cpu().numpy()  # reading the result waits for a GPU

    return Method(one_pair, warm=warm, device=device if device.type == "cuda" else None)


def _identity(spacing: tuple[float, float, float], job: Job) -> Method:
    return Method(lambda moving, fixed: np.zeros((3, *fixed.shape), np.float32), timed=False)


def _truth(spacing: tuple[float, float, float], job: Job) -> Method:
    return Method(None, timed=False)


def _syn(spacing: tuple[float, float, float], job: Job) -> Method:
    from mlmi2023.classical.syn import load_ants, syn

    load_ants(job.threads)  # now, since the first pair's time is a result
    return Method(lambda m, f: syn(m, f, spacing, job.method_options, job.seed, job.threads))


def _niftyreg(spacing: tuple[float, float, float], job: Job) -> Method:
    from mlmi2023.classical.niftyreg import find_niftyreg, free_form

    if find_niftyreg(str(job.method_options.get("folder", ""))) is None:
        return Method(None, missing="NiftyReg is not installed")
    return Method(lambda m, f: free_form(m, f, spacing, job.method_options, job.threads))


#: methods that every paper has by their ``kind``
SHARED: dict[str, Maker] = {"identity": _identity, "truth": _truth, "syn": _syn, "niftyreg": _niftyreg}


def make_method(job: Job, spacing: tuple[float, float, float], own: Mapping[str, Maker]) -> Method:
    """Return a job's method by its ``kind``.

    Args:
        job: the job.
        spacing: mm per voxel and axis.
        own: makers of the paper's own kinds, such as ``learned``.

    Raises:
        InputError: an unknown kind, or what its maker raises.
    """
    makers = {**SHARED, **own}
    return makers[kind_of(job, tuple(makers))](spacing, job)
