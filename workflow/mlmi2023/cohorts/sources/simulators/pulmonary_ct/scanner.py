"""From a patient to a scan: contrast timing, vessels, clots, mixing, streaks and noise."""

from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from mlmi2023.cohorts.sources.simulators.pulmonary_ct.emboli import draw_clots, flow
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.patients import Exam
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.phantom import NODE, Canvas, paint_chest
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.tree import Tubes, arteries, veins


def scan(exam: Exam, seed: int, options: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Image one exam.

    Args:
        exam: who is scanned.
        seed: of the cohort; the bytes depend on it and on the exam's number alone.
        options: complete options.

    Returns:
        The volume (D, H, W) int16 in Hounsfield units, and the mask (D, H, W) uint8 of its filling defects:
        0, or 1 + the defect's number (at most 254).
    """
    rng = np.random.default_rng([seed, 1, exam.idx])
    canvas = Canvas(options["shape"], options["spacing"], options["psf"])
    # timing: one draw moves all vessels together, since a late scan has less contrast on the right side
    timing = rng.standard_normal()
    hu = {
        name: mean
        + sd * (0.8 * timing * (1 if name in ("artery", "cava") else -1) + 0.6 * rng.standard_normal())
        for name, (mean, sd) in options["contrast"].items()
    }
    hu = {name: max(value, 90.0) for name, value in hu.items()}
    # only a clot strains the right heart, though other illness does a little
    strain = options["heart"]["strain"] * max(exam.severity, 0.0) * (1.0 if exam.label else 0.5)
    paint_chest(canvas, rng, hu, strain + 0.05 * rng.standard_normal())
    tree = arteries(rng, options["arteries"], exam.severity)
    for tube in _in_order(back := veins(rng, options["arteries"])):
        canvas.tube(back.start[tube], back.end[tube], back.radius[tube], hu["vein"])
    clots = draw_clots(rng, exam.type, exam.severity, tree, options["clots"])
    reached = flow(tree, clots, options["clots"])
    for tube in _in_order(tree):
        canvas.tube(tree.start[tube], tree.end[tube], tree.radius[tube], hu["artery"] * reached[tube])
    _nodes(canvas, rng, tree, options["nodes"])
    mask = np.zeros(options["shape"], np.uint8)
    for clot in range(len(clots)):
        where, share = canvas.tube(clots.start[clot], clots.end[clot], clots.radius[clot], clots.hu[clot])
        if share is not None:
            mask[where][share >= 0.5 * share.max()] = min(1 + clot, 255)
    return _finish(canvas, rng, mask, options)


def _in_order(tubes: Tubes) -> np.ndarray:
    """Small tubes first, so that a branch's round end does not cut into the vessel it springs from."""
    return np.argsort(-tubes.level, kind="stable")


def _nodes(canvas: Canvas, rng: np.random.Generator, tree: Tubes, options: dict[str, Any]) -> None:
    """Paint lymph nodes: soft tissue beside hilar arteries, which a reader must not take for clots."""
    lobar = tree.of_level("lobar")
    for _ in range(int(rng.integers(options["count"][0], options["count"][1] + 1))):
        vessel = rng.choice(lobar)
        radius = rng.uniform(*options["radius"])
        way = rng.standard_normal(3)
        way /= np.linalg.norm(way)
        centre = tree.start[vessel] + way * (tree.radius[vessel, 0] + 0.8 * radius)
        canvas.ellipsoid(centre, (radius,) * 3, NODE)


def _finish(
    canvas: Canvas, rng: np.random.Generator, mask: np.ndarray, options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    volume, spacing = canvas.hu, canvas.spacing
    mixing, noise = options["mixing"], options["noise"]
    # blood that is not yet mixed: contrast differs smoothly within vessels
    uneven = _correlated(rng, volume.shape, mixing["length"] / spacing)
    bright = np.clip((volume - 100) / 150, 0, 1)
    volume = volume + mixing["sd"] * uneven * bright
    volume = volume + options["streaks"] * _streaks(canvas, rng)
    level = rng.uniform(*noise["sd"])
    volume = volume + level * _correlated(
        rng, volume.shape, np.array([0.0, noise["length"], noise["length"]])
    )
    return np.clip(np.round(volume), -1024, 3071).astype(np.int16), mask


def _correlated(rng: np.random.Generator, shape: tuple[int, ...], sigma: np.ndarray) -> np.ndarray:
    """Return Gaussian noise of standard deviation 1 that is smooth over ``sigma`` voxels."""
    field = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap")
    return field / field.std()


def _streaks(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Return rays from the dense contrast in the superior vena cava, strongest near it; (D, H, W)."""
    _, y, x = canvas.axes
    down, across = y[:, None] + 12.0, x[None, :] + 38.0
    angle = np.arctan2(down, across)
    near = np.exp(-np.hypot(down, across) / 30.0)
    phases = rng.uniform(0, 2 * np.pi, (canvas.hu.shape[0], 1, 1))
    rays = np.cos(int(rng.integers(8, 15)) * angle[None] + phases)
    return (rays * near[None]).astype(np.float32)
