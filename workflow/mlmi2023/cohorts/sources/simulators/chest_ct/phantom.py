"""The chest as a continuous phantom, sampled so finely that sums over the samples are its integrals.

Organs scale with the field of view, so that small volumes show a whole chest; what is fine (vessels,
fissures, cortical bone, nodules) keeps its size in mm.
"""

import itertools
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, zoom
from scipy.special import ndtr

from mlmi2023.cohorts.sources.simulators.chest_ct.vessels import grow
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.phantom import AIR, BONE, FAT, LUNG, TISSUE, Canvas

BLOOD, CORTEX, MARROW, FISSURE, NODULE = 60.0, 700.0, 180.0, -550.0, 30.0
Ellipsoid = tuple[np.ndarray, np.ndarray]


def paint(rng: np.random.Generator, options: dict[str, Any]) -> np.ndarray:
    """Return one chest without noise, (Z, Y, X) float32 on the fine grid, in Hounsfield units.

    Args:
        rng: of the volume.
        options: complete options.
    """
    pixel, fine = options["pixel"], options["fine"]
    step = np.array([fine["z"], pixel / fine["in_plane"], pixel / fine["in_plane"]])
    size = np.array(options["shape"]) * pixel
    shape = [int(n) for n in np.round(size / step)]
    sigma = rng.uniform(*options["psf"])
    canvas = Canvas(shape, step.tolist(), sigma / float(np.prod(step) ** (1 / 3)))
    canvas.hu[:] = AIR
    # what is here for all volumes drawn first, so that variants with other details have the same body
    body = 0.5 * size * np.array([40.0, 0.80, 0.92]) * (1 + 0.03 * rng.standard_normal())
    lungs = [_lung(rng, size, side) for side in (-1, 1)]
    heart = size * np.array([-0.12, 0.10, 0.06]) + rng.normal(0, 1.0, 3)
    canvas.ellipsoid((0, 0, 0), body, FAT)
    canvas.ellipsoid((0, 0, 0), body - np.array([0, 3.5, 3.5]), TISSUE)
    for lung in lungs:
        canvas.ellipsoid(*lung, LUNG + 25 * rng.standard_normal())
    for lung in lungs:
        _inside(canvas, rng, lung, options)
    canvas.ellipsoid(heart, size * np.array([0.22, 0.16, 0.17]), BLOOD)
    _bones(canvas, rng, size, body, options["ribs"])
    trachea = np.array([0.0, -0.06, 0.0]) * size
    for radius, hu in ((4.2, TISSUE), (3.2, AIR)):
        ends = (trachea - np.array([0.1 * size[0], 0, 0]), trachea + np.array([size[0], 0, 0]))
        canvas.tube(*ends, np.array([radius, radius]), hu)
    return canvas.hu + _texture(rng, canvas.hu, step, options["texture"])


def _lung(rng: np.random.Generator, size: np.ndarray, side: int) -> Ellipsoid:
    """Return centre and radii of a lung."""
    centre = size * np.array([0.0, 0.0, side * 0.215]) + rng.normal(0, 1.0, 3)
    return centre, size * np.array([0.62, 0.30, 0.17]) * (1 + 0.03 * rng.standard_normal(3))


def _inside(canvas: Canvas, rng: np.random.Generator, lung: Ellipsoid, options: dict[str, Any]) -> None:
    """Paint vessels, fissures, nodules and, in a variant, horizontal layers into a lung."""
    centre, radii = lung
    inner = radii * 0.96
    for _ in range(options["fissures"]["count"]):
        tilt = rng.uniform(*options["fissures"]["tilt"])
        normal = np.array([np.cos(tilt), np.sin(tilt) * rng.choice([-1, 1]), 0.15 * rng.standard_normal()])
        point = centre + 0.45 * inner * rng.uniform(-1, 1, 3)
        _sheet(canvas, (centre, inner), point, normal, options["fissures"]["thickness"], FISSURE)
    every = options["layers"]["every"]
    for z in np.arange(-inner[0], inner[0], every) if every else ():
        point = centre + np.array([z + 0.25 * every * rng.standard_normal(), 0, 0])
        upright = np.array([1.0, 0.0, 0.0])
        _sheet(canvas, (centre, inner), point, upright, options["layers"]["thickness"], FISSURE)
    # trees enter from the midline at several heights, since one field of view holds only part of a lung
    own = options["vessels"]
    height = min(float(radii[0]), 0.5 * options["shape"][0] * options["pixel"])
    for number in range(own["roots"]):
        level = height * (2 * (number + 0.5) / own["roots"] - 1) * 0.9
        root = centre + np.array([level, 0.2 * radii[1] * rng.standard_normal(), 0])
        root[2] -= np.sign(centre[2]) * 0.85 * radii[2] * np.sqrt(max(1 - (level / radii[0]) ** 2, 0.1))
        target = centre + np.array([level, 0, 0])
        for start, end, radius in grow(rng, target, np.array([height * 0.6, *inner[1:]]), root, own):
            canvas.tube(start, end, radius, BLOOD)
    for _ in range(options["nodules"]["count"]):
        place = centre + np.array([height, *inner[1:]]) * 0.75 * rng.uniform(-1, 1, 3)
        radius = rng.uniform(*options["nodules"]["radius"])
        canvas.ellipsoid(place, radius * rng.uniform(0.8, 1.2, 3), NODULE)


