"""A small packed cohort of tissue, and jobs of SPPNet on it, shared by the paper's tests."""

import functools
import tempfile
from pathlib import Path

from mlmi2023.cohorts.forms.tissue.form import pack
from mlmi2023.cohorts.sources.simulators.histology.cohort import simulate
from mlmi2023.core.jobs import Job

SIZE = 16
TINY = {
    "name": "tiny_vit",
    "widths": [8, 8, 8, 8],
    "depths": [1, 1, 1, 1],
    "heads": [1, 2, 2, 2],
    "windows": [2, 2, 4, 2],
}
VIT = {"name": "vit", "hidden": 16, "layers": 1, "heads": 2, "window": 2, "everywhere": [0]}
NET = {
    "name": "sppnet",
    "encoder": TINY,
    "width": 32,
    "mlp": 32,
    "heads": 2,
    "block": "llsie",
    "fusion": "add",
}
TASK = {"kind": "segmentation", "size": [SIZE, SIZE], "shapes": 8}
TRAIN = {"steps": 2, "epoch_steps": 1, "batch": 2, "loss": {"kind": "dice", "smooth": 1.0, "per_case": False}}


@functools.cache
def packed() -> Path:
    """Seven small tiles, packed once for all tests of a session."""
    place = Path(tempfile.mkdtemp(prefix="sppnet_"))
    config = {
        "seed": 3,
        "subjects": {"train": 3, "val": 2, "test": 2},
        "options": {"size": 4 * SIZE, "pixel": 0.8},
    }
    simulate(config, place / "raw")
    pack({"kind": "simulated", "form": "tissue"}, place / "raw", place / "packed", "tissue")
    return place / "packed"


def job(method: dict | None = None, task: dict | None = None, **more: object) -> Job:
    """Return a job of a method with the small network."""
    keys = {"kind": "learned", "net": NET, **(method or {})}
    return Job(
        paper="sppnet",
        dataset="monuseg",
        method="sppnet",
        seed=0,
        data=packed(),
        task={**TASK, **(task or {})},
        method_options=keys,
        train=dict(TRAIN),
        device="cpu",
        **more,  # type: ignore[arg-type]
    )
