"""A tiny cohort of volumes that vary smoothly from row to row, and jobs on it."""

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.volumes.reader import pack
from mlmi2023.core.jobs import Job

SHAPE = (25, 12, 14)
TASK = {
    "kind": "slice_filling",
    "modality": "T1w",
    "plane": "sagittal",
    "profile": {"kind": "box", "thickness": 1.0},
    "train_factors": [2, 3],
    "factors": [3, 4],
    "tissues": {"wm": [2], "gm": [1, [3, 4]]},
    "segmenter": {"name": "unet", "features": [4, 4, 4, 8, 8, 4]},
}
STEPS = {
    "steps": 4, "epoch_steps": 2, "batch": 2, "learning_rate": 0.001,
    "val_rows": 2, "ceiling": 40.0, "slices": 3, "rows": 4, "crop": 8,
}  # fmt: skip
BRANCHES = {"widths": [4, 8], "blocks": 1, "groups": 2}
PROCESS = {"steps": 20, "schedule": "linear", "betas": [1e-3, 0.3], "predicts": "noise", "clip": True}
SAMPLER = {"steps": 4, "eta": 0.0, "noise": "volume", "batch": 5}
DRAWN = {"net": BRANCHES, "process": PROCESS, "sampler": SAMPLER}
TRUNK = {"width": 4, "blocks": 2, "layers": 2, "growth": 4, "hidden": 8}
METHODS = {
    "segmenter": {"kind": "learned", "model": "segmenter"},
    "interp": {"kind": "interpolation", "by": "linear"},
    "nearest": {"kind": "interpolation", "by": "nearest"},
    "truth": {"kind": "truth"},
    "deepresolve": {"kind": "learned", "model": "deepresolve", "net": {"width": 4, "layers": 3}},
    "metasr": {"kind": "learned", "model": "metasr", "net": TRUNK},
    "arssr": {"kind": "learned", "model": "arssr", "net": {**TRUNK, "depth": 4}},
    "hifi_diff": {"kind": "learned", "model": "hifi_diff", **DRAWN},
    "no_hife": {"kind": "learned", "model": "no_hife", **DRAWN},
    "hifi_apart": {
        "kind": "redrawn", "of": "hifi_diff", "model": "hifi_diff", **DRAWN, "factors": [3],
        "sampler": {**SAMPLER, "noise": "slice"},
    },
    "hifi_steps": {
        "kind": "redrawn", "of": "hifi_diff", "model": "hifi_diff", **DRAWN,
        "curve": {"factor": 3, "volumes": 1, "rows": 3, "steps": [1, 2, 20]},
    },
}  # fmt: skip


def anatomy(number: int, shape: tuple[int, int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """Return image in [0, 1] and labels of a sheet that leans and bends, elsewhere in each subject."""
    x, y, z = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    phase = 0.7 * number
    sheet = np.sin(0.35 * x + 0.5 * y + phase) + np.cos(0.4 * z - 0.2 * x)
    labels = np.where(sheet > 0.6, 2, np.where(sheet > -0.4, 1, 0))
    labels[(labels == 1) & (z > shape[2] // 2)] = 3
    noise = np.random.default_rng(number).normal(0, 0.01, shape)
    image = np.choose(labels, [0.2, 0.6, 0.9, 0.6]) + noise
    return image.clip(0, 1).astype(np.float32), labels.astype(np.uint8)


@cache
def packed_cohort() -> Path:
    root = Path(mkdtemp(prefix="hifi-diff-"))
    records = []
    for number, split in enumerate(["train"] * 3 + ["val", "test", "test"]):
        image, labels = anatomy(number)
        for name, array in (("image", image), ("labels", labels)):
            write_volume(root / f"batch/{name}{number}.nii.gz", array, np.eye(4))
        files = {"images": {"T1w": f"image{number}.nii.gz"}, "labels": f"labels{number}.nii.gz"}
        records.append({"subject": f"s{number}", "split": split, **files})
    (root / "batch/records.json").write_text(json.dumps(records))
    pack([root / "batch"], {}, root / "packed", "tiny")
    return root / "packed"


def job(method="hifi_diff", options=None, **more) -> Job:
    return Job(
        "hifi_diff", "hcp1200", method, more.pop("seed", 0), more.pop("data", None) or packed_cohort(),
        task=more.pop("task", TASK), method_options=options or METHODS[method], device="cpu",
        train=more.pop("train", STEPS), **more,
    )  # fmt: skip
