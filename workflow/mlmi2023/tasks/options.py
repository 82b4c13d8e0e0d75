"""Keys of ``task`` that papers of one kind share, and methods that every paper may have."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Share, filled
from mlmi2023.core.options import Options

Size = tuple[Count, Count]
Patch = tuple[Count, Count, Count]


class MaxPairs(Options):
    """At most so many pairs of each split, drawn by ``pair_seed``."""

    train: Count | None = None
    val: Count | None = None
    test: Count | None = None


class PairAugmentation(Options):
    """What is done to training pairs, the same for every method of a dataset.

    Attributes:
        flip: probability that both images are mirrored along X, Y and Z.
        warp: the fixed image is bent by a random smooth field, drawn on a coarse grid with this deviation in
            voxels; 0: it is not.
        cells: of that grid, along each axis.
    """

    flip: tuple[Share, Share, Share] = (0.0, 0.0, 0.0)
    warp: Amount = 0.0
    cells: Count = 4


class PairsOfSubjects(Options):
    """Registration of subjects to an atlas or to each other.

    Attributes:
        moving: modality of the moving images.
        fixed: the same of the fixed images.
        metrics: what is scored.
        labels: values of the structures that are scored.
        pairing: ``ordered`` pairs of all, or ``consecutive`` ones when validating and testing.
        augment: what is done to training images: nothing, ``flips`` along all axes, or as the keys say.
        label_warp: how label maps are warped that are scored: by ``nearest`` neighbours, or as ``linear``
            masks of which the largest wins.
    """

    kind: Literal["atlas_to_patient", "inter_patient"]
    moving: str
    fixed: str
    metrics: Annotated[list[str], filled]
    labels: Annotated[list[int], filled] | Literal["all"] = "all"
    pairing: Literal["ordered", "consecutive"] = "ordered"
    max_pairs: Count | MaxPairs | None = None
    pair_seed: int = 0
    augment: Literal["none", "flips"] | PairAugmentation = "none"
    label_warp: Literal["nearest", "linear"] = "nearest"


class Truth(Options):
    """The ceiling: it answers with the truth."""

    kind: Literal["truth"]


class Identity(Options):
    """The floor of registration: nothing moves."""

    kind: Literal["identity"]


class Background(Options):
    """The floor of segmentation: everything is background."""

    kind: Literal["background"]


class Prior(Options):
    """A floor of segmentation on images: the mean mask of the training images."""

    kind: Literal["prior"]
