"""A tiny cohort of exams, made once per test session, and jobs on it."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from mlmi2023.cohorts.forms.exams import form
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.cohort import simulate
from mlmi2023.core.jobs import Job

CONFIG = {
    "kind": "simulated",
    "form": "exams",
    "simulator": "pulmonary_ct",
    "seed": 5,
    "subjects": {"train": 36, "val": 16, "test": 16},
    "options": {
        "shape": [12, 36, 36],
        "spacing": [8.0, 6.0, 6.0],
        "types": {"central": 2, "segmental": 2, "subsegmental": 1},
        "missing": {"ct": 0.08, "ehr": 0.15},
        "records": {"medications": 8, "diagnoses": 6, "labs": 5},
    },
    "read": {"hu_offset": -1024},
}
SCAN = {"slices": 6, "crop": 32, "jitter": 2, "positive_slices": 1}
TASK = {"kind": "diagnosis", "scan": SCAN, "selection": {"c": 1.0}}
NET = {"stem": 4, "widths": [4, 8], "blocks": [1, 1], "cardinality": 2, "reduction": 4, "groups": 4}
PENET = {
    "kind": "learned",
    "model": "penet",
    "net": NET,
    "views": 2,
    "explain": {"stages": 1, "tolerance": 1},
}
BRANCHES = {
    "kind": "learned",
    "model": "branches",
    "uses": ["penet"],
    "backbone": "penet",
    "branches": {"ct_hidden": [8], "ehr_hidden": [8], "embedding": 4},
    "pretraining": {"loss": "supervised_contrastive"},
    "exclude": {"pretrain": ["subsegmental"], "finetune": []},
}


@cache
def raw_cohort() -> Path:
    root = Path(mkdtemp(prefix="pecon-raw-"))
    simulate(CONFIG, root / "raw", threads=1)
    return root / "raw"


@cache
def packed_cohort() -> Path:
    out = Path(mkdtemp(prefix="pecon-packed-")) / "packed"
    form.pack(CONFIG, raw_cohort(), out, "tiny")
    return out


def job(method="penet", options=None, **more) -> Job:
    task = more.pop("task", TASK)
    return Job(
        "pecon", "radfusion", method, 0, more.pop("data", None) or packed_cohort(), task=task,
        method_options=options or {}, device="cpu", **more,
    )  # fmt: skip
