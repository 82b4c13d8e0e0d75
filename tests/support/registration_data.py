"""A packed cohort whose subjects are one template pulled through known fields, for tests of registration."""

from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from mlmi2023.cohorts.seal import seal
from mlmi2023.fields.displacement import identity_grid, warp
from mlmi2023.metrics.landmarks import move_points

SHAPE, SPACING = (20, 24, 16), (1.0, 2.0, 1.5)
NAMES = {1: "shell", 2: "core", 3: "spot", 9: "nowhere"}
SUBJECTS = {"a": "atlas", "b": "train", "c": "train", "d": "test", "e": "test"}


def template() -> tuple[np.ndarray, np.ndarray]:
    """Return an image and labels: ellipsoids off the centre and a spot; no mirror image or axis swap fits."""
    x, y, z = identity_grid(SHAPE)[0].numpy()
    labels = np.zeros(SHAPE, np.uint8)
    labels[((x - 9) / 7) ** 2 + ((y - 12) / 9) ** 2 + ((z - 7) / 6) ** 2 < 1] = 1
    labels[(x - 8) ** 2 + (y - 14) ** 2 + (z - 7) ** 2 < 12] = 2
    labels[abs(x - 12) + abs(y - 8) + abs(z - 6) < 3.5] = 3
    return gaussian_filter(np.array([0.0, 0.4, 0.9, 0.65])[labels], 0.7).astype(np.float32), labels


def true_field(seed: int) -> np.ndarray:
    """Return a smooth field (3, X, Y, Z), up to 3 voxels in the middle, of another size along each axis."""
    noise = np.random.default_rng(seed).standard_normal((3, *SHAPE))
    u = np.stack([gaussian_filter(part, 5) for part in noise])
    largest = np.abs(u[:, 5:-5, 5:-5, 4:-4]).max(axis=(1, 2, 3), keepdims=True)
    return (u / largest * np.array([3.0, 2.5, 2.0])[:, None, None, None]).astype(np.float32)


def make_warped(out: Path) -> tuple[Path, list[np.ndarray]]:
    """Write the cohort; return its folder and the field by row: ``subject(x) = atlas(x + u(x))``.

    Ten landmarks lie at x in each subject; the atlas has where those of subject d come from.
    """
    out.mkdir(parents=True)
    image, labels = template()
    fields = [np.zeros((3, *SHAPE), np.float32), *(true_field(seed) for seed in (1, 2, 3, 4))]
    pulled = [torch.from_numpy(u)[None] for u in fields]
    sources = [torch.from_numpy(a)[None, None] for a in (image, labels)]
    images = np.stack([warp(sources[0], u)[0, 0].numpy() for u in pulled])
    maps = np.stack([warp(sources[1], u, mode="nearest")[0, 0].numpy() for u in pulled])
    points = np.random.default_rng(0).uniform(5, 11, (10, 3))
    marks = np.stack([points] * len(fields))
    marks[0] = move_points(fields[3], points)
    for name, array in (("T1w", images), ("T2w", 1 - images)):
        np.save(out / f"{name}.npy", array.astype(np.float16))
    np.save(out / "labels.npy", maps)
    np.save(out / "landmarks.npy", marks.astype(np.float32))
    about = {
        "name": "warped",
        "subjects": [{"subject": name, "split": split} for name, split in SUBJECTS.items()],
        "modalities": ["T1w", "T2w"],
        "shape": SHAPE,
        "spacing": SPACING,
        "affine": np.diag([*SPACING, 1.0]).tolist(),
        "labels": {str(k): v for k, v in NAMES.items()},
        "landmarks": [str(i) for i in range(10)],
        "content_hash": "warped",
    }
    seal(out, about, "")
    return out, fields
