"""PSNR and SSIM of coronal and sagittal images in the central, non-empty part of a volume (Table 1)."""

import numpy as np
from torch import Tensor

from mlmi2023.papers.sr4zct.data import images_of
from mlmi2023.tasks.restoration import Scoring

#: in [0, 1]; what is below counts as empty: -500 Hounsfield units in a window of -1000 to 1000
EMPTY = 0.25
#: share of the rows that is left out at each end, where slices are held on
TRIM = 0.1


def central_box(reference: Tensor) -> tuple[slice, slice, slice]:
    """Return the part of a volume (rows, Y, X) that is scored: the body's box, without both ends in z."""
    body = (reference > EMPTY).numpy()
    rows = len(body)
    cut = round(TRIM * rows)
    found: list[slice] = [slice(cut, rows - cut)]
    for axis, other in ((1, (0, 2)), (2, (0, 1))):
        places = np.flatnonzero(body.any(axis=other))
        first, last = (int(places[0]), int(places[-1]) + 1) if len(places) else (0, body.shape[axis])
        found.append(slice(first, last))
    return found[0], found[1], found[2]


def scoring(with_ssim: bool = True) -> Scoring:
    """Return how volumes in [0, 1] are scored, image by image of their view; SSIM takes longest."""
    metrics = ("psnr", "ssim") if with_ssim else ("psnr",)
    regions = {"": central_box}
    return Scoring(1.0, regions=regions, images=lambda view, v: images_of(v, view), metrics=metrics, digits=7)
