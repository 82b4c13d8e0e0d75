"""A job on a few hand-made images in MedMNIST's layout, and networks of a few channels."""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.labelled_images.form import pack
from mlmi2023.core.jobs import Job

SIDE = 28
COUNTS = {"train": 24, "val": 12, "test": 9}
NET = {"width": 4}
BRANCHES = {"kind": "learned", "model": "two_branches", "net": NET}
AE = {"kind": "learned", "model": "one_branch", "net": NET}
RESNET = {"kind": "learned", "model": "supervised", "blocks": [1, 1, 1, 1], "width": 4}
TASK: dict[str, Any] = {"kind": "orthogonalize"}
TRAIN = {
    "steps": 8,
    "epoch_steps": 2,
    "batch": 6,
    "betas": [0.95, 0.999],
    "cycle": {"rates": [0.0001, 0.01], "half": 1},
}


def archive(file: Path, channels: int = 3, counts: dict[str, int] | None = None, classes: int = 3) -> None:
    """Write images with a bright bar at a place that tells the class."""
    rng, arrays = np.random.default_rng(0), {}
    for split, count in (counts or COUNTS).items():
        labels = np.arange(count) % classes
        images = rng.integers(40, 80, (count, SIDE, SIDE, channels)).astype(np.uint8)
        for image, label in zip(images, labels):
            image[:, 8 * label + 3 : 8 * label + 8] += 120
        arrays[f"{split}_images"] = images if channels == 3 else images[..., 0]
        arrays[f"{split}_labels"] = labels[:, None].astype(np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **arrays)


def cohort(place: Path, **kind: Any) -> Path:
    """Write and pack such images."""
    archive(place / "raw/images.npz", **kind)
    names = ["left", "middle", "right"][: kind.get("classes", 3)]
    config = {"kind": "folder", "form": "labelled_images", "read": {"classes": names}}
    pack(config, place / "raw", place / "packed", "hand_made")
    return place / "packed"


def job(
    data: Path, method: dict[str, Any], stage: str = "main", previous: Path | None = None, **task: Any
) -> Job:
    """Return the job of training a method."""
    return Job(
        "unoranic",
        "blood",
        "some",
        0,
        data,
        stage=stage,
        previous=previous,
        task={**TASK, **task},
        method_options=method,
        train=TRAIN,
    )
