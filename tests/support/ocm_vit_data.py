"""A tiny packed pool of fibre bundles, and jobs of each kind of method on it."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from mlmi2023.cohorts.forms.image_pool import form
from mlmi2023.cohorts.sources.simulators.fibre_bundles.cohort import simulate
from mlmi2023.core.jobs import Job, Used

NET = {"name": "vit", "width": 16, "layers": 2, "heads": 2, "mlp": 32, "patch": 8}
SIMULATED = {
    "kind": "simulated",
    "form": "image_pool",
    "simulator": "fibre_bundles",
    "seed": 3,
    "subjects": {"pool": 20, "train": 4, "val": 2, "test": 3},
    "options": {"size": 32},
    "read": {"tophat": {"blur": 0.5, "radius": 3}},
}
MIM = {"kind": "learned", "model": "mim", "net": NET, "mask": {"ratio": 0.5, "patches": 2}, "pool": True}
UNET = {"kind": "learned", "model": "unet", "net": {"name": "unet", "features": [4, 4, 4, 4, 4, 4]}}
OPTIONS = {
    "ours_unsup": MIM,
    "ours_blend": {"kind": "weighted", "weighting": "blend"},
    "ours_semisup": {"kind": "chosen"},
    "dino": {"kind": "learned", "model": "dino", "net": NET, "hidden": 16, "bottleneck": 8, "prototypes": 16,
             "crops": 1, "ema": 0.9},
    "stego": {"kind": "learned", "model": "stego", "net": NET, "code": 4, "points": 8, "neighbours": 3},
    "picie": {"kind": "learned", "model": "picie", "sampled": 500, "net":
              {"name": "pyramid", "widths": [4, 4, 4, 4], "blocks": 1, "stem": 2, "width": 8}},
    "pgt_unet": {**UNET, "labels": "pseudo"},
    "unet_30": {**UNET, "share": 0.3},
    "vit_ft": {"kind": "learned", "model": "vit", "net": NET},
    "vit_lp": {"kind": "learned", "model": "vit", "net": NET, "frozen": True},
    "untrained": {"kind": "untrained", "net": NET},
    "otsu": {"kind": "otsu"},
    "kmeans": {"kind": "kmeans"},
    "chan_vese": {"kind": "chan_vese", "iterations": 20},
    "background": {"kind": "background"},
    "truth": {"kind": "truth"},
}  # fmt: skip
USES = {"ours_blend": "ours_unsup", "ours_semisup": "ours_unsup", "stego": "dino", "pgt_unet": "ours_unsup"}


@cache
def packed():
    """Return the packed pool."""
    place = Path(mkdtemp(prefix="ocm-vit-"))
    simulate(SIMULATED, place / "raw")
    form.pack(SIMULATED, place / "raw", place / "packed", "tiny")
    return place / "packed"


def job(method="ours_unsup", used=None, previous=None, **keys):
    """Return a job; ``used`` are folders of predictions and weights by method."""
    segmenting = method in ("pgt_unet", "unet_30", "vit_ft", "vit_lp")
    train = {"steps": 4, "epoch_steps": 2, "batch": 4, "learning_rate": 0.01, "val_batch": 4}
    train["monitor"] = "val_dice" if segmenting else ""
    own = {name: Used(*found) for name, found in (used or {}).items()}
    given = {
        "data": packed(),
        "task": {"kind": "pool", "choose": 3},
        "method_options": OPTIONS[method],
        **keys,
    }
    given["train"] = {**train, **given.get("train", {})}
    return Job("ocm_vit", "ocm_wm", method, 0, used=own, previous=previous, device="cpu", **given)
