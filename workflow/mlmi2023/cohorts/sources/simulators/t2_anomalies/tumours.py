"""Layer: a tumour in the white matter of one hemisphere that has pushed the brain aside."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.brain.labels import index_of
from mlmi2023.cohorts.sources.simulators.brain.maps import Maps, block_mean
from mlmi2023.cohorts.sources.simulators.brain.subject import Subject
from mlmi2023.cohorts.sources.simulators.flair_lesions.lesions import LESION

#: share of the radius by which the border of the enhancing part is soft
EDGE = 0.08


@dataclass(frozen=True)
class Tumour:
    """Grow a tumour; a layer as those of :mod:`mlmi2023.cohorts.sources.simulators.brain.layers`.

    It is drawn small in the template; a flow towards its middle, along the map from the patient to the
    template, makes it larger in the patient and moves what lies around it outwards (mass effect). Around it
    white matter swells (oedema), in its middle it may be dark. Tumour and oedema are labelled, as the whole
    tumour of BraTS is.

    Attributes:
        options: ``tumour`` of the simulator's options.
    """

    options: dict[str, Any]

    def apply(self, subject: Subject, maps: Maps, rng: np.random.Generator) -> Subject:
        """Return the subject with a tumour."""
        own = self.options
        radius = float(rng.uniform(*own["radius"]))
        push = float(rng.uniform(*own["push"]))
        middle = self._place(maps, rng)
        # half of the growth is drawn, the flow does the rest
        drawn = radius * (1 - push)
        solid, core, oedema = self._shapes(maps, middle, drawn, rng)
        room = _full(1 - np.clip(2 * np.asarray(maps.tissues["csf"]), 0, 1), maps)
        inside = _full(np.asarray(maps.brain), maps) > 0.5
        white = np.clip(2 * _full(np.asarray(maps.tissues["wm"]), maps), 0, 1)
        solid, core = solid * inside, core * inside
        oedema = oedema * white * room * (1 - solid)
        labels = np.where(solid + oedema > 0.5, np.uint8(LESION), subject.labels)
        parts = {"solid": solid * (1 - core), "core": solid * core, "oedema": oedema}
        coarse = {name: block_mean(part, maps.factor) for name, part in parts.items()}
        taken = 1 - sum(coarse.values())
        tissues = {name: tissue * taken for name, tissue in subject.tissues.items()} | coarse
        texture = (subject.texture * taken).astype(np.float32)
        shades = {
            "solid": float(rng.uniform(*own["brightness"])),
            "core": float(rng.uniform(*own["core"]["brightness"])),
            "oedema": float(rng.uniform(*own["oedema"]["brightness"])),
        }
        contrasts = {
            name: replace(contrast, means=contrast.means | shades)
            for name, contrast in subject.contrasts.items()
        }
        velocity = subject.velocity
        if velocity is not None:
            velocity = velocity + self._pull(maps, middle, radius, push)
        return replace(
            subject, labels=labels, tissues=tissues, texture=texture, contrasts=contrasts, velocity=velocity
        )

    def _place(self, maps: Maps, rng: np.random.Generator) -> np.ndarray:
        """Return the voxel of 1 mm in the middle of the tumour, well inside of the cerebral white matter."""
        labels = np.asarray(maps.labels)
        white = np.isin(labels, [index_of(f"{s} cerebral white matter") for s in ("left", "right")])
        deep = np.argwhere(ndimage.binary_erosion(white, iterations=3))
        return deep[rng.integers(len(deep))]

    def _shapes(
        self, maps: Maps, middle: np.ndarray, radius: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return tumour, dark middle and the reach of oedema as fractions, (X, Y, Z) float32 at 1 mm."""
        own = self.options
        shape = np.asarray(maps.labels).shape
        width = float(rng.uniform(*own["oedema"]["width"]))
        reach = int(np.ceil(radius * (1 + 3 * own["uneven"]) + width + 4))
        box = tuple(slice(max(0, p - reach), min(n, p + reach + 1)) for p, n in zip(middle, shape))
        lines = [np.arange(side.start, side.stop, dtype=np.float32) - p for side, p in zip(box, middle)]
        squeeze = np.exp(0.15 * np.clip(rng.standard_normal(3), -2, 2))
        grid = np.meshgrid(*(line * s for line, s in zip(lines, squeeze)), indexing="ij")
        noise = ndimage.gaussian_filter(rng.standard_normal(grid[0].shape, dtype=np.float32), radius / 3)
        border = 1 + own["uneven"] * noise / max(float(noise.std()), 1e-6)
        off = np.sqrt(sum(part**2 for part in grid)) / (radius * np.clip(border, 0.5, 1.6))
        hole = own["core"]["share"] if rng.random() < own["core"]["chance"] else 0.0
        found = [np.zeros(shape, np.float32) for _ in range(3)]
        edge = EDGE * 2
        found[0][box] = np.clip(0.5 + (1 - off) / edge, 0, 1)
        if hole:
            found[1][box] = np.clip(0.5 + (hole - off) / edge, 0, 1)
        found[2][box] = np.clip(0.5 + (1 + width / radius - off) / edge, 0, 1)
        return found[0], found[1], found[2]

    def _pull(self, maps: Maps, middle: np.ndarray, radius: float, push: float) -> np.ndarray:
        """Return the velocity towards the middle, (3, x, y, z) mm: longest at the border of the tumour."""
        voxel = float(maps.velocity_affine[0, 0])
        place = maps.label_affine[:3, :3] @ middle + maps.label_affine[:3, 3]
        shape = maps.pull.shape[1:]
        points = np.indices(shape, dtype=np.float32) * voxel
        points += (maps.velocity_affine[:3, 3] - place).reshape(3, 1, 1, 1).astype(np.float32)
        away = np.sqrt((points**2).sum(0))
        strength = push * np.exp(0.5 - 0.5 * (away / radius) ** 2)
        return (-strength * points).astype(np.float32)


def _full(coarse: np.ndarray, maps: Maps) -> np.ndarray:
    """Return a map of the work grid on the label grid of 1 mm."""
    found = coarse
    for axis, count in enumerate(np.asarray(maps.labels).shape):
        found = np.repeat(found, maps.factor, axis)
        found = found[tuple(slice(0, count if k == axis else None) for k in range(3))]
    return found
