"""One tiny run of the whole workflow, from files to pages, for all papers whose tests ask for it.

A paper brings ``tests/papers/<slug>/tiny.py``: ``CONFIG``, text of a config file; ``EXAMPLES``, the files of
``config/examples`` that it is laid on (may be left out); and ``make(place)``, which writes the data.
"""

import csv
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class TinyRun:
    """A checkout in which the workflow has run."""

    place: Path

    def paper(self, slug: str) -> Path:
        """Return the folder of a paper's results."""
        return self.place / "results/demo" / slug

    def rows(self, slug: str) -> list[dict[str, str]]:
        """Return the rows of a paper's metrics.csv."""
        with open(self.paper(slug) / "metrics.csv", newline="") as stream:
            return list(csv.DictReader(stream))

    def page(self, slug: str) -> str:
        """Return the text of a paper's page."""
        return (self.paper(slug) / "index.html").read_text()

    def snakemake(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Start the workflow once more with the same configuration."""
        return snakemake(self.place, "--configfile", "tiny.yaml", "--config", "scale=demo", *args)


def checkout(place: Path) -> Path:
    """Copy into ``place`` what the workflow needs of this repository."""
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    return place


def snakemake(place: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the workflow in a checkout, with ``<place>/real`` for what examples call MLMI_REAL_DATA."""
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "2", *args]
    env = {**os.environ, "PYTHONPATH": str(place / "workflow"), "MLMI_REAL_DATA": str(place / "real")}
    return subprocess.run(command, cwd=place, capture_output=True, text=True, env=env)


def of_paper(slug: str) -> ModuleType:
    """Return the module ``tests/papers/<slug>/tiny.py``."""
    spec = importlib.util.spec_from_file_location(f"tiny_{slug}", ROOT / f"tests/papers/{slug}/tiny.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def laid(base: Any, over: Any) -> Any:
    """Return ``over`` laid on ``base``; unlike in the configuration itself, a null stays."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return {key: laid(base.get(key), over[key]) if key in over else base[key] for key in {**base, **over}}


def run(place: Path, slugs: list[str]) -> TinyRun:
    """Make the data of these papers in ``place``, and run them in one workflow.

    Raises:
        AssertionError: the run fails; with what it said and the ends of its logs.
    """
    checkout(place)
    config: dict[str, object] = {}
    for slug in slugs:
        tiny = of_paper(slug)
        tiny.make(place)
        for example in getattr(tiny, "EXAMPLES", ()):
            config = laid(config, yaml.safe_load((ROOT / f"config/examples/{example}.yaml").read_text()))
        config = laid(config, yaml.safe_load(tiny.CONFIG))
    config |= {"papers": slugs, "results": "results"}
    (place / "tiny.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    made = TinyRun(place)
    done = made.snakemake()
    logs = "".join(f"\n== {p}\n" + p.read_text()[-800:] for p in place.rglob("logs/**/*.log"))
    assert done.returncode == 0, done.stderr[-3000:] + logs[-6000:]
    return made
