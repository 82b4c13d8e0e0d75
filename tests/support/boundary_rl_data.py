"""A small packed cohort of dark discs on bright ground, a rule that knows them, and jobs on it."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import torch

from mlmi2023.cohorts.seal import seal
from mlmi2023.core.files import write_json
from mlmi2023.core.jobs import Job, Used
from mlmi2023.papers.boundary_rl.classifier import build
from mlmi2023.training.loop.weights import save_weights

SIZE, SIDE = 24, 8
SPLITS = ["train"] * 5 + ["val"] * 2 + ["test"] * 3
WALK = {
    "step": 2, "most": 16, "episodes": 4, "weight": 100, "blocked": True, "border": "pad",
    "noise": [0.5, 0.2], "outliers": 4, "neighbours": 1, "labelled": 3,
}  # fmt: skip
TASK = {
    "kind": "outline_by_patches",
    "patch": SIDE,
    "patches": {"train": 60, "val": 30, "test": 30},
    "patch_seed": 1,
    "threshold": 0.9,
    "walk": WALK,
}
SEER = {"width": 0.25, "depth": 0.25, "stages": 2, "momentum": 0.1}
AGENT = {"channels": [4, 4, 4], "kernels": [3, 3, 2], "strides": [1, 1, 1], "hidden": [8, 8]}
UNET = {"name": "unet", "features": [4, 4, 4, 4, 4, 4]}
PPO = {"walkers": 4, "horizon": 8, "minibatch": 16, "passes": 2, "val_episodes": 3}
BAGS = {"name": "monai_unet", "features": [4, 8]}
OPTIONS = {
    "classifier": {"kind": "learned", "model": "classifier", "net": SEER, "painted": 0.2},
    "agent": {"kind": "learned", "model": "controller", "net": AGENT},
    "bags": {"kind": "learned", "model": "mil", "net": BAGS},
    "sliding": {"kind": "sliding", "of": "bags", "overlap": 0.5},
    "supervised": {"kind": "learned", "model": "segmenter", "net": UNET},
    "chance": {"kind": "ruled", "policy": "random"},
    "straight": {"kind": "ruled", "policy": "straight"},
    "shifted": {"kind": "shifted", "of": "agent"},
    "tests": {"kind": "paired_tests", "pairs": {"a_b": ["agent", "bags"], "b_b": ["bags", "bags"]}},
    "background": {"kind": "background"},
    "truth": {"kind": "truth"},
}
USES = {
    "agent": ["classifier"],
    "chance": ["classifier"],
    "straight": ["classifier"],
    "shifted": ["agent"],
    "tests": ["agent", "bags"],
    "sliding": ["bags"],
}
TRAIN = {"steps": 4, "epoch_steps": 2, "batch": 8, "learning_rate": 0.01, "val_batch": 4}
MONITOR = {
    "classifier": "val_accuracy",
    "controller": "val_return",
    "mil": "val_accuracy",
    "segmenter": "val_dice",
}


def disc(row: float, column: float, radius: float) -> np.ndarray:
    """Return the mask of a disc."""
    i, j = np.mgrid[:SIZE, :SIZE]
    return (np.hypot(i - row, j - column) <= radius).astype(np.uint8)


@cache
def packed() -> Path:
    """Pack ten grey images with a dark disc each; return the folder."""
    place, rng = Path(mkdtemp(prefix="boundary-rl-")) / "packed", np.random.default_rng(0)
    place.mkdir()
    masks = np.stack([disc(*rng.uniform(10, 13, 2), rng.uniform(4, 6)) for _ in SPLITS])
    images = np.where(masks > 0, 30, 180) + rng.integers(-10, 10, masks.shape)
    np.save(place / "images.npy", images.astype(np.uint8)[..., None])
    np.save(place / "masks.npy", masks)
    about = {
        "name": "discs", "form": "images", "classes": ["gland"], "facts": [], "content_hash": "0" * 12,
        "subjects": [{"subject": f"s{n}", "split": split} for n, split in enumerate(SPLITS)],
    }  # fmt: skip
    seal(place, about, "")
    return place


@cache
def classifier() -> Used:
    """Return an untrained classifier's weights, and a folder that says of which sizes it is."""
    place = Path(mkdtemp(prefix="boundary-rl-seer-"))
    torch.manual_seed(0)
    save_weights(build(SEER, SIDE), place / "weights.safetensors")
    (place / "predictions").mkdir()
    write_json(place / "predictions/about.json", {"net": SEER, "parameters": 1})
    return Used(place / "predictions", place / "weights.safetensors")


def job(method: str = "classifier", used: dict[str, Used] | None = None, **more: object) -> Job:
    """Return a job of a method on the small cohort."""
    options = OPTIONS.get(method, {})
    own = {"monitor": MONITOR.get(str(options.get("model")), "")}
    if options.get("model") == "controller":
        own |= {"batch": 1, "steps": 16, "epoch_steps": 8, "ppo": PPO}
    keys = {"train": {**TRAIN, **own}, "method_options": options, "task": TASK, **more}
    data = keys.pop("data", None) or packed()
    return Job("boundary_rl", "trus_trials", method, 0, data, used=used or {}, device="cpu", **keys)  # type: ignore[arg-type]


def dark(patches: torch.Tensor) -> torch.Tensor:
    """Fire on patches (n, P, P) with any pixel of a disc: one between 0.05 and 0.25."""
    return ((patches > 0.05) & (patches < 0.25)).flatten(1).any(1)
