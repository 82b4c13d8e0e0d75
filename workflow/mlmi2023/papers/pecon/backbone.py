"""Training of PENet on sub-volumes: the stage that the paper takes as given (Sect. 3.2)."""

import math
from typing import Any

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.exams.reader import Exams, open_exams
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.pecon.losses import prevalence_loss
from mlmi2023.papers.pecon.penet import PENet, build_penet
from mlmi2023.papers.pecon.scans import Cut, ScanStore, Windows, draw_augmentation, windows_of
from mlmi2023.training.data.numbers import Chunks
from mlmi2023.training.loop.optimisers import adam
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import TRAIN_LOSS, Measure

VAL_CHUNK = 16


class TrainWindows(Dataset):
    """One augmented sub-volume per item, as numbers; the module fetches the voxels itself."""

    def __init__(self, windows: Windows, cut: Cut) -> None:
        self.windows, self.cut = windows, cut

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        start, angle, place = draw_augmentation(self.cut, int(self.windows.start[index]))
        exam, label = int(self.windows.exam[index]), self.windows.label[index]
        return {"exam": exam, "start": start, "angle": angle, "place": torch.tensor(place), "label": label}


class WindowClassifier(pl.LightningModule):
    """PENet with binary cross-entropy on sub-volumes, AdamW, cosine decay."""

    def __init__(self, net: PENet, exams: Exams, cut: Cut, train: dict[str, Any]) -> None:
        super().__init__()
        self.net, self.exams, self.cut, self.settings = net, exams, cut, train
        self._store: ScanStore | None = None

    def on_fit_start(self) -> None:
        """Lay the weights out for fast 3D convolutions on a GPU."""
        if self.device.type == "cuda":
            self.net.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def _take(self, batch: dict[str, Tensor]) -> Tensor:
        if self._store is None:
            self._store = ScanStore(self.exams, self.cut, self.device)
        x = self._store.take(batch["exam"], batch["start"], batch.get("angle"), batch.get("place"))
        return x.contiguous(memory_format=torch.channels_last_3d) if x.is_cuda else x

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        return F.binary_cross_entropy_with_logits(self.net(self._take(batch))[1], batch["label"].float())

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log ``val_loss``."""
        batch = {name: value[0] for name, value in batch.items()}
        loss = F.binary_cross_entropy_with_logits(self.net(self._take(batch))[1], batch["label"].float())
        self.log("val_loss", loss, batch_size=len(batch["label"]))

    def configure_optimizers(self) -> Any:
        """AdamW and a cosine to zero over all steps."""
        rate, decay = float(self.settings["learning_rate"]), float(self.settings.get("weight_decay", 0.01))
        optimiser = adam(self.net.parameters(), torch.optim.AdamW, lr=rate, weight_decay=decay)
        steps = int(self.settings["steps"])
        cosine = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: 0.5 * (1 + math.cos(math.pi * min(step / steps, 1)))
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}


def plan_backbone(job: Job) -> Plan:
    """Return module and sub-volumes of the method whose ``model`` is ``penet``."""
    exams = open_exams(job.data)
    cut = Cut.of(job.task, exams)
    train = windows_of(exams, exams.rows("train"), cut)
    val = windows_of(exams, exams.rows("val"), cut)
    if not len(train):
        raise InputError(f"cohort '{exams.name}': no training exam has a scan; check its root")
    module = WindowClassifier(build_penet(job.method_options), exams, cut, job.train)
    judged = torch.from_numpy((val if len(val) else train).label)
    floor = prevalence_loss(torch.from_numpy(train.label), judged)
    name = "val_loss" if len(val) else TRAIN_LOSS
    measure = Measure(name, "lower", ceiling=0.0, floor=floor)
    chunks = Chunks(vars(val), VAL_CHUNK) if len(val) else None
    return Plan(module, TrainWindows(train, cut), chunks, measure=measure)
