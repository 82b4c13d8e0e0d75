"""What all subjects of a cohort share, derived from the template once.

Worker processes get it as memory-mapped files: nothing is derived or held twice.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.brain.labels import index_of, label_template, structures
from mlmi2023.cohorts.sources.simulators.brain.template import Template, load_template

VELOCITY_MM = 4  # grid of velocity fields, which are smooth at that scale
SUBARACHNOID_MM = 2.5  # cerebrospinal fluid between brain and skull
SOFT, FAT = 0.55, 1.05  # T1 of muscle and of fat in the template, of white matter
TEMPLATE_T1 = {
    "gm": 0.75,
    "wm": 1.0,
    "csf": 0.30,
}  # fit of the template's T1 on its tissue maps
BOUNDARY_SHARE = 0.5  # of the landmarks


@dataclass(frozen=True)
class Maps:
    """Shared maps. The work grid is as fine as the images need; labels stay at 1 mm.

    Attributes:
        labels: (X, Y, Z) uint8, 1 mm.
        label_affine: voxel to world, 4 x 4.
        tissues: name -> fraction in [0, 1], float32, work grid: gm, wm, csf, soft, fat, vitreous.
        texture: template T1 minus what its tissues explain, work grid.
        brain: brain mask as a fraction, work grid.
        affine: voxel to world of the work grid, 4 x 4.
        factor: size of a voxel of the work grid in mm.
        pull: (3, x, y, z) vectors towards the lateral ventricles on the velocity grid, longest 1 mm.
        velocity_affine: voxel to world of the velocity grid, 4 x 4.
        landmarks: (K, 3) template mm.
        landmark_names: K names.
    """

    labels: np.ndarray
    label_affine: np.ndarray
    tissues: dict[str, np.ndarray]
    texture: np.ndarray
    brain: np.ndarray
    affine: np.ndarray
    factor: int
    pull: np.ndarray
    velocity_affine: np.ndarray
    landmarks: np.ndarray
    landmark_names: list[str]

    def save(self, folder: Path) -> None:
        """Write the maps as ``.npy`` files that :func:`open_maps` memory-maps."""
        plain: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                np.save(folder / f"{field.name}.npy", value)
            elif field.name == "tissues":
                for name, tissue in value.items():
                    np.save(folder / f"tissue-{name}.npy", tissue)
            else:
                plain[field.name] = value
        (folder / "plain.json").write_text(json.dumps(plain))


def open_maps(folder: Path) -> Maps:
    """Open what :meth:`Maps.save` wrote."""
    arrays: dict[str, Any] = {"tissues": {}, **json.loads((folder / "plain.json").read_text())}
    for path in sorted(folder.glob("*.npy")):
        array = np.load(path, mmap_mode="r")
        if path.stem.startswith("tissue-"):
            arrays["tissues"][path.stem.removeprefix("tissue-")] = array
        else:
            arrays[path.stem] = array
    return Maps(**arrays)


def build_maps(spacing: float, landmarks: int) -> Maps:
    """Derive the shared maps.

    Args:
        spacing: smallest voxel size of the images, mm; the work grid has half of it or 1 mm.
        landmarks: number of landmarks.
    """
    template = load_template()
    factor = max(1, round(spacing / 1.5))
    labels = label_template(template)
    tissues = _tissues(template)
    brain = template.brain.astype(np.float32)
    explained = sum(TEMPLATE_T1[name] * tissues[name] for name in TEMPLATE_T1)
    texture = np.where(template.brain, template.t1 - explained, 0).astype(np.float32)
    affine = template.affine.copy()
    affine[:3, :3] *= factor
    affine[:3, 3] += (factor - 1) / 2
    points, names = _landmarks(labels, template, landmarks)
    pull, velocity_affine = _pull(labels, template)
    return Maps(
        labels=labels,
        label_affine=template.affine,
        tissues={name: block_mean(volume, factor) for name, volume in tissues.items()},
        texture=block_mean(texture, factor),
        brain=block_mean(brain, factor),
        affine=affine,
        factor=factor,
        pull=pull,
        velocity_affine=velocity_affine,
        landmarks=points,
        landmark_names=names,
    )


def block_mean(volume: np.ndarray, factor: int) -> np.ndarray:
    """Average blocks of ``factor`` voxels along each axis: (X, Y, Z) -> float32 (ceil(X/f), ...)."""
    volume = np.asarray(volume, np.float32)
    if factor == 1:
        return volume
    volume = np.pad(volume, [(0, -n % factor) for n in volume.shape], mode="edge")
    for axis in range(3):
        shape = list(volume.shape)
        shape[axis : axis + 1] = [shape[axis] // factor, factor]
        volume = volume.reshape(shape).mean(axis=axis + 1)
    return volume


def _tissues(template: Template) -> dict[str, np.ndarray]:
    """Split the whole head into tissues; what is left to 1 is bone or air, which give no signal."""
    brain = template.brain
    skull = ndimage.find_objects(template.inner.view(np.uint8))[0]
    box = tuple(slice(max(axis.start - 6, 0), axis.stop + 6) for axis in skull)
    outside = np.full(brain.shape, np.inf, np.float32)
    outside[box] = ndimage.distance_transform_edt(~brain[box])
    fluid = np.clip(1.5 - outside / SUBARACHNOID_MM, 0, 1)
    fluid[template.inner] = 1
    fluid[brain] = 0
    head = np.where(brain, 0, template.head * (1 - fluid)).astype(np.float32)
    fat = np.clip((head - SOFT) / (FAT - SOFT), 0, 1.2)
    soft = np.clip(head / SOFT, 0, 1) - fat
    x, y, z = template.world()
    from_eye = np.sqrt((np.abs(x) - 33) ** 2 + (y - 57) ** 2 + (z + 36) ** 2)
    eye = np.clip(13 - from_eye, 0, 1) * ~template.inner
    inside = np.where(brain, 1, 0).astype(np.float32)
    return {
        "gm": template.gm * inside,
        "wm": template.wm * inside,
        "csf": np.where(brain, 1 - template.gm - template.wm, fluid).astype(np.float32),
        "soft": (soft * (1 - eye)).astype(np.float32),
        "fat": (fat * (1 - eye)).astype(np.float32),
        "vitreous": eye.astype(np.float32),
    }


def _pull(labels: np.ndarray, template: Template) -> tuple[np.ndarray, np.ndarray]:
    """Return the field that draws tissue towards the lateral ventricles, and its voxel to world matrix."""
    ventricle = np.isin(labels, [index_of(f"{side} lateral ventricle") for side in ("left", "right")])
    affine = template.affine.copy()
    affine[:3, :3] *= VELOCITY_MM
    affine[:3, 3] += (VELOCITY_MM - 1) / 2
    smooth = ndimage.gaussian_filter(block_mean(ventricle, VELOCITY_MM), 9 / VELOCITY_MM)
    field = np.stack(np.gradient(smooth)).astype(np.float32)
    return field / np.sqrt((field**2).sum(0)).max(), affine


def _landmarks(labels: np.ndarray, template: Template, count: int) -> tuple[np.ndarray, list[str]]:
    """Choose landmarks: half on the borders of the structures in turn, half anywhere in tissue.

    Random but fixed: every cohort has the same ones.
    """
    rng = np.random.default_rng(152)
    rows = structures()
    short = {row.index: row.abbreviation for row in rows}
    border = ndimage.morphological_gradient(labels, size=3) > 0
    border &= template.brain
    corners = np.argwhere(border)
    owners = labels[border]
    points, names = [], []
    for place in range(int(count * BOUNDARY_SHARE)):
        row = rows[place % len(rows)]
        candidates = corners[owners == row.index]
        points.append(candidates[rng.integers(len(candidates))])
        names.append(f"{row.abbreviation} border {place // len(rows) + 1}")
    tissue = np.argwhere(template.gm + template.wm > 0.9)
    for voxel in tissue[rng.choice(len(tissue), count - len(points), replace=False)]:
        points.append(voxel)
        names.append(f"{short.get(int(labels[tuple(voxel)]), 'brain')} inside {len(points)}")
    return np.array(points) @ template.affine[:3, :3].T + template.affine[:3, 3], names
