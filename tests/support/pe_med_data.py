"""A small packed cohort of scans, and jobs of PE-MED on it, shared by the paper's tests."""

import functools
import tempfile
from pathlib import Path
from typing import Any

from mlmi2023.core.jobs import Job
from segmentation_data import scans

SIZE = 32
NET = {
    "name": "pe_med",
    "dims": [8, 8, 16, 16],
    "depths": [1, 1, 1, 1],
    "heads": [1, 1, 2, 2],
    "drop_path": 0.0,
    "width": 8,
    "reduction": 2,
}
SAM = {
    "name": "sam",
    "side": 64,
    "hidden": 16,
    "layers": 1,
    "heads": 2,
    "window": 2,
    "everywhere": [0],
    "width": 32,
    "mlp": 16,
    "multimask": False,
}
SWIN = {
    "name": "isegformer",
    "width": 8,
    "depths": [2, 1, 1, 1],
    "heads": [1, 1, 2, 2],
    "window": 4,
    "decoder": 8,
}
TASK = {"kind": "clicks", "size": [SIZE, SIZE], "least": 4, "held": 6, "clicks": {"most": 4, "radius": 2.0}}
TRAIN = {"steps": 2, "epoch_steps": 1, "batch": 3, "val_batch": 4}


@functools.cache
def packed() -> Path:
    """Nine scans with two structures, packed once for all tests of a session."""
    return scans(Path(tempfile.mkdtemp(prefix="pe_med_")))


def job(method: dict[str, Any] | None = None, task: dict[str, Any] | None = None, **more: Any) -> Job:
    """Return a job of a method with the small network."""
    keys = {"kind": "learned", "model": "interactive", "net": NET, **(method or {})}
    return Job(
        "pe_med",
        "synapse",
        "pe_med",
        0,
        packed(),
        task={**TASK, **(task or {})},
        method_options={key: value for key, value in keys.items() if value is not None},
        train=dict(TRAIN),
        device="cpu",
        **more,
    )
