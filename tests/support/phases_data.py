"""A packed cohort of breathing patients, made once and shared by tests."""

import functools
import tempfile
from pathlib import Path

from mlmi2023.cohorts.forms.phased_scans.form import pack
from mlmi2023.cohorts.sources.simulators.breathing_lungs.cohort import simulate

CONFIG = {
    "kind": "simulated",
    "form": "phased_scans",
    "simulator": "breathing_lungs",
    "seed": 3,
    "subjects": {"train": 1, "val": 1, "test": 1},
    "options": {"spacing": [6.0, 6.0, 6.0], "phases": [0, 30, 50], "landmarks": 80},
    "folds": {"count": 3},
    "read": {
        "phases": ["T00", "T30", "T50"],
        "window": [-1000, 500],
        "spacing": [7.0, 7.0, 6.0],
        "shape": [40, 32, 44],
    },
}


@functools.cache
def raw_phases() -> Path:
    """Return the raw root of three patients."""
    root = Path(tempfile.mkdtemp()) / "raw"
    simulate(CONFIG, root, 1)
    return root


@functools.cache
def packed_phases() -> Path:
    """Return the same, packed."""
    out = Path(tempfile.mkdtemp()) / "packed"
    pack(CONFIG, raw_phases(), out, "lungs")
    return out
