"""Tiny packed scans, and jobs on them."""

from mlmi2023.cohorts.forms.spectra import form
from mlmi2023.cohorts.sources.simulators.mega_press.cohort import simulate
from mlmi2023.core.jobs import Job
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from preflight_root import ROOT

TASK = {"kind": "reconstruction", "pairs": 13, "val_batch": 1, "simulated": {"pairs": 3}}
NET = {"name": "rdc_unet2d", "filters": 2, "widths": [4, 4]}
TRAIN = {
    "steps": 2,
    "epoch_steps": 1,
    "batch": 2,
    "learning_rate": 0.01,
    "monitor": "val_loss",
    "mode": "min",
}


def config(**more):
    """Return the stand-in's configuration with few points and transients; keys are laid on it."""
    small = {
        "subjects": {"train": 2, "val": 1, "test": 2},
        "options": {"points": 256, "pairs": 16, "sites": 2},
    }
    return merge(merge(read_yaml(ROOT / "config/cohorts/mega_press.yaml")["all"], small), more)


def packed(folder, **more):
    """Simulate and pack scans; return the packed folder."""
    setup = config(**more)
    simulate(setup, folder / "raw")
    form.pack(setup, folder / "raw", folder / "packed", "tiny")
    return folder / "packed"


def job(data, method, options, stage="main", previous=None, task=None):
    """Return a job of the paper."""
    return Job(
        paper="gaba_mrs", dataset="biggaba", method=method, seed=0, data=data, task=task or TASK,
        method_options=options, train=TRAIN if options["kind"] == "learned" else {}, stage=stage,
        previous=previous, device="cpu",
    )  # fmt: skip
