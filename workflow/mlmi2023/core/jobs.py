"""What one job of the chain works on, with or without the workflow engine."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mlmi2023.core.files import content_hash


@dataclass(frozen=True)
class Used:
    """What another method of the same dataset, seed and fold has left behind.

    Attributes:
        predictions: its folder of predictions.
        weights: its final weights; None if it is not trained.
    """

    predictions: Path
    weights: Path | None = None


@dataclass(frozen=True)
class Job:
    """One method on one dataset with one seed and fold: the unit of train, predict and score.

    Attributes:
        paper: slug of the paper.
        dataset: dataset id of the paper's ``resources`` file (``ixi``), real or stand-in.
        method: method id (``tm_dca``).
        seed: seed of initialisation and sampling.
        fold: cross-validation fold; 0 where the paper has one split.
        stage: training step of a method that has several; ``main`` for all others.
        previous: weights of the stage before, or None for the first stage.
        used: what each method under the method's key ``uses`` has left, by its id.
        data: the packed cohort (see :mod:`mlmi2023.cohorts.forms.volumes.reader`).
        task: what the dataset asks for (pairs, modalities, losses), from the paper's config.
        method_options: the network or algorithm and its sizes.
        train: steps, batch size, learning rate and so on; empty for methods without training.
        threads: CPU threads; fixed per job, since results on CPU depend on it.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    paper: str
    dataset: str
    method: str
    seed: int
    data: Path
    fold: int = 0
    stage: str = "main"
    previous: Path | None = None
    used: dict[str, Used] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    method_options: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    threads: int = 1
    device: str = "auto"

    def key(self) -> str:
        """Hash of everything that defines the run except where its files lie."""
        return content_hash(
            {k: v for k, v in asdict(self).items() if k not in ("data", "device", "previous", "used")}
        )

    def about(self) -> dict[str, Any]:
        """Return what a record says of the job: which run it is, its slice of the config and the hash."""
        run = {k: getattr(self, k) for k in ("paper", "dataset", "method", "seed", "fold", "stage")}
        config = {"task": self.task, "method": self.method_options, "train": self.train}
        return {**run, "config": config, "config_hash": self.key()}
