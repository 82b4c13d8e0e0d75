"""A repository with as many papers, methods and subjects as the finished one, for tests of the DAG's size.

The workflow is the real one, copied; papers and cohorts are made up. Nothing is computed: scripts never run.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
METRICS = {"dice": "higher", "hd95": "lower"}
OPTIONS = '''"""Keys of a made-up paper."""

from typing import Any, Literal

from mlmi2023.core.options import Options
from mlmi2023.tasks.options import Identity, Truth
from mlmi2023.training.loop.options import Training as Train


class Learned(Options):
    """A network."""

    kind: Literal["learned"]
    encoder: Any
    decoder: Any = None
    width: int


class Task(Options):
    """Pairs."""

    kind: Literal["pairs"]
    moving: str
    metrics: list[str]


Method = Identity | Truth | Learned
'''


@dataclass(frozen=True)
class Size:
    """How large the made-up repository is; the defaults are those of the finished one, at scale paper."""

    papers: int = 46
    datasets: int = 3  # of each paper
    methods: int = 8  # trained ones; two controls come on top
    seeds: int = 1
    cohorts: int = 9  # real ones, that the papers share
    subjects: int = 576  # in each cohort: as many as IXI has
    batch: int = 8  # subjects of a preprocessing job


def slug(number: int) -> str:
    """Return the name of a made-up paper."""
    return f"synthetic_{number:02d}"


def make_tree(place: Path, size: Size) -> Path:
    """Write the repository into ``place`` and return its root."""
    place.mkdir(parents=True)
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("workflow", "config/schemas", "envs"):
        shutil.copytree(ROOT / part, place / part, ignore=ignore)
    for part in ("config/papers", "config/cohorts", "resources/papers", "resources/datasets"):
        (place / part).mkdir(parents=True)
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    write(place / "config/config.yaml", {**config, "scale": "paper", "papers": "all", "batch": size.batch})
    for number in range(size.cohorts):
        _cohort(place, number, size)
    for number in range(size.papers):
        write(place / f"config/papers/{slug(number)}.yaml", _paper(number, size))
        write(place / f"resources/papers/{slug(number)}.yaml", _reported(number, size))
        code = place / f"workflow/mlmi2023/papers/{slug(number)}"
        code.mkdir()
        (code / "__init__.py").write_text("")
        (code / "options.py").write_text(OPTIONS)
        (code / "figures.py").write_text('FIGURES = {"fig1": None}\n')
    return place


def write(path: Path, content: object) -> None:
    """Write YAML."""
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def _cohort(place: Path, number: int, size: Size) -> None:
    images = place / f"data/cohort_{number}"
    images.mkdir(parents=True)
    for subject in range(size.subjects):
        for ending in ("T1w", "T2w", "seg"):
            (images / f"s{subject:04d}_{ending}.nii.gz").touch()
    tenth = size.subjects // 10
    cohort = {
        "kind": "folder",
        "root": f"data/cohort_{number}",
        "images": {m: f"{{subject}}_{m}.nii.gz" for m in ("T1w", "T2w")},
        "labels": "{subject}_seg.nii.gz",
        "split": {"train": size.subjects - 3 * tenth, "val": tenth, "test": 2 * tenth},
        "preprocess": {
            "n4": {},
            "brainmask": {"backend": "deepbet"},
            "affine": {"backend": "ants"},
            "grid": {"shape": [160, 192, 160], "spacing": 1.0},
        },
    }
    write(place / f"config/cohorts/cohort_{number}.yaml", {"paper": cohort})


def _names(size: Size) -> tuple[list[str], list[str]]:
    return [f"data_{d}" for d in range(size.datasets)], [f"method_{m}" for m in range(size.methods)]


def _paper(number: int, size: Size) -> dict:
    datasets, methods = _names(size)
    width = {"kind": "learned", "encoder": {"embed": 96, "depths": [2, 2, 4, 2], "window": [5, 6, 7]}}
    return {
        "all": {
            "summary": "Made up.",
            "seeds": list(range(size.seeds)),
            "datasets": {
                name: {
                    "cohort": f"cohort_{(number + place) % size.cohorts}",
                    "task": {"kind": "pairs", "moving": "T1w", "metrics": list(METRICS)},
                    "methods": ["floor", *methods, "ceiling"],
                    "method_options": {methods[0]: {"decoder": {"kind": "direct", "place": place}}},
                }
                for place, name in enumerate(datasets)
            },
            "methods": {
                "floor": {"kind": "identity"},
                "ceiling": {"kind": "truth"},
                **{name: {**width, "width": index} for index, name in enumerate(methods)},
            },
            "train": {"steps": 1000, "epoch_steps": 100, "batch": 2, "monitor": "val_score"},
            "figures": {"fig1": {"dataset": datasets[0], "methods": methods, "caption": "Made up."}},
        },
        "paper": {"train": {"steps": 100000}},
    }


def _reported(number: int, size: Size) -> dict:
    datasets, methods = _names(size)
    controls = {"floor": "floor", "ceiling": "ceiling"}
    values = {name: {"mean": 0.8, "sd": 0.1} for name in METRICS}
    return {
        "slug": slug(number),
        "number": number + 1,
        "title": f"Made-up paper {number}",
        "first_author": "Nobody",
        "task": "registration",
        "family": "registration",
        "datasets": [{"id": name, "name": name} for name in datasets],
        "methods": [
            *({"id": m, "name": m, "role": "proposed" if m == methods[0] else "baseline"} for m in methods),
            *({"id": m, "name": m, "role": "control", "control": c} for m, c in controls.items()),
        ],
        "metrics": [{"id": m, "name": m, "better": b, "unit": ""} for m, b in METRICS.items()],
        "tables": [
            {
                "id": f"table{place + 1}",
                "about": "Made up",
                "dataset": name,
                "columns": list(METRICS),
                "rows": [{"method": m, "values": values} for m in methods],
            }
            for place, name in enumerate(datasets)
        ],
        "figures": [{"id": "fig1", "shows": "nothing"}],
        "claims": [
            {
                "id": f"c{k}",
                "says": "it is better",
                "check": f"dice[{methods[0]}, {datasets[0]}] > dice[{m}, {datasets[0]}]",
                "margin": 0.01,
            }
            for k, m in enumerate(methods[1:], 1)
        ],
    }


def environment(place: Path) -> dict[str, str]:
    """Return the environment for a snakemake that works in the made-up repository."""
    return {**os.environ, "PYTHONPATH": str(place / "workflow")}
