"""A tiny cohort of CT stacks, made once per test session, and jobs on it."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from mlmi2023.cohorts.forms.ct_stacks import form
from mlmi2023.cohorts.sources.simulators.chest_ct.cohort import simulate
from mlmi2023.core.jobs import Job

CONFIG = {
    "kind": "simulated",
    "form": "ct_stacks",
    "simulator": "chest_ct",
    "seed": 5,
    "subjects": {"train": 1, "all": 2},
    "options": {
        "shape": [40, 32, 32],
        "acquisitions": [[5, 2.5], [5, 2], [3.7, 1.3]],
        "vessels": {"roots": 2, "thinnest": 1.0},
        "ribs": {"radius": 2.0},
        "variants": {"sharp": {"noise": {"sd": [35.0, 40.0]}}},
    },
}
TASK = {"kind": "enhancement", "window": [-1000, 1000]}
NET = {"depth": 4, "dilations": 3}
OWN = {
    "kind": "learned",
    "model": "msd",
    "source": "self",
    "net": NET,
    "degrade": {"kind": "interpolate", "points": None},
    "keep": "all",
}
OTHERS = {"kind": "learned", "model": "msd", "source": "others", "per_view": True, "net": NET, "keep": "all"}
STEPS = {"steps": 4, "epoch_steps": 2, "batch": 2, "learning_rate": 0.001}


@cache
def raw_cohort() -> Path:
    root = Path(mkdtemp(prefix="sr4zct-raw-")) / "raw"
    simulate(CONFIG, root, threads=1)
    return root


@cache
def packed_cohort() -> Path:
    out = Path(mkdtemp(prefix="sr4zct-packed-")) / "packed"
    form.pack(CONFIG, raw_cohort(), out, "tiny")
    return out


def job(method="sr4zct", options=None, **more) -> Job:
    return Job(
        "sr4zct", more.pop("dataset", "msd_lung"), method, more.pop("seed", 0),
        more.pop("data", None) or packed_cohort(), task=TASK, method_options=options or OWN, device="cpu",
        train=more.pop("train", STEPS), **more,
    )  # fmt: skip
