"""What a paper hands to the trainer."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from mlmi2023.core.options import options
from mlmi2023.training.loop.options import Training
from mlmi2023.training.loop.status import TRAIN_LOSS, Measure

if TYPE_CHECKING:
    import lightning.pytorch as pl
    from torch.utils.data import Dataset


@dataclass(frozen=True)
class Schedule:
    """How long and how to train; the ``train`` slice of a paper's config.

    Attributes:
        steps: optimiser steps in all.
        epoch_steps: steps between validations; each ends with the checkpoint from which a killed run resumes.
        batch: samples per step.
        learning_rate: initial rate; the paper's module decides on its decay.
        precision: ``32``, ``bf16`` or ``16`` (mixed); the last two only on a GPU, ``32`` is used on CPU.
        monitor: name of the logged validation value that picks the final weights; empty: the last weights.
        mode: ``min`` or ``max`` of ``monitor``.
        clip: maximal gradient norm; 0 switches clipping off.
        workers: processes that load data; 0 loads in the training process.
    """

    steps: int
    epoch_steps: int
    batch: int = 1
    learning_rate: float = 1e-4
    precision: str = "32"
    monitor: str = ""
    mode: str = "max"
    clip: float = 0.0
    workers: int = 0

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Schedule":
        """Read the keys of a schedule from ``config``; other keys belong to the paper.

        Raises:
            InputError: one is missing or of the wrong type or range, or epochs are not whole.
        """
        known = {f.name for f in fields(cls)}
        given = {key: value for key, value in config.items() if key in known}
        options(Training, given, "config", "train")
        return cls(**given)


@dataclass
class Plan:
    """A module, its samples and, if the paper validates, its validation samples.

    Attributes:
        module: a ``LightningModule`` whose attribute ``net`` is the network that is kept.
        train: map-style dataset; drawn from at random, with replacement across epochs.
        val: map-style dataset, read in order, or None.
        repeats: how often the schedule's steps are done: once, or for methods that are fitted to each scan on
            its own, once for every group of scans. The module begins anew by itself.
        parameters: of the network, where they are not those of ``net``.
        measure: what says whether the network has learned; None: what the schedule's ``monitor`` names, up to
            1 or down to 0, or without one the training loss, down to 0.
        selected_by: what picks the weights where the schedule names no ``monitor``, for the record.
    """

    module: "pl.LightningModule"
    train: "Dataset"
    val: "Dataset | None" = None
    repeats: int = 1
    parameters: int | None = None
    measure: Measure | None = None
    selected_by: str = "last step"

    def learned_by(self, schedule: Schedule) -> Measure:
        """Return what says whether the network has learned."""
        if self.measure:
            return self.measure
        if schedule.monitor and schedule.mode == "max":
            return Measure(schedule.monitor)
        return Measure(schedule.monitor or TRAIN_LOSS, "lower", ceiling=0.0)
