"""Layer: lesions of multiple sclerosis in the white matter, most of them beside the ventricles."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.brain.labels import index_of
from mlmi2023.cohorts.sources.simulators.brain.maps import Maps, block_mean
from mlmi2023.cohorts.sources.simulators.brain.subject import Subject

#: label of a lesion in a subject's label map, where the brain simulator uses 1 to 32
LESION = 200
BALL = 4 / 3 * np.pi


@dataclass(frozen=True)
class Ground:
    """What lesions need to know of the template, derived once; see :func:`survey`.

    Attributes:
        places: (N, 3) voxels of 1 mm where lesions may lie.
        near: (N,) distance of each to the lateral ventricles, mm.
        away: (N, 3) direction away from them, of unit length.
        room: (X, Y, Z) share of a voxel of 1 mm that lesions can take; fluid takes none.
        rim: distance to the ventricles on the work grid, mm.
    """

    places: np.ndarray
    near: np.ndarray
    away: np.ndarray
    room: np.ndarray
    rim: np.ndarray

    def save(self, folder: Path) -> None:
        """Write arrays that :func:`open_ground` memory-maps."""
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name))


def open_ground(folder: Path) -> Ground:
    """Open what :meth:`Ground.save` wrote."""
    return Ground(
        **{field.name: np.load(folder / f"{field.name}.npy", mmap_mode="r") for field in fields(Ground)}
    )


def survey(maps: Maps) -> Ground:
    """Return where lesions may lie: white matter of cerebrum and cerebellum, and the brainstem."""
    labels = np.asarray(maps.labels)
    ventricles = np.isin(labels, [index_of(f"{side} lateral ventricle") for side in ("left", "right")])
    names = [
        f"{side} {part} white matter" for side in ("left", "right") for part in ("cerebral", "cerebellar")
    ]
    whites = np.isin(labels, [index_of(name) for name in names] + [index_of("brainstem")])
    whites &= _full(maps.tissues["wm"], maps) > 0.6
    # distances are needed inside the brain alone, which fills a third of the template's box
    box = ndimage.find_objects(ndimage.binary_dilation(whites | ventricles, iterations=2).view(np.uint8))[0]
    distance = np.full(labels.shape, np.float32(1e3))
    distance[box] = ndimage.distance_transform_edt(~ventricles[box])
    places = np.argwhere(whites).astype(np.int32)
    slope = np.gradient(ndimage.gaussian_filter(distance[box], 2.0))
    away = np.stack([part[whites[box]] for part in slope], axis=1)
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    room = np.clip(1 - 2 * _full(maps.tissues["csf"], maps), 0, 1).astype(np.float32)
    return Ground(places, distance[whites], away, room, block_mean(distance, maps.factor))


@dataclass(frozen=True)
class Lesions:
    """Grow lesions; a layer as those of :mod:`mlmi2023.cohorts.sources.simulators.brain.layers`.

    Attributes:
        options: ``lesions`` of the simulator's options.
        ground: of :func:`survey`.
        contrast: factor on how much brighter than white matter lesions are; the scanner's.
    """

    options: dict[str, Any]
    ground: Ground
    contrast: float = 1.0

    def apply(self, subject: Subject, maps: Maps, rng: np.random.Generator) -> Subject:
        """Return the subject with lesions; volumes are those in the template's space."""
        own, ground = self.options, self.ground
        share = np.zeros(maps.labels.shape, np.float32)
        shade = np.zeros_like(share)
        near = np.exp(-ground.near / own["reach"])
        chance = (1 - own["elsewhere"]) * near / near.sum() + own["elsewhere"] / len(near)
        sizes = self._sizes(rng)
        for size, spot in zip(sizes, rng.choice(len(near), len(sizes), p=chance / chance.sum())):
            self._grow(share, shade, size, ground.places[spot], ground.away[spot], rng)
        # white and grey matter turn into lesions, fluid does not
        share *= ground.room
        labels = np.where(share > 0.5, np.uint8(LESION), maps.labels)
        coarse = block_mean(share, maps.factor)
        tissues = {name: tissue * (1 - coarse) for name, tissue in subject.tissues.items()}
        white = np.asarray(maps.tissues["wm"])
        halo = ndimage.gaussian_filter(coarse, own["halo"]["size"] / maps.factor) * white
        caps = np.exp(-np.asarray(ground.rim) / own["caps"]["size"]) * white
        tissues |= {"lesion": block_mean(share * (1 + shade), maps.factor), "halo": halo, "caps": caps}
        strength = float(rng.uniform(*own["caps"]["strength"]))
        bright = float(rng.uniform(*own["brightness"]))
        contrasts = {}
        for name, contrast in subject.contrasts.items():
            base = contrast.means["wm"]
            means = contrast.means | {
                "lesion": base + self.contrast * (bright - base),
                "halo": own["halo"]["strength"] * self.contrast,
                "caps": strength * (contrast.means["gm"] - base),
            }
            contrasts[name] = replace(contrast, means=means)
        return replace(subject, labels=labels, tissues=tissues, contrasts=contrasts)

    def _sizes(self, rng: np.random.Generator) -> np.ndarray:
        """Return the volume of each lesion in mm^3; number and total are drawn evenly on a log scale."""
        own = self.options
        low, high = np.log(own["count"])
        count = round(float(np.exp(rng.uniform(low, high))))
        load = 1000 * np.exp(rng.uniform(*np.log(own["load"])))
        parts = np.exp(own["spread"] * rng.standard_normal(count))
        return load * parts / parts.sum()

    def _grow(
        self,
        share: np.ndarray,
        shade: np.ndarray,
        size: float,
        place: np.ndarray,
        way: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        """Add one lesion: an uneven ellipsoid, long along the veins that leave the ventricles."""
        own = self.options
        radius = (size / BALL / own["stretch"]) ** (1 / 3)
        reach = int(np.ceil(radius * own["stretch"] * 1.6 + 2))
        box = tuple(slice(max(0, p - reach), min(n, p + reach + 1)) for p, n in zip(place, share.shape))
        lines = [np.arange(side.start, side.stop) - p for side, p in zip(box, place)]
        grid = np.stack(np.meshgrid(*lines, indexing="ij"))
        along = np.einsum("i,i...->...", way, grid)
        across = np.sqrt(np.maximum((grid**2).sum(axis=0) - along**2, 0))
        noise = ndimage.gaussian_filter(rng.standard_normal(grid.shape[1:]), max(radius / 2.5, 0.8))
        uneven = 0.18 * noise / max(float(noise.std()), 1e-6)
        off = np.hypot(along / own["stretch"], across) / radius * (1 + uneven)
        found = np.clip(0.5 + (1 - off) * radius / own["edge"], 0, 1).astype(np.float32)
        tone = np.float32(own["between"] * np.clip(rng.standard_normal(), -2, 2))
        view, tones = share[box], shade[box]
        tones[found > view] = tone
        np.maximum(view, found, out=view)


def _full(coarse: np.ndarray, maps: Maps) -> np.ndarray:
    """Return a map of the work grid on the label grid of 1 mm."""
    found = np.asarray(coarse)
    for axis, count in enumerate(maps.labels.shape):
        found = np.repeat(found, maps.factor, axis)
        found = found[tuple(slice(0, count if k == axis else None) for k in range(3))]
    return found
