"""Thirty-two labelled structures of the template, from its tissue maps and known MNI coordinates.

No atlas with a free licence comes inside a package, so the labels are made: a generous shape (ellipsoid, tube
or plane) at the structure's place, cut by the tissue that it is made of. The borders are therefore those that
the images show; only borders without contrast (between lobes, white matter and brainstem) are geometric. The
template is symmetric: one half is labelled and mirrored. x > 0 is the subject's right.

| index | name | abbreviation | index | name | abbreviation |
|---|---|---|---|---|---|
| 1, 2 | left, right frontal cortex | FroL, FroR | 15, 16 | putamen | PutL, PutR |
| 3, 4 | parietal cortex | ParL, ParR | 17, 18 | pallidum | PalL, PalR |
| 5, 6 | temporal cortex | TemL, TemR | 19, 20 | hippocampus | HipL, HipR |
| 7, 8 | occipital cortex | OccL, OccR | 21, 22 | amygdala | AmyL, AmyR |
| 9, 10 | insula | InsL, InsR | 23, 24 | cerebellar cortex | CbCL, CbCR |
| 11, 12 | thalamus | ThaL, ThaR | 25, 26 | cerebellar white matter | CbWL, CbWR |
| 13, 14 | caudate | CauL, CauR | 27, 28 | cerebral white matter | CWML, CWMR |
| 29, 30 | lateral ventricle | LVeL, LVeR | 31 | third ventricle | 3Ve |
| 32 | brainstem | BSt | | | |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.brain.template import Template

PAIRED = (
    ("frontal cortex", "Fro"),
    ("parietal cortex", "Par"),
    ("temporal cortex", "Tem"),
    ("occipital cortex", "Occ"),
    ("insula", "Ins"),
    ("thalamus", "Tha"),
    ("caudate", "Cau"),
    ("putamen", "Put"),
    ("pallidum", "Pal"),
    ("hippocampus", "Hip"),
    ("amygdala", "Amy"),
    ("cerebellar cortex", "CbC"),
    ("cerebellar white matter", "CbW"),
    ("cerebral white matter", "CWM"),
    ("lateral ventricle", "LVe"),
)
MIDLINE = (("third ventricle", "3Ve"), ("brainstem", "BSt"))


@dataclass(frozen=True)
class Structure:
    """One row of dseg.tsv."""

    index: int
    name: str
    abbreviation: str


def structures() -> list[Structure]:
    """Return all structures by index: left and right in turn, then those on the midline."""
    rows = []
    for place, (name, short) in enumerate(PAIRED):
        rows.append(Structure(2 * place + 1, f"left {name}", f"{short}L"))
        rows.append(Structure(2 * place + 2, f"right {name}", f"{short}R"))
    return rows + [Structure(2 * len(PAIRED) + 1 + k, *row) for k, row in enumerate(MIDLINE)]


def index_of(name: str) -> int:
    """Return the index of a structure by its full name (``left caudate``)."""
    return next(row.index for row in structures() if row.name == name)


def _ellipsoid(grid, centre, radii, lean=0.0):
    """Return an ellipsoid as a mask; its x centre moves by ``lean`` mm per mm of y (deep nuclei diverge)."""
    x, y, z = (axis - c for axis, c in zip(grid, centre, strict=True))
    a, b, c = radii
    return ((x - lean * y) / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 <= 1


def _tube(grid: Sequence[np.ndarray], course: Sequence[Sequence[float]]) -> np.ndarray:
    """Return a tube along ``course``: points x, y, z and radius in mm, straight between them."""
    x, y, z = grid
    tube = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), bool)
    for first, second in pairwise(course):
        a, b = np.array(first), np.array(second)
        steps = max(2, int(np.linalg.norm(b[:3] - a[:3]) / 1.5))
        for t in np.linspace(0, 1, steps):
            p = a + t * (b - a)
            tube |= (x - p[0]) ** 2 + (y - p[1]) ** 2 + (z - p[2]) ** 2 <= p[3] ** 2
    return tube


def _largest(mask: np.ndarray) -> np.ndarray:
    """Return the largest connected part of a mask."""
    parts, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(parts.ravel())
    return parts == 1 + np.argmax(sizes[1:])


def _compartments(tissue: np.ndarray, t1: np.ndarray, grid: Sequence[np.ndarray]) -> tuple:
    """Return cerebellum and brainstem: a watershed of T1 along the dark tentorium, then planes."""
    from skimage.segmentation import watershed

    x, y, z = grid
    tentorium = -4 - 0.45 * np.minimum(x, 45) - 0.35 * np.maximum(-70 - y, 0) - 0.9 * np.maximum(y + 50, 0)
    stem = tissue & (z < -12 + 0.6 * (-8 - y)) & (z < -3) & (x < 19) & (y > -60)
    floor = np.where(z > -25, -38.0, -33 + 0.5 * (z + 30))  # floor of the fourth ventricle
    stem &= (y > floor) | ((z < -58) & (x < 11))
    stem &= _tube(
        grid, [(0, -24, -6, 16), (0, -26, -14, 18), (0, -27, -33, 22), (0, -40, -52, 14), (0, -50, -74, 12)]
    )
    stem = ndimage.binary_opening(stem, iterations=1)
    box = (slice(None), slice(0, 140), slice(0, 135))  # y < 6, z < 15: the rest is cerebrum
    low = (z < tentorium - 6) & (y < -36) & tissue & ~stem
    high = ((z > tentorium + 6) | (y > -28)) & tissue & ~stem
    markers = (low * 1 + high * 2 + stem * 3).astype(np.int32)[box]
    smooth = ndimage.gaussian_filter(t1, 0.7)[box]
    parts = np.zeros(tissue.shape, np.int8)
    parts[box] = watershed(-smooth, markers, mask=tissue[box])
    return _largest(parts == 1), _largest(parts == 3)


def label_template(template: Template) -> np.ndarray:
    """Return the labels of the template, (X, Y, Z) uint8 on its grid."""
    middle = template.t1.shape[0] // 2
    half = slice(middle, None)
    gm, wm, t1 = template.gm[half], template.wm[half], template.t1[half]
    axes = template.world()
    grid = (axes[0][half], axes[1], axes[2])
    right = _label_half(t1, gm, wm, template.brain[half], grid)
    midline = right > 2 * len(PAIRED)
    left = np.where(midline | (right == 0), right, right - 1).astype(np.uint8)
    return np.concatenate([left[:0:-1], right])


def _label_half(t1, gm, wm, brain, grid) -> np.ndarray:
    """Label the right half; later structures overwrite earlier ones."""
    x, y, z = grid
    csf = brain & (gm + wm < 0.5)
    tissue = brain & ~csf
    grey = tissue & (gm >= wm)
    white = tissue & ~grey
    out = np.zeros(t1.shape, np.uint8)

    def put(name: str, mask: np.ndarray) -> None:
        row = next(r for r in structures() if r.name in (name, f"right {name}"))
        out[mask] = row.index

    cerebellum, stem = _compartments(tissue, t1, grid)
    cerebrum = tissue & ~cerebellum & ~stem
    ribbon = cerebrum & grey
    medial = np.clip((26 - x) / 8, 0, 1)  # the calcarine cortex reaches further forward than the pole
    occipital = y + 0.2 * z - 0.8 * np.maximum(14 - z, 0) * medial < -66
    behind = (z < -3 - 0.5 * y) & ((x > 20) | (z < -5))  # below the Sylvian fissure
    pole = (z < -32 + 0.55 * x - 0.2 * y) & (y < 24) & (x > 18)
    temporal = np.where(y < -2, behind, pole) & ~occipital
    frontal = (y > -32 + 0.35 * x + 0.1 * (70 - z)) & ~temporal & ~occipital
    put("parietal cortex", ribbon)
    put("occipital cortex", ribbon & occipital)
    put("temporal cortex", ribbon & temporal)
    put("frontal cortex", ribbon & frontal)
    put("insula", ribbon & _ellipsoid(grid, (37, 4, 1), (8, 25, 18), -0.12) & (x < 45))
    put("cerebral white matter", cerebrum & white)
    core = _ellipsoid(grid, (0, -10, 5), (34, 38, 26))
    put("cerebral white matter", cerebrum & core & (out > 0) & (out < 9) & ((x > 2) | (z < 12)) & (z > -14))

    put("cerebellar cortex", cerebellum & grey)
    put("cerebellar white matter", cerebellum & white)
    put("brainstem", stem)
    grey_ish = tissue & (gm > 0.4)
    put("thalamus", tissue & (t1 < 1.0) & _ellipsoid(grid, (11, -18, 7), (10, 15, 10.5), -0.35))
    put("pallidum", tissue & (t1 < 1.04) & _ellipsoid(grid, (19, -3, -1), (6, 9.5, 6.5), -0.45))
    body = _ellipsoid(grid, (26, 1, 1), (7.5, 20, 12.5), -0.22)
    put("putamen", ndimage.binary_opening(grey_ish & (gm > 0.5) & body))
    course = [(11, 19, -3, 6), (13, 15, 7, 8), (14, 4, 15, 7), (17, -10, 20, 5.5), (20, -22, 20, 4)]
    put("caudate", _largest(grey_ish & _tube(grid, course)))
    put("amygdala", grey_ish & _ellipsoid(grid, (23, -4, -19), (8, 7, 8)))
    course = [(25, -12, -20, 6.5), (28, -20, -16, 6), (30, -29, -10, 6), (27, -36, -3, 6), (22, -39, 3, 5)]
    put("hippocampus", _largest(grey_ish & _tube(grid, course)))

    dark = brain & (t1 < 0.58)
    space = (x > 0) & (y > -75) & (y < 36) & (z > -14) & (z < 33) & (x < 44)
    space &= (z > 9) | (x > 9) | (y > 2)
    space &= ~((x < 14) & (y < -42)) & ~((x < 24) & (z < 5) & (y < 4)) & ~((y > 5) & (z < -5))
    put("lateral ventricle", _largest(dark & space))
    third = dark & (x < 5) & (y > -32) & (y < 4) & (z > -13) & (z < 9)
    put("third ventricle", third & (out == 0))
    return out
