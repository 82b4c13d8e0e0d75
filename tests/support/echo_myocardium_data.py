"""A small packed cohort of beating hearts, and jobs on it."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from mlmi2023.cohorts.forms.sequences import form
from mlmi2023.cohorts.sources.simulators.moving_hearts.cohort import simulate
from mlmi2023.core.jobs import Job

CONFIG = {
    "kind": "simulated",
    "form": "sequences",
    "simulator": "moving_hearts",
    "seed": 3,
    "subjects": {"train": 2, "val": 1, "test": 1},
    "options": {"size": 32, "frames": [5, 6], "scanner": {"samples": 64, "beams": 48}},
}
NET = {
    "name": "ofsnet", "mids": [2, 2, 4, 4, 4, 4], "outs": [4, 4, 4, 4, 4, 4], "depths": [4, 3, 3, 3],
}  # fmt: skip
FLOW = {"levels": [3, 2], "radius": 1, "features": 4, "widths": [4], "context": [[4, 1]]}
OPTIONS = {
    "u2net": {"kind": "learned", "net": NET},
    "unet": {"kind": "learned", "net": {"name": "unet", "features": [4, 4, 4, 4, 4, 4]}},
    "unetpp": {"kind": "learned", "net": {"name": "unet_plus_plus", "features": [4, 4, 4, 4, 4, 4]}},
    "basnet": {
        "kind": "learned", "net": {"name": "basnet", "width": 2, "blocks": [1, 1, 1, 1]}, "loss": "hybrid",
    },
    "socof": {
        "kind": "learned", "net": {**NET, "flow": {**FLOW, "join": "last"}},
        "flow_losses": {"census": 0.0, "dice": 0.0, "heat": False, "orientation": 1.0},
    },
    "ours": {
        "kind": "learned", "net": {**NET, "flow": FLOW, "shape": True},
        "shape_losses": {"width": 4, "ramp": 0.5},
    },
    "background": {"kind": "background"},
    "truth": {"kind": "truth"},
}  # fmt: skip
TASK = {"kind": "sequence_segmentation", "augment": {"shift": 0.1, "border": "zeros", "contrast": 0.2}}
TRAIN = {
    "steps": 4, "epoch_steps": 2, "batch": 2, "learning_rate": 0.01, "optimiser": "adam", "decay": "cosine",
    "flow_rate": 0.01, "critic_rate": 0.01, "monitor": "val_dice",
}  # fmt: skip


@cache
def packed() -> Path:
    """Simulate and pack the cohort; return the packed folder."""
    place = Path(mkdtemp(prefix="hearts-"))
    simulate(CONFIG, place / "raw")
    form.pack(CONFIG, place / "raw", place / "packed", "hearts")
    return place / "packed"


def job(method: str = "ours", data: Path | None = None, **more: object) -> Job:
    """Return a job of a method on the small cohort."""
    keys = {"train": TRAIN, "method_options": OPTIONS.get(method, {}), "task": TASK, **more}
    return Job("echo_myocardium", "camus", method, 0, data or packed(), device="cpu", **keys)  # type: ignore[arg-type]
