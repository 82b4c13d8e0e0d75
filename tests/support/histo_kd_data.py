"""A job on a few hand-made patches in the layout of the simulators, and networks of a few channels."""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.photographs import write_png
from mlmi2023.cohorts.forms.tissue.form import pack
from mlmi2023.core.jobs import Job

SIDE = 32
KINDS = ("pale", "dark", "red")
CELLS = ("small", "large", "odd")
NET = {"depths": [1, 1, 1, 1], "width": 4}
JOINT = {
    "kind": "learned",
    "model": "joint",
    "loss": {"name": "vicreg"},
    "symmetric": False,
    "shared": False,
    "net": {**NET, "expander": 8},
}
TARGETS = {"tissue": {"of": "tissue"}, "cell": {"of": "cells"}}
TASK = {"kind": "probing", "pair": ["map", "image"], "targets": TARGETS, "val_batch": 6}
TRAIN = {"steps": 4, "epoch_steps": 2, "batch": 4, "learning_rate": 0.01, "optimiser": "adam"}
COLOURS = {"pale": (230, 200, 230), "dark": (90, 60, 140), "red": (220, 60, 90)}


def cohort(place: Path, counts: dict[str, int] | None = None) -> Path:
    """Write and pack patches of three tissues; ``counts`` are patients per split, of three patches each."""
    raw, rng = place / "raw", np.random.default_rng(0)
    for name in ("images", "nuclei", "maps/cells", "paired/panck"):
        (raw / name).mkdir(parents=True)
    rows = []
    for split, count in (counts or {"train": 6, "val": 2, "test": 2}).items():
        for patient in range(count):
            for kind, tissue in enumerate(KINDS):
                name = f"{split}{patient}_{kind}"
                noise = rng.integers(-20, 20, (SIDE, SIDE, 3))
                write_png(
                    raw / f"images/{name}.png",
                    np.clip(np.array(COLOURS[tissue]) + noise, 0, 255).astype(np.uint8),
                )
                write_png(raw / f"paired/panck/{name}.png", np.full((SIDE, SIDE), 80 * kind, np.uint8))
                cells, nuclei = np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint16)
                # none in pale patches, two small ones beside a large one in dark ones, large ones in red ones
                for number, (value, at) in enumerate(
                    {"pale": [], "dark": [(1, 2), (1, 12), (2, 22)], "red": [(2, 2), (2, 22), (1, 12)]}[
                        tissue
                    ],
                    1,
                ):
                    cells[at : at + 4, 4:9] = value
                    nuclei[at : at + 4, 4:9] = number
                write_png(raw / f"maps/cells/{name}.png", cells)
                write_png(raw / f"nuclei/{name}.png", nuclei)
                rows.append(f"{name},{split}{patient},{split},,{tissue}")
    (raw / "samples.csv").write_text("image,patient,split,organ,tissue\n" + "\n".join(rows) + "\n")
    (raw / "maps.csv").write_text(
        "map,value,name\n" + "".join(f"cells,{k},{n}\n" for k, n in enumerate(CELLS, 1))
    )
    (raw / "tissues.csv").write_text("name\n" + "".join(f"{name}\n" for name in KINDS))
    pack({"kind": "simulated", "form": "tissue"}, raw, place / "packed", "hand_made")
    return place / "packed"


def job(
    data: Path, method: dict[str, Any], stage: str = "main", previous: Path | None = None, **task: Any
) -> Job:
    """Return the job of training a method."""
    own = {**TASK, **task}
    return Job(
        "histo_kd",
        "mask",
        "some",
        0,
        data,
        stage=stage,
        previous=previous,
        task=own,
        method_options=method,
        train=TRAIN,
    )
