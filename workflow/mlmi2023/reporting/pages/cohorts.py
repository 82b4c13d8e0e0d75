"""The data section of a page: the scores of each preprocessing step against the truth, and its pictures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.about import about_packed
from mlmi2023.cohorts.forms import VOLUMES, form_of
from mlmi2023.core.csv_files import read_columns

COLUMNS = ["subject", "step", "metric", "value"]


@dataclass(frozen=True)
class Score:
    """One score of one step over all subjects that have it."""

    step: str
    metric: str
    mean: float
    low: float
    high: float
    subjects: int


@dataclass(frozen=True)
class Cohort:
    """A cohort as the page shows it.

    Attributes:
        name: the cohort's name.
        about: (what, text) lines: kind, subjects per split, grid and so on.
        qc: its folder of pictures and scores, or None.
        datasets: the paper's datasets that it stands for.
    """

    name: str
    about: tuple[tuple[str, str], ...]
    qc: Path | None = None
    datasets: tuple[str, ...] = ()

    def scores(self) -> list[Score]:
        """Return the scores of ``preprocess.csv``, in its order of steps; none without the file."""
        return read_scores(self.qc / "preprocess.csv") if self.qc else []

    def samples(self) -> Path | None:
        """Return the picture of samples, if there is one."""
        path = self.qc / "samples.png" if self.qc else None
        return path if path and path.exists() else None

    def mosaics(self) -> list[Path]:
        """Return the picture of each subject."""
        return sorted(self.qc.glob("sub-*.png")) if self.qc else []


def read_scores(path: str | Path) -> list[Score]:
    """Summarise a table subject,step,metric,value over subjects.

    Raises:
        InputError: the file is broken or its columns are others.
    """
    path = Path(path)
    if not path.exists():
        return []
    frame = read_columns(path, COLUMNS, "delete it and run again", ["value"])
    scores = []
    for (step, metric), part in frame.groupby(["step", "metric"], sort=False):
        value = part["value"].dropna().astype(float)
        if len(value):
            found = (float(value.mean()), float(value.min()), float(value.max()), len(value))
            scores.append(Score(str(step), str(metric), *found))
    return scores


def describe_cohort(
    name: str, config: Mapping[str, Any], qc: Path, packed: Path, datasets: Sequence[str]
) -> Cohort:
    """Return a cohort as the page shows it.

    Args:
        name: the cohort's name.
        config: its configuration.
        qc: its folder of pictures and scores.
        packed: its packed folder, for counts and the data hash.
        datasets: ids of the paper's datasets that it stands for.
    """
    about = about_packed(packed)
    splits = Counter(row["split"] for row in about["subjects"])
    kinds = {
        "simulated": f"stand-in, made by the simulator '{config.get('simulator')}'",
        "packaged": f"public table inside a package, '{config.get('dataset')}'",
        "dataset": "public dataset",
        "joined": "other cohorts side by side",
    }
    counts = (
        str(splits["all"]) if set(splits) == {"all"} else ", ".join(f"{n} {s}" for s, n in splits.items())
    )
    lines = [
        ("what", config.get("about", "") or kinds.get(config["kind"], "own data")),
        ("kind", kinds.get(config["kind"], "own data")),
        ("subjects", counts),
        *(_volume_facts(config, about) if form_of(dict(config)) == VOLUMES else about["facts"]),
        *_positive_classes(about),
        ("data hash", about["content_hash"]),
        *(("look at this", line) for line in _doubts(qc)),
    ]
    return Cohort(name, tuple((what, text) for what, text in lines), qc, tuple(datasets))


def _positive_classes(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the class that sensitivity, specificity and AUPRC are about, for each target of two classes."""
    pairs = (
        {t: c[-1] for t, c in about.get("classes", {}).items() if len(c) == 2} if "targets" in about else {}
    )
    text = ", ".join(f"{positive} ({target})" for target, positive in pairs.items())
    return [("positive class", text)] if text else []


def _doubts(qc: Path) -> list[str]:
    """Return what the quality control warns of, a line each."""
    file = qc / "warnings.txt"
    return file.read_text().splitlines() if file.is_file() else []


def _volume_facts(config: Mapping[str, Any], about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the lines that only a cohort of volumes has; other forms bring theirs in ``cohort.json``."""
    grid = config["preprocess"]["grid"]
    return [
        ("images", ", ".join(about["modalities"])),
        ("structures", f"{len(about['labels'])} labelled" if about["labels"] else "no labels"),
        ("preprocessing", ", ".join(config["preprocess"])),
        ("grid", f"{' x '.join(map(str, grid['shape']))} voxels at {grid['spacing']} mm"),
    ]
