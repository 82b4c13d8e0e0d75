"""A tiny packed cohort of radiographs, and jobs of each kind of method on it."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from mlmi2023.cohorts.forms.radiographs import form
from mlmi2023.cohorts.sources.simulators.xray_studies.cohort import simulate
from mlmi2023.core.jobs import Job

SIMULATED = {
    "kind": "simulated",
    "form": "radiographs",
    "simulator": "xray_studies",
    "seed": 5,
    "subjects": {"train": 16, "val": 4, "test": 6},
    "options": {"size": 36},
}
CNN = {"depths": [1, 1], "width": 4}
NET = {"layers": 1, "heads": 2, "width": 16, "inner": 16}
BOXES = {"name": "compact", "depths": [1, 1, 1, 1], "width": 4, "pyramid": 8, "sides": [1.5], "proposals": 16,
         "bins": 3, "hidden": 16, "cut": 0.0}  # fmt: skip
DETECTOR = {"kind": "learned", "model": "detector", "net": BOXES}
OPTIONS = {
    "detector": DETECTOR,
    "naive_detector": {**DETECTOR, "findings": False},
    "find_cnn": {"kind": "learned", "model": "classifier", "net": CNN},
    "atok_te": {"kind": "learned", "model": "triples", "net": NET, "tokens": "detector"},
    "find_te": {"kind": "learned", "model": "triples", "net": NET, "cnn": CNN, "start": "find_cnn"},
    "atok_rg": {"kind": "learned", "model": "report", "net": NET, "tokens": "detector"},
    "atok_te_rg":
        {"kind": "learned", "model": "report", "net": NET, "tokens": "detector", "triples": "atok_te"},
    "r2gen": {"kind": "learned", "model": "r2gen", "net": {**NET, "slots": 2}, "cnn": CNN},
    "r2gencmn":
        {"kind": "learned", "model": "r2gencmn", "net": {**NET, "entries": 8, "nearest": 3}, "cnn": CNN},
    "m2tr": {"kind": "learned", "model": "m2tr", "net": {**NET, "layers": 2, "slots": 2}, "cnn": CNN,
             "rewarded": 0.5},
    "rgrg": {"kind": "learned", "model": "regions", "net": NET, "tokens": "detector", "drawn": 2},
    "true_triples": {"kind": "true_triples", "of": "atok_te_rg"},
    "mean_boxes": {"kind": "mean_boxes"},
    "normal": {"kind": "normal"},
    "truth": {"kind": "truth"},
}  # fmt: skip
USES = {
    "atok_te": ("detector",),
    "find_te": ("find_cnn",),
    "atok_rg": ("detector",),
    "atok_te_rg": ("detector", "atok_te"),
    "rgrg": ("detector",),
    "true_triples": ("detector", "atok_te_rg"),
}
TASK = {
    "kind": "xray_reports",
    "size": 32,
    "least": 1,
    "lengths": {"report": 10, "triples": 12, "indication": 6},
    "beams": 2,
    "val_images": 3,
}


@cache
def packed():
    """Return the packed cohort."""
    place = Path(mkdtemp(prefix="cxr-tokens-"))
    simulate(SIMULATED, place / "raw")
    form.pack(SIMULATED, place / "raw", place / "packed", "tiny")
    return place / "packed"


def job(method="detector", **keys):
    """Return a job of a method."""
    train = {"steps": 2, "epoch_steps": 1, "batch": 4, "learning_rate": 0.01, "val_batch": 4}
    given = {"data": packed(), "task": TASK, "method_options": OPTIONS[method], **keys}
    given["train"] = {**train, **given.get("train", {})}
    return Job("cxr_tokens", "mimic_cxr", method, 0, device="cpu", **given)
