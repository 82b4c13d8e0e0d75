"""A small packed cohort of three centres with overlays, and jobs on it."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from mlmi2023.cohorts.forms.domain_images import form
from mlmi2023.cohorts.sources.simulators.colonoscopy.cohort import simulate
from mlmi2023.core.jobs import Job, Used

CENTRES = {
    "left": {
        "frames": [2, 2],
        "overlays": [{"kind": "icon", "shape": "disc", "at": [0.0, 0.0], "size": [0.3, 0.3]}],
    },
    "right": {
        "frames": [2, 2],
        "overlays": [{"kind": "miniature", "at": [0.66, 0.66], "size": [0.3, 0.3], "colour": [1, 1, 0]}],
    },
    "plain": {"frames": [2, 2]},
}
TASK = {
    "kind": "left_out_centre",
    "left_out": ["plain", "right"],
    "val": 0.25,
    "truth": "masks",
    "overlays": "overlays",
    "view": "view",
}
UNET = {"name": "unet_bilinear", "widths": [4, 4, 4, 4, 4]}
SDNET = {
    "name": "sdnet", "widths": [4, 4, 4, 4, 4], "strided": [4, 4, 4, 4], "hidden": 4, "decoder": [4, 4, 4],
    "segmentor": 4,
}  # fmt: skip
OPTIONS = {
    "classifier": {
        "kind": "learned", "model": "classifier",
        "net": {"layers": [1, 1, 1, 1], "widths": [4, 4, 4, 4], "stride": 1, "pool": False},
    },
    "unet": {"kind": "learned", "model": "segmenter", "net": UNET},
    "masked": {"kind": "learned", "model": "segmenter", "net": UNET, "mask": {"by": "saliency", "p": 1.0}},
    "sdnet": {"kind": "learned", "model": "sdnet", "net": SDNET, "mask": {"by": "overlay", "p": 1.0}},
    "background": {"kind": "background"},
    "truth": {"kind": "truth"},
}  # fmt: skip
TRAIN = {
    "steps": 2, "epoch_steps": 1, "batch": 4, "learning_rate": 0.01, "optimiser": "adamw",
    "monitor": "val_dice", "loss": {"kind": "dice", "smooth": 0.1},
    "augment": {"flip": [0.5, 0.5], "warp": 0.5, "rotate": 90},
    "jitter": {"chance": 0.5, "brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.2},
}  # fmt: skip


@cache
def packed() -> Path:
    """Simulate and pack the cohort; return the packed folder."""
    place = Path(mkdtemp(prefix="colonoscopy-"))
    config = {
        "kind": "simulated",
        "form": "domain_images",
        "seed": 1,
        "subjects": dict.fromkeys(CENTRES, 4),
        "options": {"size": 32, "domains": CENTRES},
    }
    simulate(config, place / "raw")
    form.pack(config, place / "raw", place / "packed", "frames")
    return place / "packed"


def job(
    method: str = "unet", used: dict[str, Path] | None = None, data: Path | None = None, **more: object
) -> Job:
    """Return a job of a method on the small cohort."""
    train = {**TRAIN, "monitor": "val_accuracy"} if method == "classifier" else TRAIN
    keys = {"train": train, "method_options": OPTIONS.get(method, {}), "task": TASK, **more}
    folders = {name: Used(folder) for name, folder in (used or {}).items()}
    return Job("colonoscopy_aug", "polypgen", method, 0, data or packed(), used=folders, device="cpu", **keys)  # type: ignore[arg-type]
