"""Training of the classifiers (Table 3): a network for every fold and, of baselines, every setting."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.core.jobs import Job
from mlmi2023.papers.magnet.classifiers import baseline, logit_loss, tuned
from mlmi2023.papers.magnet.options import EfficientNet, Magnet, ResNet50
from mlmi2023.papers.magnet.patients import DevicePatients, DrawnPatients, Patients
from mlmi2023.papers.magnet.repeats import Repeats
from mlmi2023.papers.magnet.subsets import masks_of
from mlmi2023.training.data.numbers import Counted
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure

Keys = Magnet | ResNet50 | EfficientNet


class Turn(NamedTuple):
    """What a network of the run is for: its fold and, of baselines, its setting; None: all settings."""

    fold: int
    setting: str | None


def turns(keys: Keys, patients: Patients) -> list[Turn]:
    """Return the networks of a method: of MagNET one a fold, of baselines one for each setting and fold."""
    settings: Sequence[str | None] = [None] if isinstance(keys, Magnet) else patients.task.settings
    return [Turn(fold, setting) for setting in settings for fold in range(patients.folds)]


def networks(job: Job, keys: Keys, patients: Patients) -> list[nn.Module]:
    """Return the untrained networks of all turns, alike where they have the same inputs.

    Raises:
        InputError: the weights of the stage before are of another network, or images do not fit.
    """
    found: list[nn.Module] = []
    for turn in turns(keys, patients):
        torch.manual_seed(job.seed)  # folds differ by their patients alone
        if isinstance(keys, Magnet):
            found.append(tuned(keys, len(patients.modalities), patients.size, job.previous))
        else:
            assert turn.setting is not None
            found.append(baseline(keys, masks_of([turn.setting], patients.modalities)[0], patients.size))
    return found


class FoldTraining(Repeats):
    """Trains the networks one after the other, each on its fold's patients.

    Args:
        nets: of all turns.
        found: the turns.
        patients: of the cohort.
        train: the ``train`` slice of the config.
    """

    def __init__(
        self, nets: Sequence[nn.Module], found: list[Turn], patients: Patients, train: Mapping[str, Any]
    ) -> None:
        super().__init__(nets, train)
        self.turns, self.source = found, DevicePatients(patients, patients.job.task.get("augment"))
        parts = [patients.divided(fold)[:2] for fold in range(patients.folds)]
        self.rows = [[torch.from_numpy(rows) for rows in part] for part in parts]
        self.masks = [
            masks_of([turn.setting] if turn.setting else patients.task.settings, patients.modalities)
            for turn in found
        ]
        self._value = 0.0

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch of the fold at hand."""
        rows = self.rows[self.turns[self.turn].fold][0].to(self.device)
        images, labels = self.source(rows[batch["place"]], batch["draw"])
        return logit_loss(self.net[self.turn](images, batch["present"]), labels)

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Take the mean loss of all validation patients over the settings of the network."""
        rows = self.rows[self.turns[self.turn].fold][1].to(self.device)
        images, labels = self.source(rows)
        losses = [
            logit_loss(self.net[self.turn](images, mask.to(self.device).expand(len(images), -1)), labels)
            for mask in self.masks[self.turn]
        ]
        self._value = float(torch.stack(losses).mean())
        self.log("val_loss", self._value)

    def on_validation_epoch_end(self) -> None:
        """Keep the weights with the lowest loss."""
        self.validated(-self._value)

    def configure_optimizers(self) -> Any:
        """Return what the config asks for; the networks' parameters are stepped in their turn."""
        return self.optimiser_of(self.net.parameters())


def entropy(labels: np.ndarray) -> float:
    """Return the cross-entropy of answering how frequent the classes are."""
    share = float(np.clip(labels.mean(), 1e-6, 1 - 1e-6))
    return float(-(share * np.log(share) + (1 - share) * np.log(1 - share)))


def least(patients: Patients) -> float:
    """Return the loss of who knows what made the images; 0 where nobody does."""
    known, labels = patients.cohort.known, patients.labels
    if not np.isfinite(known).all():
        return 0.0
    p = np.clip(np.where(labels == 1, known, 1 - known), 1e-6, 1)
    return float(-np.log(p).mean())


def plan(job: Job, keys: Keys) -> Plan:
    """Return module and samples; a run is judged by its mean validation loss over folds and settings.

    Its floor is to answer how frequent the classes are, its ceiling what is known of the images.
    """
    patients = Patients(job)
    nets, found = networks(job, keys, patients), turns(keys, patients)
    module = FoldTraining(nets, found, patients, job.train)
    val: Dataset = Counted(1)
    return Plan(
        module,
        DrawnPatients(patients),
        val,
        repeats=len(found),
        parameters=sum(p.numel() for p in nets[-1].parameters()),
        measure=Measure("val_loss", "lower", ceiling=least(patients), floor=entropy(patients.labels)),
        selected_by="val_loss of each network",
    )
