"""Small packed angiograms and discs of three sites, and jobs on them."""

from pathlib import Path

from mlmi2023.cohorts.forms.domain_images import form
from mlmi2023.cohorts.sources.simulators.octa.cohort import simulate
from mlmi2023.core.jobs import Job

SITES = {"siteA": "point", "siteB": "block", "siteC": "scribble"}
NET = {"name": "site_unet", "features": [4, 4, 8, 8, 8]}
TASK = {
    "kind": "segmentation", "structures": ["FAZ"], "grey": True, "val": 0.2,
    "sites": {
        name: {"train": [f"{name}_train/*"], "test": [f"{name}_test/*"], "label": label}
        for name, label in SITES.items()
    },
    "weak": {"boxes": "block", "point": 1, "line": 1, "jitter": 1.0},
    "tree": {"grid": 8}, "crf": {"radius": 1, "xy": 2.0},
    "augment": {"flip": [0.5, 0.5], "rotate": 45, "border": "zeros"},
}  # fmt: skip
TRAIN = {
    "steps": 8, "epoch_steps": 4, "round_steps": 2, "batch": 2, "learning_rate": 0.01, "optimiser": "adamw",
    "weight_decay": 0.01, "decay": "poly", "power": 0.9,
}  # fmt: skip
WHOLE = {"tree": 0.1, "crf": 0.1, "con": 1.0}
#: of the proposed method
FEDICRA = {
    "strategy": "aa",
    "net": {**NET, "scr": True},
    "weights": WHOLE,
    "mixing": {"first": 3, "later": 1},
}


def packed(place: Path, size: int = 32, counts: tuple[int, ...] = (6, 8, 5)) -> Path:
    """Simulate and pack angiograms of three sites of unlike size; return the packed folder."""
    domains, subjects = {}, {}
    for number, (site, count) in enumerate(zip(SITES, counts)):
        for part, own in (("train", count), ("test", 2)):
            domains[f"{site}_{part}"] = {"gain": [0.6 + 0.1 * number, 0.65 + 0.1 * number]}
            subjects[f"{site}_{part}"] = own
    config = {
        "kind": "simulated", "form": form.__name__, "seed": 1, "subjects": subjects,
        "options": {"size": size, "domains": domains},
    }  # fmt: skip
    simulate(config, place / "raw")
    form.pack(config, place / "raw", place / "packed", "angiograms")
    return place / "packed"


def job(data, method=None, seed=0, task=None, train=None, **more):
    """Return a job of a learned method, of FedAvg unless another is named."""
    options = {"kind": "learned", "strategy": "fedavg", "net": NET, **(method or {})}
    return Job(
        "fedicra", "faz", "net", seed, data, task={**TASK, **(task or {})}, method_options=options,
        train={**TRAIN, **(train or {})}, device="cpu", **more,
    )  # fmt: skip
