"""A packed cohort of blobs that lie elsewhere in each subject, for tests of implicit_reg."""

from pathlib import Path

import numpy as np

from mlmi2023.cohorts.seal import seal

SHAPE = (16, 16, 16)
SPLITS = ["atlas", "train", "train", "train", "val", "val", "test", "test"]


def make_blobs(out: Path, modality: str = "T1w") -> Path:
    """Write the cohort; every subject has a large and a small blob with labels, and one landmark in each."""
    out.mkdir(parents=True)
    rng = np.random.default_rng(3)
    place = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    images = np.zeros((len(SPLITS), *SHAPE), np.float16)
    labels = np.zeros((len(SPLITS), *SHAPE), np.uint8)
    marks = np.zeros((len(SPLITS), 2, 3), np.float32)
    for row in range(len(SPLITS)):
        for number, (radius, value) in enumerate(((4.5, 0.5), (2.5, 1.0))):
            middle = np.array([5.0, 7.0, 8.0]) if number == 0 else np.array([11.0, 9.0, 7.0])
            marks[row, number] = middle = middle + rng.uniform(-1.2, 1.2, 3)
            inside = np.linalg.norm(place - middle, axis=-1) < radius
            images[row][inside], labels[row][inside] = value, number + 1
    np.save(out / f"{modality}.npy", images)
    np.save(out / "labels.npy", labels)
    np.save(out / "landmarks.npy", marks)
    about = {
        "name": "blobs",
        "subjects": [{"subject": f"s{i}", "split": split} for i, split in enumerate(SPLITS)],
        "modalities": [modality],
        "shape": SHAPE,
        "spacing": [2.0, 2.0, 2.0],
        "affine": np.diag([2.0, 2, 2, 1]).tolist(),
        "labels": {"1": "large", "2": "small"},
        "landmarks": ["large", "small"],
        "content_hash": "blobs",
    }
    seal(out, about, "")
    return out
