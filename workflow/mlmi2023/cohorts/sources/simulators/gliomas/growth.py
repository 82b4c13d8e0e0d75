"""Layer: a glioma with a dead core, a rim that takes up contrast agent, oedema, and mass effect."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.brain.maps import Maps, block_mean
from mlmi2023.cohorts.sources.simulators.brain.subject import Subject
from mlmi2023.cohorts.sources.simulators.gliomas.methylation import Trait, between
from mlmi2023.cohorts.sources.simulators.gliomas.options import CONTRASTS
from mlmi2023.cohorts.sources.simulators.t2_anomalies.tumours import EDGE, Tumour

#: labels in a subject's map, where the brain simulator uses 1 to 32: this much above those of BraTS
ABOVE = 200
CORE, OEDEMA, RIM = 1, 2, 4
PARTS = ("necrosis", "solid", "rim", "oedema")
MIDDLING = Trait(0, 0.0, 0.0, 0.5)


@dataclass(frozen=True)
class Glioma(Tumour):
    """Grow a glioma; place and mass effect are those of :class:`.t2_anomalies.tumours.Tumour`.

    Without an enhancing rim all of the tumour is solid and labelled as core.

    Attributes:
        options: ``tumour`` of the simulator's options.
        shades: intensities of the parts by contrast.
        spread: standard deviation between patients of each intensity.
        trait: of the tumour.
        separations: of the traits.
    """

    shades: dict[str, dict[str, float]] = field(default_factory=dict)
    spread: float = 0.0
    trait: Trait = MIDDLING
    separations: dict[str, float] = field(default_factory=lambda: {"rim": 0.0, "texture": 0.0})

    def apply(self, subject: Subject, maps: Maps, rng: np.random.Generator) -> Subject:
        """Return the subject with a glioma; contrasts become those of BraTS, by their names there."""
        own, voxels = self.options, np.asarray(maps.labels).shape
        radius, push = float(rng.uniform(*own["radius"])), float(rng.uniform(*own["push"]))
        enhancing = bool(rng.random() < own["enhancing"])
        width = float(rng.uniform(*own["oedema"]))
        middle = self._place(maps, rng)
        # half of the growth is drawn, the flow does the rest
        drawn = radius * (1 - push)
        box, off = distances(voxels, middle, drawn, width, own["uneven"], rng)
        inside = fine(maps.brain, maps)[box] > 0.5
        white = np.clip(2 * fine(maps.tissues["wm"], maps)[box], 0, 1)
        room = np.clip(1 - 2 * fine(maps.tissues["csf"], maps)[box], 0, 1)
        core = reached(off, 1.0) * inside
        thickness = between(own["rim"], self.trait.rim, self.separations["rim"])
        dead = reached(off, 1 - thickness) if enhancing else np.zeros_like(core)
        swollen = reached(off, 1 + width / drawn) * white * room * inside * (1 - core)
        parts = {
            "necrosis": core * dead,
            "solid": core * (not enhancing),
            "rim": core * (1 - dead) * enhancing,
            "oedema": swollen,
        }
        mottle = ndimage.gaussian_filter(
            rng.standard_normal(off.shape, dtype=np.float32), own["mottle"]["size"]
        )
        mottle *= (core + swollen) / max(float(mottle.std()), 1e-6)
        labels = np.array(subject.labels)
        values = np.select(
            [core * (1 - dead) * enhancing > 0.5, core > 0.5, swollen > 0.5], [RIM, CORE, OEDEMA], 0
        )
        labels[box] = np.where(values > 0, (ABOVE + values).astype(np.uint8), labels[box])
        coarse = {name: block_mean(whole(part, box, voxels), maps.factor) for name, part in parts.items()}
        taken = 1 - sum(coarse.values())
        coarse["mottle"] = block_mean(whole(mottle, box, voxels), maps.factor)
        velocity = subject.velocity
        if velocity is not None:
            velocity = velocity + self._pull(maps, middle, radius, push)
        return replace(
            subject,
            labels=labels,
            tissues={name: tissue * taken for name, tissue in subject.tissues.items()} | coarse,
            texture=(subject.texture * taken).astype(np.float32),
            contrasts=self._contrasts(subject, rng),
            velocity=velocity,
        )

    def _contrasts(self, subject: Subject, rng: np.random.Generator) -> dict[str, Any]:
        """Return the contrasts of BraTS; before and after contrast agent healthy tissue is the same."""
        strength = between(
            self.options["mottle"]["strength"], self.trait.texture, self.separations["texture"]
        )
        found = {}
        for name, sequence in CONTRASTS.items():
            shades = self.shades[name]
            draws = np.clip(rng.standard_normal(len(PARTS)), -2, 2)
            means = {part: shades[part] + self.spread * draw for part, draw in zip(PARTS, draws)}
            means["mottle"] = strength * shades["mottle"]
            contrast = subject.contrasts[sequence]
            found[name] = replace(contrast, means=contrast.means | means)
        return found


def distances(
    voxels: tuple[int, ...],
    middle: np.ndarray,
    radius: float,
    width: float,
    uneven: float,
    rng: np.random.Generator,
) -> tuple[tuple[slice, ...], np.ndarray]:
    """Return a box of the grid of 1 mm, and in it the distance to the tumour's middle, of its radius.

    Args:
        voxels: of the whole grid.
        middle: of the tumour, voxels.
        radius: of the core, mm.
        width: of the oedema, mm.
        uneven: standard deviation of the border, of the radius.
        rng: source of randomness.
    """
    reach = int(np.ceil(radius * (1 + 3 * uneven) + width + 4))
    box = tuple(slice(max(0, p - reach), min(n, p + reach + 1)) for p, n in zip(middle, voxels))
    squeeze = np.exp(0.15 * np.clip(rng.standard_normal(3), -2, 2))
    lines = [
        (np.arange(side.start, side.stop, dtype=np.float32) - p) * s
        for side, p, s in zip(box, middle, squeeze)
    ]
    grid = np.meshgrid(*lines, indexing="ij")
    noise = ndimage.gaussian_filter(rng.standard_normal(grid[0].shape, dtype=np.float32), radius / 3)
    border = np.clip(1 + uneven * noise / max(float(noise.std()), 1e-6), 0.5, 1.6)
    return box, (np.sqrt(sum(part**2 for part in grid)) / (radius * border)).astype(np.float32)


def reached(off: np.ndarray, limit: float) -> np.ndarray:
    """Return the share of each voxel that lies within ``limit`` radii, with a soft border."""
    return np.clip(0.5 + (limit - off) / (2 * EDGE), 0, 1).astype(np.float32)


def whole(part: np.ndarray, box: tuple[slice, ...], voxels: tuple[int, ...]) -> np.ndarray:
    """Return a part of the grid in all of it, 0 elsewhere."""
    found = np.zeros(voxels, np.float32)
    found[box] = part
    return found


def fine(coarse: np.ndarray, maps: Maps) -> np.ndarray:
    """Return a map of the work grid on the label grid of 1 mm, each voxel repeated."""
    counts = np.asarray(maps.labels).shape
    return np.asarray(coarse)[np.ix_(*(np.arange(count) // maps.factor for count in counts))]
