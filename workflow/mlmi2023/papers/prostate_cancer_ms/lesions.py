"""From labels of voxels to lesions: holes closed, small ones dropped, each of one kind (Sect. 2.4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mlmi2023.papers.prostate_cancer_ms.options import Closing, Rules

INDOLENT, AGGRESSIVE = 1, 2
#: kinds of lesions, by the setting that they are judged under
KINDS = ("cspca", "indolent", "cancer")
#: voxels that share a face or an edge belong together
TOUCHING = ndimage.generate_binary_structure(3, 2)


def disc(radius: float, spacing: Sequence[float], reach: tuple[int, int]) -> np.ndarray:
    """Return which pixels lie within ``radius`` mm of the middle one, boolean (2 rows + 1, 2 columns + 1)."""
    rows, columns = (np.arange(-k, k + 1) * own for k, own in zip(reach, spacing))
    return rows[:, None] ** 2 + columns[None] ** 2 <= radius**2 + 1e-9


def element(closing: Closing, spacing: Sequence[float]) -> np.ndarray:
    """Return the structure that closes holes, boolean (3, rows, columns): a disc, and smaller ones beside it.

    Args:
        closing: their radii, mm.
        spacing: mm between slices, rows and columns.
    """
    wide = max(closing.within, closing.beside)
    reach = (int(wide / spacing[1]), int(wide / spacing[2]))
    middle, beside = (disc(own, spacing[1:], reach) for own in (closing.within, closing.beside))
    return np.stack([beside, middle, beside])


def settled(
    labels: np.ndarray, gland: np.ndarray, spacing: Sequence[float], closing: Closing, least: float
) -> np.ndarray:
    """Return labels (slices, rows, columns) with holes closed and without small lesions, uint8.

    What is closed takes the label of the nearest voxel of a lesion.

    Args:
        labels: 0, 1 indolent, 2 aggressive.
        gland: boolean, the same shape; nothing lies outside.
        spacing: mm between slices, rows and columns.
        closing: of holes.
        least: mm3 of a lesion.
    """
    labels = np.where(gland, labels, 0).astype(np.uint8)
    if not labels.any():
        return labels
    own = element(closing, spacing)
    edge = [side // 2 for side in own.shape]
    # the box around all lesions holds whatever closing them can add
    [box] = ndimage.find_objects((labels > 0).astype(np.uint8))
    found, inside = labels[box], gland[box]
    whole = np.pad(found > 0, [(side, side) for side in edge])
    inner = tuple(slice(side, side + length) for side, length in zip(edge, found.shape))
    new = ndimage.binary_closing(whole, own)[inner] & inside & (found == 0)
    if new.any():
        nearest = ndimage.distance_transform_edt(
            found == 0, sampling=spacing, return_distances=False, return_indices=True
        )
        found = np.where(new, found[tuple(nearest)], found)
    parts, _ = ndimage.label(found > 0, TOUCHING)
    small = np.bincount(parts.ravel()) * float(np.prod(spacing)) < least
    labels[box] = np.where(small[parts], 0, found)
    return labels


@dataclass(frozen=True)
class Lesions:
    """The lesions of a patient.

    Attributes:
        parts: (slices, rows, columns) number of the lesion, from 1 on; 0 is none.
        significant: of each lesion, whether it is clinically significant; the first entry is of none.
    """

    parts: np.ndarray
    significant: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, rules: Rules) -> "Lesions":
        """Find the lesions of labels that are :func:`settled`."""
        parts, count = ndimage.label(labels > 0, TOUCHING)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)
        aggressive = np.bincount(parts[labels == AGGRESSIVE], minlength=count + 1)
        own = aggressive > rules.aggressive * sizes
        own[0] = False
        return cls(parts, own)

    def numbers(self, kind: str) -> list[int]:
        """Return the numbers of the lesions of a kind of :data:`KINDS`; ``cancer`` is any."""
        wanted = {"cspca": self.significant, "indolent": ~self.significant}.get(kind)
        return [n for n in range(1, len(self.significant)) if wanted is None or wanted[n]]

    def mask(self, kind: str) -> np.ndarray:
        """Return the voxels of the lesions of a kind, boolean."""
        table = np.zeros(len(self.significant), bool)
        table[self.numbers(kind)] = True
        return table[self.parts]
