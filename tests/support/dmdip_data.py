"""A packed cohort of two infants of 16 x 4 x 16 voxels, and jobs on it."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.seal import seal
from mlmi2023.core.jobs import Job

NET = {"inputs": 4, "levels": 2, "width": 6, "skip": 2}
TASK = {
    "kind": "super_resolution",
    "modalities": ["T1w", "T2w"],
    "plane": "coronal",
    "slices": 1,
    "slice_seed": 1,
    "least_brain": 0.05,
    "factors": [2, 4],
    "subjects": "all",
    "ages": [3, 12],
}
ALONE = {"kind": "learned", "modalities": "alone", "replacement": False, "net": NET, "noise": 0.1,
         "jitter": 0.03, "timed": 1}  # fmt: skip
TOGETHER = {**ALONE, "modalities": "together", "replacement": True, "net": {**NET, "trunk": 1}}


@cache
def packed_cohort(modalities=("T1w", "T2w"), edge=16):
    """Write images in [0, 1] in which both modalities share their shapes; return the folder."""
    folder = Path(tempfile.mkdtemp(prefix="dmdip-"))
    random = np.random.default_rng(0)
    shape = (edge, 4, edge)
    for number, modality in enumerate(modalities):
        images = []
        for subject in range(2):
            shared = np.random.default_rng(subject).standard_normal(shape)
            blobs = ndimage.gaussian_filter(shared, (1.5, 0.5, 1.5)) > 0
            head = np.hypot(*np.meshgrid(*[np.linspace(-1.2, 1.2, edge)] * 2)) < 0.9
            image = np.where(blobs, 0.9, 0.5) if number == 0 else np.where(blobs, 0.4, 0.8)
            images.append(image * head[:, None] + 0.02 * random.random(shape))
        np.save(folder / f"{modality}.npy", np.stack(images).clip(0, 1).astype(np.float16))
    seal(
        folder,
        {
            "name": "tiny", "modalities": list(modalities), "shape": shape, "spacing": [1, 1, 1],
            "affine": np.eye(4).tolist(), "labels": {}, "landmarks": [],
            "subjects": [{"subject": f"s{k}", "split": "test"} for k in range(2)],
        },
        "",
    )  # fmt: skip
    return folder


def job(method="dip", options=None, task=None, seed=0, data=None, used=None, **train):
    """Return a job of some iterations on the tiny cohort."""
    schedule = {"steps": 4, "epoch_steps": 2, "batch": 8, "learning_rate": 0.01, "monitor": "", **train}
    return Job(
        paper="dmdip",
        dataset="bcp",
        method=method,
        seed=seed,
        data=data or packed_cohort(),
        task=task or TASK,
        method_options=options or ALONE,
        train=schedule,
        used=used or {},
        device="cpu",
    )