def _sheet(
    canvas: Canvas, lung: Ellipsoid, point: np.ndarray, normal: np.ndarray, thickness: float, hu: float
) -> None:
    """Paint a plane of some thickness, blurred by the scanner, where it lies inside an ellipsoid."""
    normal = normal / np.linalg.norm(normal)
    centre, radii = lung
    box = canvas.box(centre - radii, centre + radii)
    z, y, x = (axis[part] for axis, part in zip(canvas.axes, box))
    away = (
        (z[:, None, None] - point[0]) * np.float32(normal[0])
        + (y[None, :, None] - point[1]) * np.float32(normal[1])
        + (x[None, None, :] - point[2]) * np.float32(normal[2])
    )
    near = np.abs(away) < thickness / 2 + 4 * canvas.sigma
    round_ = sum(
        part.reshape([-1 if k == axis else 1 for k in range(3)])
        for axis, part in enumerate(((a - c) / r) ** 2 for a, c, r in zip((z, y, x), centre, radii))
    )
    where = near & (np.asarray(round_) < 1)
    off = away[where]
    share = ndtr((thickness / 2 - off) / canvas.sigma) - ndtr((-thickness / 2 - off) / canvas.sigma)
    view = canvas.hu[box]
    view[where] += (np.float32(hu) - view[where]) * share.astype(np.float32)


def _bones(
    canvas: Canvas, rng: np.random.Generator, size: np.ndarray, body: np.ndarray, ribs: dict[str, Any]
) -> None:
    """Paint vertebrae with discs between them, and ribs that slope down from the back to the front."""
    top = 0.5 * size[0]
    phase = rng.uniform(0, 1)
    behind = -0.62 * body[1]
    for level in np.arange(-top - 20 + phase * 16, top + 20, 16.0):
        ends = (np.array([level, behind, 0.0]), np.array([level + 13.0, behind, 0.0]))
        wide = 0.085 * size[2]
        canvas.tube(*ends, np.array([wide, wide]), CORTEX)
        shell = np.array([1.5, 0.0, 0.0])
        canvas.tube(ends[0] + shell, ends[1] - shell, np.array([wide - 1.2] * 2), MARROW)
    canal = np.array([0.0, behind - 0.12 * size[1], 0.0])
    along = np.array([2 * top, 0.0, 0.0])
    canvas.tube(canal - along, canal + along, np.array([3.0, 3.0]), TISSUE)
    ring = np.array([body[1], body[2]]) - 6.5
    phase = rng.uniform(0, ribs["spacing"])
    for level in np.arange(-top - 60 + phase, top + 60, ribs["spacing"]):
        for side in (-1, 1):
            angle = np.linspace(-0.45 * np.pi, 0.40 * np.pi, 14)
            points = np.stack(
                [
                    level - ribs["slope"] * ring[0] * np.sin(angle),
                    ring[0] * np.sin(angle),
                    side * ring[1] * np.cos(angle),
                ],
                axis=1,
            )
            for radius, hu in ((ribs["radius"], CORTEX), (ribs["radius"] - 1.0, MARROW)):
                for start, end in itertools.pairwise(points):
                    if min(abs(start[0]), abs(end[0])) < top + 10:
                        canvas.tube(start, end, np.array([radius, radius]), max(hu, BONE / 2))


def _texture(
    rng: np.random.Generator, hu: np.ndarray, step: np.ndarray, options: dict[str, Any]
) -> np.ndarray:
    """Return texture that is alike along all axes: a smooth random field, with a strength for each tissue."""
    coarse = 0.5  # mm; the field is smooth on this grid and joined linearly between its points
    shape = [int(np.ceil(n * s / coarse)) + 1 for n, s in zip(hu.shape, step)]
    field = gaussian_filter(
        rng.standard_normal(shape, dtype=np.float32), options["length"] / coarse, mode="wrap"
    )
    field /= field.std()
    field = zoom(field, [n / m for n, m in zip(hu.shape, shape)], order=1, grid_mode=True, mode="nearest")
    lung = np.clip((-300 - hu) / 300, 0, 1) * (hu > -950)
    tissue = np.clip((hu + 300) / 200, 0, 1)
    return (field * (options["lung"] * lung + options["tissue"] * tissue)).astype(np.float32)
