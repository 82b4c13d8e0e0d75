"""Training of the detector (Eq. 1), with and without findings, and of the CNN that learns findings alone."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.cxr_tokens.boxes import mean_boxes, overlap
from mlmi2023.papers.cxr_tokens.cnn import FindingClassifier, finding_loss, rarity_weights
from mlmi2023.papers.cxr_tokens.detector import CompactDetector, Learned, Tokens
from mlmi2023.papers.cxr_tokens.measures import mean_auroc
from mlmi2023.papers.cxr_tokens.network_options import Compact
from mlmi2023.papers.cxr_tokens.options import Classifier, Detector
from mlmi2023.papers.cxr_tokens.samples import Films, Stacked
from mlmi2023.papers.cxr_tokens.studies import Studies
from mlmi2023.training.loop.optimisers import build_optimiser
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure

AUROC, IOU = "val_auroc", "val_iou"


def build_detector(own: Detector, studies: Studies) -> nn.Module:
    """Return an untrained detector.

    Raises:
        InputError: sizes that do not fit, or torchvision is asked for and missing.
    """
    sizes = (len(studies.cohort.regions), len(studies.cohort.finding_names), studies.size)
    if isinstance(own.net, Compact):
        try:
            return CompactDetector(own.net, *sizes)
        except ValueError as error:
            raise InputError(f"{studies.where}.task.size: {error}") from error
    from mlmi2023.papers.cxr_tokens.faster_rcnn import FasterRcnnDetector

    return FasterRcnnDetector(own.net, *sizes)


def total_loss(found: Learned, own: Detector, weight: Tensor) -> Tensor:
    """Return L = L_anatomy + L_box + lambda L_finding, with the loss of the proposals' stage (Eq. 1).

    A naive detector has no last term.
    """
    loss = found.places + found.anatomy + found.box
    if own.findings and own.weight and len(found.logits):
        loss = loss + own.weight * finding_loss(found.logits, found.truth, weight, own.negatives)
    return loss


def mean_overlap(tokens: np.ndarray, score: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean overlap over regions that are there; one that is not found counts 0."""
    there = np.isfinite(truth).all(-1)
    return float(np.where(score > 0, np.nan_to_num(overlap(tokens, truth)), 0.0)[there].mean())


class Detecting(pl.LightningModule):
    """Trains a detector; validation logs ``val_iou`` and, where findings are learned, ``val_auroc``.

    Args:
        net: the detector.
        own: the method's keys.
        studies: of the run.
        train: the ``train`` slice of the config.
    """

    weight: Tensor

    def __init__(self, net: nn.Module, own: Detector, studies: Studies, train: Mapping[str, Any]) -> None:
        super().__init__()
        self.net: Any = net
        self.own, self.settings = own, dict(train)
        known = torch.from_numpy(np.array(studies.cohort.findings[studies.rows("train")]))
        self.register_buffer("weight", rarity_weights(known, own.rarity), persistent=False)
        self.found: list[tuple[np.ndarray, ...]] = []

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        learned = self.net.losses(batch["image"], batch["boxes"], batch["findings"])
        return total_loss(learned, self.own, self.weight)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Keep what is found."""
        found: Tokens = self.net(batch["image"][0])
        values = (found.boxes, found.score, found.findings, batch["boxes"][0], batch["findings"][0])
        self.found.append(tuple(value.float().cpu().numpy() for value in values))

    def on_validation_epoch_end(self) -> None:
        """Log the mean overlap of boxes, and the mean AUROC over pairs of finding and region."""
        boxes, score, findings, truth, known = (np.concatenate(own) for own in zip(*self.found))
        self.found = []
        self.log(IOU, torch.tensor(mean_overlap(boxes, score, truth)))
        if self.own.findings:
            self.log(AUROC, torch.tensor(mean_auroc(findings, known)))

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        return build_optimiser(self.net.parameters(), self.settings)


class Classifying(pl.LightningModule):
    """Trains the CNN on findings of whole images; validation logs ``val_auroc``."""

    weight: Tensor

    def __init__(
        self, net: FindingClassifier, own: Classifier, studies: Studies, train: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.net, self.settings = net, dict(train)
        known = torch.from_numpy(np.array(studies.cohort.findings[studies.rows("train")])).amax(1)
        self.register_buffer("weight", rarity_weights(known, own.rarity), persistent=False)
        self.found: list[tuple[np.ndarray, np.ndarray]] = []

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        return finding_loss(self.net(batch["image"]), batch["findings"].amax(1), self.weight)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Keep what is found."""
        logits = self.net(batch["image"][0]).float().cpu().numpy()
        self.found.append((logits, batch["findings"][0].amax(1).cpu().numpy()))

    def on_validation_epoch_end(self) -> None:
        """Log the mean AUROC over findings."""
        logits, known = (np.concatenate(own) for own in zip(*self.found))
        self.found = []
        self.log(AUROC, torch.tensor(mean_auroc(logits, known)))

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        return build_optimiser(self.net.parameters(), self.settings)


def plan_detector(job: Job, own: Detector, studies: Studies) -> Plan:
    """Return module and samples of a detector; a naive one is judged by its boxes, against mean ones."""
    module = Detecting(build_detector(own, studies), own, studies, job.train)
    if own.findings:
        return _plan(module, job, studies, Measure(AUROC, floor=0.5))

    def floor() -> float:
        truth = studies.boxes(studies.watched())
        mean = mean_boxes(studies.boxes(studies.rows("train")))
        return mean_overlap(np.broadcast_to(mean, truth.shape), np.ones(truth.shape[:2]), truth)

    return _plan(module, job, studies, Measure(IOU, floor=floor))


def plan_classifier(job: Job, own: Classifier, studies: Studies) -> Plan:
    """Return module and samples of the CNN that learns findings."""
    net = FindingClassifier(own.net, len(studies.cohort.finding_names))
    return _plan(Classifying(net, own, studies, job.train), job, studies, Measure(AUROC, floor=0.5))


def _plan(module: pl.LightningModule, job: Job, studies: Studies, measure: Measure) -> Plan:
    val = Stacked(Films(studies, studies.watched(), True), int(job.train.get("val_batch", 32)))
    return Plan(module, Films(studies, studies.rows("train"), False), val, measure=measure)
