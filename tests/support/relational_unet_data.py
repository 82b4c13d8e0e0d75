"""Tiny cohorts of the form `scans` for tests: organs by brightness, or bright lesions in a dim head."""

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.scans.form import pack
from mlmi2023.core.jobs import Job

ORGANS = {
    "kind": "organs",
    "patch": [8, 12, 12],
    "overlap": 0.0,
    "val": "val",
    "tested": ["test"],
    "within": 0,
}
LESIONS = {
    "kind": "lesions",
    "patch": [8, 8, 8],
    "overlap": 0.0,
    "gaussian": True,
    "val": "dev_in",
    "tested": ["dev_in", "dev_out"],
    "settings": {"dev_in": "dev-in", "dev_out": "dev-out"},
    "share": 0.001,
    "least": 2,
}
TRAIN = {
    "steps": 2,
    "epoch_steps": 1,
    "batch": 2,
    "learning_rate": 0.01,
    "optimiser": "adamw",
    "monitor": "val_dice",
    "mode": "max",
    "positive": 0.5,
    "loss": {"kind": "dice_cross_entropy", "background": True, "squared": True},
    "augment": {"flip": 0.5, "turn": 0.5, "gain": 0.1, "shift": 0.1},
}
RUNET = {
    "kind": "learned",
    "net": {"name": "relational_unet", "features": [4, 8], "window": [3, 3, 3], "heads": 2},
}


def cohort(root, splits, lesions=False):
    """Pack scans of 12 x 12 x 10 voxels, one per split in turn."""
    rng = np.random.default_rng(0)
    for number in range(len(splits)):
        shape = (12, 12, 10 + number % 2)
        labels = np.zeros(shape, np.uint8)
        image = rng.normal(10, 1, shape)
        if lesions:
            image[0] = 0
            labels[3:6, 3:6, 2:5] = 1
            image[labels > 0] += 12
        else:
            labels[2:6, 2:6, 2:8], labels[7:11, 3:8, 2:8] = 1, 2
            image[labels == 1] += 30
            image[labels == 2] += 60
        write_volume(root / f"i{number}.nii.gz", image, np.eye(4))
        write_volume(root / f"l{number}.nii.gz", labels, np.eye(4))
    group = {"image": "i{subject}.nii.gz", "labels": "l{subject}.nii.gz"}
    members: dict[str, list[str]] = {}
    for number, split in enumerate(splits):
        members.setdefault(split, []).append(str(number))
    scaling = {"scale": "zscore"} if lesions else {"window": [0, 80]}
    read = {**scaling, "groups": [{**group, "split": members}]}
    names = {1: "lesion"} if lesions else {1: "gallbladder", 2: "liver"}
    pack({"kind": "folder", "read": read, "label_names": names}, root, root / "packed", "tiny")
    return root / "packed"


def job(data, method="runet", options=None, task=None, **keys):
    """Return a job on a tiny cohort."""
    return Job(
        paper="relational_unet",
        dataset=keys.pop("dataset", "btcv"),
        method=method,
        seed=0,
        data=data,
        task=dict(task or ORGANS),
        method_options=dict(options or RUNET),
        train=dict(keys.pop("train", TRAIN)),
        device="cpu",
        **keys,
    )
