"""Keys of registration methods that are no networks."""

from typing import Literal

from mlmi2023.core.conditions import Amount, Count, Number, Positive
from mlmi2023.core.options import Options


class Syn(Options):
    """Symmetric normalisation (:func:`mlmi2023.classical.syn.syn`)."""

    kind: Literal["syn"]
    metric: Literal["CC", "mattes", "meansquares"] = "CC"
    radius: Count = 2
    bins: Count = 32
    iterations: tuple[Number, ...] = (40, 20, 10)
    gradient_step: Positive = 0.2
    flow_sigma: Amount = 3.0
    total_sigma: Amount = 0.0


class NiftyReg(Options):
    """Free-form deformation (:func:`mlmi2023.classical.niftyreg.free_form`).

    Attributes:
        folder: of the executables; empty: PATH, then the Python package niftyreg.
        lncc: standard deviation in voxels of the window of LNCC; 0: mutual information of 64 bins.
        spacing: of the control points, in voxels.
        bending: weight of the bending energy.
        iterations: of the last level, at most.
    """

    kind: Literal["niftyreg"]
    folder: str = ""
    lncc: Amount = 0.0
    spacing: Positive = 5.0
    bending: Amount = 0.001
    levels: Count = 3
    iterations: Count = 150
