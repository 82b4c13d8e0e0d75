"""Tiny packed glands: one image shows them, the other nothing."""

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.scans.form import pack
from mlmi2023.core.jobs import Job

TASK = {"kind": "gland", "patch": [8, 8, 8]}
NET = {"name": "dospy_residual_usenet", "features": [2, 4], "reduction": 2, "bins": [2, 1]}


def glands(root, count=10, folds=0):
    """Pack ``count`` scans of 8^3 with the images ``seen`` and ``blank``."""
    rng = np.random.default_rng(0)
    for number in range(count):
        mask = np.zeros((8, 8, 8), np.uint8)
        x, y, z = rng.integers(1, 4, 3)
        mask[x : x + 4, y : y + 4, z : z + 4] = 1
        for name, image in (("seen", 100.0 * mask), ("blank", np.zeros(mask.shape))):
            write_volume(root / f"{number}_{name}.nii.gz", image + rng.normal(20, 3, mask.shape), np.eye(4))
        write_volume(root / f"{number}_seg.nii.gz", mask, np.diag([1.0, 1.0, 1.0, 1.0]))
    images = {name: f"{{subject}}_{name}.nii.gz" for name in ("seen", "blank")}
    split = "all" if folds else {"train": count - 4, "val": 2, "test": 2}
    read = {
        "scale": "zscore",
        "groups": [{"images": images, "labels": "{subject}_seg.nii.gz", "split": split}],
    }
    own = {"folds": {"count": folds, "seed": 1}} if folds else {}
    pack({"kind": "folder", "read": read, "label_names": {1: "gland"}, **own}, root, root / "packed", "tiny")
    return root / "packed"


def job(data, method="ax", inputs=("seen",), **keys):
    """Return a job on such a cohort; other keys are the job's own."""
    own = {"kind": "learned", "inputs": list(inputs), "net": NET}
    train = {"positive": 1.0, "loss": {"kind": "dice_cross_entropy"}, "deep": [1.0, 0.5]}
    base = {"task": TASK, "method_options": own, "train": train, "device": "cpu"}
    return Job("prostate_mpmri", "prostatex", method, 0, data, **{**base, **keys})
