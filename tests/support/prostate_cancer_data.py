"""Small packed glands for tests of prostate_cancer_ms: patients with lesions at known places, and without."""

from pathlib import Path

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.scans.form import pack
from mlmi2023.core.jobs import Job

#: X, Y, Z and mm of the files; the gland is a box in the middle
SHAPE, SPACING = (40, 36, 8), (1.0, 1.0, 4.0)
GLAND = (slice(8, 32), slice(8, 28), slice(1, 7))
SPLITS = {"train": 5, "test": 3}
TASK = {"kind": "lesions", "size": [32, 32], "pixel": 1.0, "folds": 2, "rules": {"least": 100}}
NET = {"name": "spcnet", "widths": [2, 2, 4, 4, 4]}
FEW = {"features": [2, 2, 4, 4, 4, 2]}
METHODS = {
    "spcnet": {"kind": "learned", "net": NET},
    "decnet": {"kind": "learned", "net": NET, "dpm": 3},
    "unet": {"kind": "learned", "net": {"name": "unet", **FEW}},
    "br_unet": {"kind": "learned", "net": {"name": "branched_unet", **FEW}},
    "background": {"kind": "background"},
    "truth": {"kind": "truth"},
}
#: worst cancer of patients 1 to 5, who train, and 6 to 8: 2 aggressive, 1 indolent, 0 none
KINDS = (2, 0, 1, 0, 2, 2, 1, 0)


def lesion(kind: int) -> np.ndarray:
    """Labels (X, Y, Z) of a patient: a box of 8 x 8 x 2 voxels, 512 mm3, or nothing."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[10:18, 10:18, 3:5] = kind
    return labels


def write_patient(folder: Path, kind: int, seed: int, gain: float = 1.0) -> None:
    """Write t2, adc, gland and lesions; cancer is dark on both, and T2 has a scale of its own."""
    draw = np.random.default_rng(seed)
    gland = np.zeros(SHAPE, np.uint8)
    gland[GLAND] = 1
    labels = lesion(kind)
    dark = labels.astype(np.float32)
    t2 = (gain * (800 - 150 * dark + 30 * draw.standard_normal(SHAPE))).astype(np.float32)
    adc = (1600 - 300 * dark + 40 * draw.standard_normal(SHAPE)).astype(np.float32)
    for name, volume in (("t2", t2), ("adc", adc), ("gland", gland), ("lesions", labels)):
        write_volume(folder / f"{name}.nii.gz", volume, np.diag([*SPACING, 1.0]))


def packed(root: Path) -> Path:
    """Return eight packed patients, five for training."""
    for number, kind in enumerate(KINDS, 1):
        write_patient(root / f"raw/{number}", kind, number, gain=0.5 + 0.1 * number)
    images = {
        name: f"{{subject}}/{file}.nii.gz"
        for name, file in (("T2", "t2"), ("ADC", "adc"), ("gland", "gland"))
    }
    config = {
        "form": "scans",
        "label_names": {1: "indolent", 2: "aggressive"},
        "read": {
            "window": {"T2": [0, 2000], "ADC": [0, 4000], "gland": [0, 1]},
            "groups": [{"images": images, "labels": "{subject}/lesions.nii.gz", "split": SPLITS}],
        },
    }
    pack(config, root / "raw", root / "packed", "glands")
    return root / "packed"


def job(method: str, data: Path, task=None, **train) -> Job:
    """A job of one of ``METHODS``, of two steps."""
    schedule = {"steps": 2, "epoch_steps": 1, "batch": 2, "learning_rate": 0.01, **train}
    return Job(
        paper="prostate_cancer_ms",
        dataset="stanford",
        method=method,
        seed=0,
        data=data,
        task={**TASK, **(task or {})},
        method_options=METHODS[method],
        train=schedule if METHODS[method]["kind"] == "learned" else {},
        device="cpu",
    )
