"""Two small packed cohorts of discs for tests of mddpm: healthy heads, and heads with a bright spot."""

from pathlib import Path

import nibabel as nib
import numpy as np

from mlmi2023.cohorts.forms.volumes.reader import pack
from mlmi2023.core.files import write_json
from mlmi2023.core.jobs import Job

SHAPE = (16, 24, 8)
HEALTHY = {"kind": "healthy", "image": "T2w", "least": 0.05, "batch": 6, "val_slices": 10}
ANOMALIES = {
    "kind": "anomalies", "image": "T2w", "lesions": [1], "least": 0.05, "batch": 6,
    "erosion": 1, "median": 1, "component": 1, "thresholds": 20,
}  # fmt: skip
NET = {"channels": [8, 8], "blocks": 1, "head": 8, "groups": 4}
DIFFUSION = {
    "kind": "learned", "model": "diffusion", "net": NET, "noise": {"kind": "simplex", "frequency": 16},
    "process": {"steps": 100}, "level": 50,
}  # fmt: skip
FEW = {"channels": [4, 8], "latent": 8}
METHODS = {
    "ddpm": DIFFUSION,
    "pddpm": {**DIFFUSION, "patch": {"side": 0.5, "grid": 2}},
    "ipm": {**DIFFUSION, "masking": {"kind": "ipm", "most": 32}},
    "fpm": {**DIFFUSION, "masking": {"kind": "fpm", "most": 32}},
    "fpmcm": {**DIFFUSION, "masking": {"kind": "fpmcm", "most": 32}},
    "release": {
        **DIFFUSION, "masking": {"kind": "released", "half": [1, 3]}, "patch": {"side": 0.5, "grid": 2},
    },
    "vae": {"kind": "learned", "model": "vae", "net": FEW},
    "svae": {"kind": "learned", "model": "svae", "net": FEW, "hidden": 4, "slices": 3},
    "dae": {
        "kind": "learned", "model": "dae", "net": {"features": [4, 4, 8, 8, 8, 4]}, "noise": {"cells": 4},
    },
    "fanogan": {"kind": "learned", "model": "fanogan", "net": FEW, "critics": 2},
    "intensity": {"kind": "intensity"},
    "noise": {"kind": "noise", "noise": {"kind": "gaussian"}, "process": {"steps": 100}, "level": 50},
    "truth": {"kind": "truth"},
}  # fmt: skip


def make_cohort(folder: Path, ill: bool = False) -> Path:
    """Discs that become darker outwards; ill ones have a bright cube, labelled 1 in a brain labelled 2."""
    grid, records = folder / "grid", []
    grid.mkdir(parents=True)
    healthy = ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    splits = ["val", "val", "test", "test", "test"] if ill else healthy
    affine = np.diag([4.0, 4.0, 5.0, 1.0])
    for number, split in enumerate(splits, 1):
        draw = np.random.default_rng(number + 100 * ill)
        x, y, _ = np.indices(SHAPE) - (np.array(SHAPE).reshape(3, 1, 1, 1) - 1) / 2
        off = np.hypot(x / 6.5, y / 10.5)
        image = np.where(off < 1, 0.6 - 0.3 * off + 0.02 * draw.standard_normal(SHAPE), 0)
        labels = np.where(off < 1, 2, 0).astype(np.uint8)
        if ill:
            spot = (slice(5, 8), slice(9 + number % 3, 12 + number % 3), slice(2, 6))
            image[spot], labels[spot] = 0.95, 1
        names = {"image": f"{number}.nii.gz", "labels": f"{number}-labels.nii.gz"}
        nib.save(nib.Nifti1Image(image.clip(0, 1).astype(np.float32), affine), grid / names["image"])
        nib.save(nib.Nifti1Image(labels, affine), grid / names["labels"])
        records.append(
            {
                "subject": f"{number:03d}",
                "split": split,
                "images": {"T2w": names["image"]},
                "labels": names["labels"],
            }
        )
    write_json(grid / "records.json", records)
    pack([grid], {1: "lesion", 2: "brain"}, folder / "packed", folder.name)
    return folder / "packed"


def job(method: str, data: Path, task=None, stage: str = "main", options=None, **train) -> Job:
    """A job of one of ``METHODS``, of few steps."""
    learned = METHODS[method]["kind"] == "learned"
    schedule = {
        "steps": 4, "epoch_steps": 2, "batch": 4, "learning_rate": 0.002,
        "monitor": "" if stage == "gan" else "val_error", "mode": "min", **train,
    }  # fmt: skip
    own = {"task": dict(task or HEALTHY), "method_options": {**METHODS[method], **(options or {})}}
    run = {"paper": "mddpm", "dataset": "ixi", "method": method, "seed": 1, "stage": stage}
    return Job(**run, **own, data=data, train=schedule if learned else {}, threads=1, device="cpu")
