"""One subject before it is imaged, and the draws that make it.

Each draw has its own stream of random numbers, named by cohort seed, subject number and purpose: a new layer
or one subject more changes nothing else.
"""

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlmi2023.cohorts.sources.simulators.brain.contrast import Contrast, draw_contrast
from mlmi2023.cohorts.sources.simulators.brain.maps import Maps
from mlmi2023.cohorts.sources.simulators.brain.warps import random_velocity, rotation


@dataclass
class Subject:
    """A subject in template space. Layers change these fields and nothing else.

    Arrays shared with other subjects (``tissues``, ``labels``, ``texture``) are read-only: replace them.

    Attributes:
        id: BIDS label, ``001`` or ``atlas``.
        split: train, val, test or atlas.
        age: years; None for the atlas, which is an average.
        sex: F, M or None.
        site: name of the scanner.
        velocity: (3, x, y, z) mm on the velocity grid; None for the identity.
        pose: template mm -> native mm, 4 x 4.
        tissues: name -> fraction on the work grid; a lesion adds one, and its mean to every contrast.
        labels: (X, Y, Z) uint8 at 1 mm.
        texture: T1 detail on the work grid.
        contrasts: modality -> intensities.
        gamma: exponent of the noise-free image.
        bias_peak: peak to peak of the bias field inside the brain; 0 for none.
        bias_lean: (3,) share of the bias that grows along x, y and z: where the coil sits.
        noise: standard deviation, of white matter.
        gain: scanner units of white matter.
        orientation: storage order, such as LPS.
        oblique: (3,) degrees by which the slab is turned against the world.
        centre: (3,) mm of the field of view off the centre of the head.
    """

    id: str
    split: str
    age: float | None
    sex: str | None
    site: str
    velocity: np.ndarray | None
    pose: np.ndarray
    tissues: dict[str, np.ndarray]
    labels: np.ndarray
    texture: np.ndarray
    contrasts: dict[str, Contrast]
    gamma: float = 1.0
    bias_peak: float = 0.0
    bias_lean: np.ndarray = field(default_factory=lambda: np.zeros(3))
    noise: float = 0.0
    gain: float = 1000.0
    orientation: str = "RAS"
    oblique: np.ndarray = field(default_factory=lambda: np.zeros(3))
    centre: np.ndarray = field(default_factory=lambda: np.zeros(3))


def stream(seed: int, number: int, purpose: str) -> np.random.Generator:
    """Return the random numbers of one purpose of one subject."""
    return np.random.default_rng([seed, number, zlib.crc32(purpose.encode())])


def atlas_subject(modalities: list[str], options: dict[str, Any], maps: Maps) -> Subject:
    """Return the template itself: no warp, no pose, no bias, no noise."""
    rng = stream(0, 0, "atlas")
    return Subject(
        id="atlas",
        split="atlas",
        age=None,
        sex=None,
        site="template",
        velocity=None,
        pose=np.eye(4),
        tissues=dict(maps.tissues),
        labels=maps.labels,
        texture=maps.texture,
        contrasts={m: draw_contrast(m, options["contrast"], rng, jitter=False) for m in modalities},
    )


def draw_subject(
    number: int, split: str, seed: int, modalities: list[str], options: dict[str, Any], maps: Maps
) -> Subject:
    """Draw subject ``number`` (1, 2, ...), before any layer."""
    person = stream(seed, number, "person")
    scanner = stream(seed, number, "scanner")
    contrasts = {
        m: draw_contrast(m, options["contrast"], stream(seed, number, f"contrast {m}")) for m in modalities
    }
    return Subject(
        id=f"{number:03d}",
        split=split,
        age=round(float(person.uniform(*options["age"])), 1),
        sex="FM"[int(person.integers(2))],
        site="single",
        velocity=_velocity(options["warp"], maps, stream(seed, number, "warp")),
        pose=_pose(options["pose"], stream(seed, number, "pose")),
        tissues=dict(maps.tissues),
        labels=maps.labels,
        texture=maps.texture,
        contrasts=contrasts,
        bias_peak=float(scanner.uniform(*options["bias"]["peak"])),
        noise=float(scanner.uniform(*options["noise"])),
        gain=float(scanner.uniform(600, 1500)),
        orientation=str(scanner.choice(options["orientations"])),
        oblique=np.clip(scanner.standard_normal(3), -2, 2) * options["oblique"],
        centre=scanner.uniform(-4, 4, 3),
    )


def _velocity(options: dict[str, Any], maps: Maps, rng: np.random.Generator) -> np.ndarray:
    shape, voxel = maps.pull.shape[1:], float(maps.velocity_affine[0, 0])
    factor = rng.uniform(*options["spread"])
    total = np.zeros((3, *shape), np.float32)
    for scale in options["scales"]:
        total += random_velocity(shape, voxel, scale["sigma"], factor * scale["amplitude"], rng)
    return total


def _pose(options: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    """Return scale, then rotation, then translation as 4 x 4; draws are cut at two standard deviations."""

    def draw(size: int, sd: float) -> np.ndarray:
        return np.clip(rng.standard_normal(size), -2, 2) * sd

    size = options["size"] * np.exp(draw(1, options["scale"]) + draw(3, options["stretch"]))
    pose = np.eye(4)
    pose[:3, :3] = rotation(draw(3, options["rotation"])) @ np.diag(size)
    pose[:3, 3] = draw(3, options["translation"])
    return pose
