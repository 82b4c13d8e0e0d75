"""A folder of three small CT with labels, for tests of labelled scans, and what packs it."""

import nibabel as nib
import numpy as np

from mlmi2023.cohorts.forms.scans import form as scans
from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.cohorts.forms.volumes.reader import open_packed

SHAPE, AFFINE = (12, 14, 10), np.diag([2.0, 2.0, 4.0, 1.0])
GROUP = {
    "image": "s{subject}.nii.gz",
    "labels": "l{subject}.nii.gz",
    "split": {"train": 1, "val": 1, "test": 1},
}
CT = {"window": [-200, 300], "groups": [GROUP]}
ALIGNED = {**CT, "spacing": [2.0, 2.0, 4.0], "shape": list(SHAPE), "align": False}


def ct(seed=0):
    """Air around a body, in Hounsfield units, and two organs."""
    draw = np.random.default_rng(seed)
    labels = np.zeros(SHAPE, np.int16)
    labels[3:6, 4:9, 2:8], labels[7:10, 4:9, 2:8] = 1, 2
    body = np.zeros(SHAPE, bool)
    body[2:11, 2:12] = True
    hu = np.where(labels > 0, 60.0 * labels, np.where(body, -80.0, -1000.0)) + draw.normal(0, 10, SHAPE)
    return hu.astype(np.float32), labels


def save(path, array, affine=AFFINE, change=None):
    image = nib.Nifti1Image(array, affine)
    if change:
        change(image.header)
    image.to_filename(path)
    return path


def make(folder):
    """Write images s0 to s2 and label maps l0 to l2."""
    for n in range(3):
        hu, labels = ct(n)
        save(folder / f"s{n}.nii.gz", hu)
        save(folder / f"l{n}.nii.gz", labels)
    return folder


def pack(folder, form=scans, **read):
    base = CT if form is scans else ALIGNED
    form.pack({"kind": "folder", "read": {**base, **read}}, folder, folder / "out", "mine")
    return (open_scans if form is scans else open_packed)(folder / "out")
