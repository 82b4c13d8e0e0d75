"""Tiny packed cohorts of scans and images, and jobs on them."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from mlmi2023.cohorts.seal import seal
from mlmi2023.core.jobs import Job

ORGANS = {"liver": 6, "spleen": 1, "aorta": 8}
NET = {
    "name": "fet", "attention": "fet", "bridge": 1, "widths": [8, 16, 24, 32], "heads": [1, 2, 2, 4],
    "decoder_heads": [4, 2, 1], "depths": [1, 1, 1, 1],
}  # fmt: skip
STEPS = {
    "steps": 4, "epoch_steps": 2, "batch": 4, "optimiser": "sgd", "learning_rate": 0.05, "momentum": 0.9,
    "decay": "poly", "loss": {"kind": "dice_cross_entropy", "weights": [0.6, 0.4], "background": True},
    "augment": {
        "flip": [0.25, 0.25], "quarter": 0.375, "warp": 0.25, "rotate": 20, "border": "zeros", "fill": -1,
    },
}  # fmt: skip
SUBJECTS = [("a", "train"), ("b", "train"), ("c", "test"), ("d", "test"), ("e", "test")]


@cache
def scans() -> Path:
    """Five scans of (40, 30, 6) voxels: three organs of different brightness, one that is not scored."""
    out = Path(mkdtemp(prefix="fet-scans-"))
    random = np.random.default_rng(0)
    x, y, z = np.mgrid[:40, :30, :6]
    images, maps = [], []
    for _ in SUBJECTS:
        labels = np.zeros((40, 30, 6), np.uint8)
        for value, (cx, cy, radius) in {6: (10, 14, 7), 1: (28, 16, 5), 8: (20, 6, 3), 3: (34, 6, 3)}.items():
            move = random.integers(-2, 3, 2)
            inside = (x - cx - move[0]) ** 2 + (y - cy - move[1]) ** 2 < radius**2
            labels[inside & (z > 0)] = value
        image = 0.2 + labels / 16 + 0.03 * random.standard_normal(labels.shape)
        images.append(np.clip(image, 0, 1).astype(np.float16).ravel())
        maps.append(labels.ravel())
    np.save(out / "CT.npy", np.concatenate(images))
    np.save(out / "labels.npy", np.concatenate(maps))
    rows = [
        {"subject": s, "split": split, "site": "", "shape": [40, 30, 6], "spacing": [2.0, 3.0, 5.0]}
        for s, split in SUBJECTS
    ]
    names = {"1": "Spleen", "3": "Left kidney", "6": "Liver", "8": "Aorta"}
    about = {
        "name": "tiny", "form": "scans", "subjects": rows, "modalities": ["CT"], "labels": names, "facts": [],
        "content_hash": "0" * 12,
    }  # fmt: skip
    seal(out, about, "")
    return out


@cache
def images() -> Path:
    """Twelve colour images of 48 x 64 with one dark blob each."""
    out = Path(mkdtemp(prefix="fet-images-"))
    random = np.random.default_rng(1)
    rows, columns = np.mgrid[:48, :64]
    masks = np.stack(
        [
            (rows - random.integers(16, 32)) ** 2 + (columns - random.integers(20, 44)) ** 2 < 100
            for _ in range(12)
        ]
    ).astype(np.uint8)
    light = 180 - 90 * masks[..., None] + random.integers(-20, 20, (12, 48, 64, 3))
    np.save(out / "images.npy", light.astype(np.uint8))
    np.save(out / "masks.npy", masks)
    splits = ["train"] * 7 + ["val"] * 2 + ["test"] * 3
    about = {
        "name": "tiny", "form": "images", "classes": ["lesion"], "content_hash": "1" * 12, "facts": [],
        "subjects": [{"subject": f"s{n}", "split": split} for n, split in enumerate(splits)],
    }  # fmt: skip
    seal(out, about, "")
    return out


def job(method="fet", options=None, dataset="synapse", **more) -> Job:
    data = more.pop("data", None) or (scans() if dataset == "synapse" else images())
    task = more.pop("task", None) or {"kind": "slices", "size": [32, 32]}
    if dataset == "synapse":
        task = {"organs": ORGANS, **task}
    return Job(
        "fine_grained_wavelet", dataset, method, more.pop("seed", 0), data, task=task, device="cpu",
        method_options=options or {"kind": "learned", "net": NET}, train=more.pop("train", STEPS), **more,
    )  # fmt: skip
