"""Two domains of blobs and the cohort that joins them, for tests of nio_reg and of joined cohorts."""

from pathlib import Path

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.forms.joined import form as joined
from mlmi2023.cohorts.seal import seal

SHAPE = (16, 16, 16)
SPLITS = ["train", "train", "train", "val", "val", "test", "test", "test"]
CONFIG = {
    "kind": "joined",
    "form": "joined",
    "parts": {"a": {"cohort": "blobs_a"}, "b": {"cohort": "blobs_b", "labels": [1, 2]}},
}
ACROSS = {
    "kind": "atlas",
    "learn": "a",
    "test": "b",
    "atlases": 1,
    "image": "T1w",
    "loss": {"window": 5, "weight": 0.4},
    "metrics": ["dsc", "dsc30", "std_jac", "tre", "t_test"],
}


def make_blobs(out: Path, name: str, seed: int, values=(0.5, 1.0), labels=(1, 2, 5)) -> Path:
    """Write a packed cohort; every subject has two labelled blobs, one with a core, with landmarks."""
    out.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    place = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    images = np.zeros((len(SPLITS), *SHAPE), np.float16)
    maps = np.zeros((len(SPLITS), *SHAPE), np.uint8)
    marks = np.zeros((len(SPLITS), 2, 3), np.float32)
    for row in range(len(SPLITS)):
        for number, (radius, value) in enumerate(zip((4.5, 2.5), values)):
            middle = np.array([5.0, 7.0, 8.0]) if number == 0 else np.array([11.0, 9.0, 7.0])
            marks[row, number] = middle = middle + rng.uniform(-1.2, 1.2, 3)
            inside = np.linalg.norm(place - middle, axis=-1) < radius
            images[row][inside], maps[row][inside] = value, labels[number]
        images[row] = ndimage.gaussian_filter(images[row].astype(np.float32), 1.0)
        maps[row][np.linalg.norm(place - marks[row, 0], axis=-1) < 2.2] = labels[2]
    np.save(out / "T1w.npy", images)
    np.save(out / "labels.npy", maps)
    np.save(out / "landmarks.npy", marks)
    about = {
        "name": name,
        "subjects": [{"subject": f"{i:02d}", "split": split} for i, split in enumerate(SPLITS)],
        "modalities": ["T1w"],
        "shape": SHAPE,
        "spacing": [2.0, 2.0, 2.0],
        "affine": np.diag([2.0, 2, 2, 1]).tolist(),
        "labels": {str(v): text for v, text in zip(labels, ("large", "small", "core"))},
        "landmarks": ["large", "small"],
        "content_hash": name,
    }
    seal(out, about, "")
    return out


def make_joined(root: Path) -> Path:
    """Write both domains and return the packed cohort that joins them."""
    make_blobs(root / "blobs_a/packed", "blobs_a", 1)
    make_blobs(root / "blobs_b/packed", "blobs_b", 2, values=(0.9, 0.3))
    joined.pack(CONFIG, root, root / "blobs/packed", "blobs")
    return root / "blobs/packed"
