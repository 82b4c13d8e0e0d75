"""Small packed cohorts of magnet without a simulator: balls of three shells, and jobs on them."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.classed_scans import form as classed
from mlmi2023.cohorts.forms.scans.form import pack
from mlmi2023.core.jobs import Job

ENDINGS = {"FLAIR": "flair", "T1": "t1", "T1c": "t1ce", "T2": "t2"}
IMAGES = {name: f"{{subject}}/{{subject}}_{ending}.nii.gz" for name, ending in ENDINGS.items()}
#: brightness of brain, core, oedema and rim in each contrast
SHADES = {"FLAIR": (5, 5, 9, 8), "T1": (6, 5, 5.5, 5), "T1c": (6, 5, 5.5, 12), "T2": (4, 9, 8, 7)}
SIDE = 16


def brain(rng, rim=1.2):
    """Return labels of BraTS and the four contrasts of a head of 16 voxels a side."""
    grid = np.indices((SIDE,) * 3).astype(float)
    away = np.sqrt(((grid - rng.uniform(6.5, 8.5, 3).reshape(3, 1, 1, 1)) ** 2).sum(0))
    labels = np.select([away < 3.5 - rim, away < 3.5, away < 5.5], [1, 4, 2], 0).astype(np.uint8)
    head = np.sqrt(((grid - 7.5) ** 2).sum(0)) < 7.8
    labels *= head
    table = {1: 1, 2: 2, 4: 3}
    images = {}
    for name, shades in SHADES.items():
        image = np.full(labels.shape, float(shades[0]))
        for value, place in table.items():
            image[labels == value] = shades[place]
        images[name] = np.where(head, 100 * (image + 0.3 * rng.standard_normal(labels.shape)), 0)
    return labels, images


def write(place, name, rng, rim=1.2):
    labels, images = brain(rng, rim)
    for contrast, image in images.items():
        write_volume(place / name / f"{name}_{ENDINGS[contrast]}.nii.gz", image, np.eye(4))
    write_volume(place / name / f"{name}_seg.nii.gz", labels, np.eye(4))


@cache
def scans(lost: str = "") -> Path:
    """Pack eight scans; of the first tested one an image may be ``lost``."""
    place, rng = Path(mkdtemp(prefix="gliomas-")), np.random.default_rng(0)
    names = [f"p{number}" for number in range(8)]
    for name in names:
        write(place, name, rng)
    if lost:
        (place / "p6" / f"p6_{ENDINGS[lost]}.nii.gz").unlink()
    group = {
        "images": IMAGES, "labels": "{subject}/{subject}_seg.nii.gz",
        "split": {"train": names[:4], "val": names[4:6], "test": names[6:]},
    }  # fmt: skip
    read = {"scale": "zscore", "missing": "zero", "groups": [group]}
    config = {"kind": "folder", "form": "scans", "read": read}
    config["label_names"] = {1: "core", 2: "oedema", 4: "rim"}
    pack(config, place, place / "packed", "gliomas")
    return place / "packed"


CLASSED = {
    "kind": "folder", "form": "classed_scans", "folds": {"count": 2, "seed": 0},
    "read": {
        "images": IMAGES, "shape": [SIDE] * 3, "classes": {"0": "thin", "1": "thick"},
        "table": {"file": "classes.csv", "subject": "id", "target": "value", "known": "chance"},
    },
}  # fmt: skip


@cache
def patients(known: bool = True) -> Path:
    """Pack twelve patients, whose rim is thick in every second one; return the packed folder."""
    place, rng = Path(mkdtemp(prefix="classed-")), np.random.default_rng(1)
    lines = ["id,value,chance"]
    for number in range(12):
        write(place, f"q{number}", rng, rim=2.2 if number % 2 else 0.9)
        lines.append(f"q{number},{number % 2},{0.2 + 0.6 * (number % 2) if known else ''}")
    (place / "classes.csv").write_text("\n".join(lines) + "\n")
    classed.pack(CLASSED, place, place / "packed", "patients")
    return place / "packed"


NET = {"patch": 8, "features": 2, "hidden": 12, "mlp": 16, "heads": 2, "layers": 4}
BOTH = {"adversarial": {"widths": [8]}, "correlation": {"widths": [8, 8, 4], "queue": 4}}
OPTIONS = {
    "magnet": {"kind": "learned", "model": "magnet", "net": NET, **BOTH},
    "base": {"kind": "learned", "model": "magnet", "net": NET},
    "base_adv": {"kind": "learned", "model": "magnet", "net": NET, "adversarial": {"widths": [8]}},
    "u_hemis": {"kind": "learned", "model": "hemis", "widths": [2, 4]},
    "u_hved": {"kind": "learned", "model": "hved", "widths": [2, 4]},
    "acn": {
        "kind": "learned", "model": "acn", "widths": [2, 4], "critics": 2, "subsets": ["t1c", "flair+t2"],
    },
    "resnet50": {"kind": "learned", "model": "resnet50", "planes": [2, 2, 2, 2], "stride": 2},
    "eff3d": {"kind": "learned", "model": "efficientnet", "width": 0.1},
    "observer": {"kind": "observer"},
    "majority": {"kind": "majority"},
    "background": {"kind": "background"},
    "truth": {"kind": "truth"},
}  # fmt: skip
SEGMENT = {"kind": "segmentation", "size": [SIDE] * 3, "validated": ["flair+t1+t1c+t2", "t1c"]}
CLASSIFY = {"kind": "methylation", "settings": ["t1c", "flair+t1+t1c+t2"], "held": 0.3}
TRAIN = {"steps": 4, "epoch_steps": 2, "batch": 2, "learning_rate": 0.01, "critic_rate": 0.01}


def job(method="magnet", data=None, **more):
    """Return a job of segmentation."""
    train = {**TRAIN, **({} if method == "acn" else {"monitor": "val_dice"})}
    keys = {"train": train, "method_options": OPTIONS[method], "task": SEGMENT, **more}
    return Job("magnet", "brats2018", method, 0, data or scans(), device="cpu", **keys)


def class_job(method="magnet", data=None, **more):
    """Return a job of classification."""
    keys = {"train": TRAIN, "method_options": OPTIONS[method], "task": CLASSIFY, **more}
    return Job("magnet", "brats2021", method, 0, data or patients(), device="cpu", **keys)
