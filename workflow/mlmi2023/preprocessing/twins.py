"""Find near-twins: cases on different sides of a split whose images are the same but for a trifle."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

#: correlation from which on two images count as one
ALIKE = 0.99
#: the same of what sets them off from the mean of all, from FEW cases on
PECULIAR, FEW = 0.9, 4
#: places along each axis at which images are compared, by number of axes
PLACES = {2: 32, 3: 20}
#: pairs that are named
NAMED = 5


class Look(NamedTuple):
    """A case as twins are looked for.

    Attributes:
        case: its name.
        side: its split, or ``fold n``.
        image: (X, Y, Z); or (H, W, C) with ``channels``.
        channels: the last axis is not one of space.
    """

    case: str
    side: str
    image: np.ndarray
    channels: bool = False


def near_twins(looks: Iterable[Look]) -> list[str]:
    """Return a line for each pair of nearly equal images of which one trains and the other does not.

    Sides are splits, of which ``train`` trains, or folds, of which each is tested once. Images are compared
    at the same shares of their width, depth and height, whatever their size. Lungs on one grid correlate by
    0.99 whosever they are, so what sets two images off from the mean of all must be alike, too.
    """
    names, sides, values = [], [], []
    for look in looks:
        names.append(look.case)
        sides.append(look.side)
        values.append(_standardised(sampled(look)))
    if not values:
        return []
    table = np.stack(values)
    own = np.square(table - table.mean(0)).sum(1)
    found = []
    for row in range(len(table)):
        for other in row + 1 + np.flatnonzero(table[row + 1 :] @ table[row] >= ALIKE):
            apart = float(np.square(table[row] - table[other]).sum())
            # for equal lengths this is a correlation of PECULIAR; nothing is peculiar where all are one image
            peculiar = apart > (1 - PECULIAR) * float(own[row] + own[other]) + 1e-6
            if _opposed(sides[row], sides[other]) and not (peculiar and len(table) >= FEW):
                found.append((row, int(other), 1 - apart / 2))
    lines = [
        f"{names[a]} ({sides[a]}) and {names[b]} ({sides[b]}) are nearly one image, correlation {alike:.4f}: "
        "keep what is of one subject on one side of the split"
        for a, b, alike in found[:NAMED]
    ]
    if len(found) > NAMED:
        lines.append(f"{len(found) - NAMED} more pairs across the split are nearly one image")
    return lines


def sampled(look: Look) -> np.ndarray:
    """Return an image at evenly spread places, flat, float32."""
    space = look.image.shape[: look.image.ndim - look.channels]
    places = [np.linspace(0, n - 1, PLACES[len(space)]).round().astype(int) for n in space]
    return np.asarray(look.image[np.ix_(*places)], np.float32).ravel()


def _standardised(values: np.ndarray) -> np.ndarray:
    away = values - values.mean()
    return away / max(float(np.linalg.norm(away)), 1e-9)


def _opposed(one: str, other: str) -> bool:
    """Return whether one side is learned from and the other is not; parts of joined cohorts have prefixes."""
    if one.startswith("fold "):
        return one != other
    return (one.split("-")[-1] == "train") != (other.split("-")[-1] == "train")
