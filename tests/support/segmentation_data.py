"""Tiny packed cohorts for the segmentation family, in which brightness tells structures apart."""

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.scans.form import pack
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.jobs import Job

SPLITS = ["train"] * 4 + ["val"] * 2 + ["test"] * 3


def images(root, classes):
    """Pack nine grey images of 24 x 20 with one square of each class; brightness is 80 times the class."""
    rng = np.random.default_rng(0)
    masks = np.zeros((len(SPLITS), 24, 20), np.uint8)
    for mask in masks:
        for number in range(classes):
            row, column = rng.integers(1, 4), rng.integers(1 + 6 * number, 3 + 6 * number)
            mask[row + 6 * number : row + 6 * number + 5, column : column + 4] = number + 1
    np.save(root / "images.npy", (80 * masks)[..., None].astype(np.uint8))
    np.save(root / "masks.npy", masks)
    about = {
        "name": "tiny", "form": "images", "classes": [f"c{n}" for n in range(classes)], "facts": [],
        "content_hash": "0" * 12,
        "subjects": [{"subject": f"s{n}", "split": split} for n, split in enumerate(SPLITS)],
    }  # fmt: skip
    seal(root, about, "")
    return root


def scans(root, missing=None):
    """Pack nine scans of 10 x 12 x 9 with channels ``A`` and ``B``: A is 1 in structure 1, B in structure 2.

    Elsewhere both are 0.25. The channel B of the scan ``missing`` is not there.
    """
    rng = np.random.default_rng(0)
    members: dict[str, list[str]] = {}
    for number, split in enumerate(SPLITS):
        members.setdefault(split, []).append(str(number))
        labels = np.zeros((10, 12, 9), np.uint8)
        x, y, z = rng.integers(1, 3, 3)
        labels[x : x + 3, y : y + 4, z : z + 5], labels[x + 4 : x + 7, y + 3 : y + 8, z : z + 4] = 1, 2
        for value, name in ((1, "A"), (2, "B")):
            if (number, name) != (missing, "B"):
                image = np.where(labels == value, 100.0, 25.0)
                write_volume(root / f"{number}_{name}.nii.gz", image, np.eye(4))
        write_volume(root / f"{number}_seg.nii.gz", labels, np.eye(4))
    group = {
        "images": {name: f"{{subject}}_{name}.nii.gz" for name in ("A", "B")},
        "labels": "{subject}_seg.nii.gz",
        "split": members,
    }
    read = {"window": [0, 100], "missing": "zero", "groups": [group]}
    pack({"kind": "folder", "read": read, "label_names": {1: "one", 2: "two"}}, root, root / "packed", "tiny")
    return root / "packed"


def job(data, kind="learned", **keys):
    """Return a job on a tiny cohort; keys of ``net``, ``task`` and ``train`` are laid on small ones."""
    task = {
        "size": [24, 20],
        "normalise": "unit",
        "patch": [8, 8, 8],
        "overlap": 0.25,
        **keys.pop("task", {}),
    }
    train = {"steps": 2, "epoch_steps": 1, "batch": 2, "learning_rate": 0.01, "optimiser": "adamw",
             "monitor": "val_dice", "positive": 0.5, **keys.pop("train", {})}  # fmt: skip
    options = {"kind": kind, "net": {"name": "monai_unet", "features": [4, 8]}, **keys.pop("options", {})}
    return Job("relational_unet", "d", keys.pop("method", kind), 0, data, task=task, train=train,
               method_options=options, device="cpu", **keys)  # fmt: skip
