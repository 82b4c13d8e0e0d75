"""PSNR and SSIM of coronal and sagittal images in the central, non-empty part of a volume (Table 1)."""

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from mlmi2023.metrics.image import psnr, ssim
from mlmi2023.papers.sr4zct.data import images_of

#: in [0, 1]; what is below counts as empty: -500 Hounsfield units in a window of -1000 to 1000
EMPTY = 0.25
#: share of the rows that is left out at each end, where slices are held on
TRIM = 0.1
#: dB; a difference that cannot be told from rounding has no finite ratio
MOST = 100.0
#: smallest side of an image that SSIM's window of 11 pixels fits into
LEAST = 11

Box = tuple[slice, slice, slice]


def central_box(reference: Tensor) -> Box:
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


def view_scores(
    volume: Tensor, reference: Tensor, view: str, box: Box, with_ssim: bool = True
) -> Iterator[tuple[str, float]]:
    """Yield each metric's name and its mean over the images of one view inside ``box``.

    Args:
        volume: (rows, Y, X) in [0, 1].
        reference: the same.
        view: ``cor`` or ``sag``.
        box: of :func:`central_box`.
        with_ssim: False leaves SSIM out, which takes longest.
    """
    found, true = (images_of(v[box], view).double().numpy() for v in (volume, reference))
    yield "psnr", float(np.mean([min(psnr(a, b, 1.0), MOST) for a, b in zip(found, true)]))
    if with_ssim and min(found.shape[1:]) >= LEAST:
        yield "ssim", float(np.mean([ssim(a, b, 1.0) for a, b in zip(found, true)]))
