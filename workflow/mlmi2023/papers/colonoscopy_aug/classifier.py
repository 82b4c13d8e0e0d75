"""The classifier of centres (Sect. 2.1): MONAI's ResNet on the edges of frames, cross-entropy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.core.files import atomic, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.nets.pretrained import load_pretrained
from mlmi2023.papers.colonoscopy_aug.edges import sobel
from mlmi2023.papers.colonoscopy_aug.frames import view_of
from mlmi2023.papers.colonoscopy_aug.saliency import FILE, saliency_of
from mlmi2023.tasks.domains import View
from mlmi2023.tasks.runs import ready
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.data.images import DrawnRows
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure


def build(options: Mapping[str, Any], centres: int) -> nn.Module:
    """Return the ResNet of the key ``net``, whose names are those of torchvision's weights."""
    from monai.networks.nets import ResNet
    from monai.networks.nets.resnet import ResNetBottleneck

    net = ResNet(
        ResNetBottleneck,
        list(options.get("layers", (3, 4, 6, 3))),
        list(options.get("widths", (64, 128, 256, 512))),
        spatial_dims=2,
        n_input_channels=3,
        conv1_t_stride=int(options.get("stride", 2)),
        no_max_pool=not options.get("pool", True),
        num_classes=centres,
        bias_downsample=False,
    )
    if options.get("pretrained"):
        # the release's last layer answers with ImageNet's classes
        own = {name: value for name, value in net.state_dict().items() if name.startswith("fc.")}
        load_pretrained(net, options["pretrained"], lambda state, wanted: {**state, **own})
    return net


def centres_of(view: View) -> list[str]:
    """Return the centres that train, in the cohort's order."""
    used = {view.domains[row] for row in view.parts.train}
    return [centre for centre in dict.fromkeys(view.domains) if centre in used]


class CentreClassifier(pl.LightningModule):
    """Cross-entropy on edges, and ``val_accuracy``, the share of validation frames whose centre is found.

    Args:
        net: see :func:`build`.
        images: (N, H, W, 3) uint8.
        centres: (N,) number of each frame's centre; -1 for frames that are not to be seen.
        train: the ``train`` slice of the config.
    """

    images: Tensor
    centres: Tensor

    def __init__(
        self, net: nn.Module, images: np.ndarray, centres: np.ndarray, train: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.net, self.settings = net, dict(train)
        self.register_buffer("images", torch.from_numpy(np.array(images)), persistent=False)
        self.register_buffer("centres", torch.from_numpy(centres), persistent=False)
        self.right: list[Tensor] = []

    def answer(self, row: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, centres) and true centres (B,)."""
        frames = self.images[row].permute(0, 3, 1, 2).float() / 255
        return self.net(sobel(frames)), self.centres[row]

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        logits, truth = self.answer(batch["row"])
        return F.cross_entropy(logits, truth)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Note which frames are right."""
        logits, truth = self.answer(batch["row"][0])
        self.right.append((logits.argmax(1) == truth).float())

    def on_validation_epoch_end(self) -> None:
        """Log the share."""
        self.log("val_accuracy", torch.cat(self.right).mean())
        self.right.clear()

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        from mlmi2023.training.loop.optimisers import build_optimiser

        return build_optimiser(self.net.parameters(), self.settings)


def plan_classifier(job: Job) -> Plan:
    """Return module and samples: frames and centres of the training patients alone."""
    view = view_of(job, "training")
    known = centres_of(view)
    seen = {*view.parts.train, *view.parts.val}
    numbers = np.array([known.index(c) if row in seen else -1 for row, c in enumerate(view.domains)])
    net = build(job.method_options.get("net") or {}, len(known))
    module = CentreClassifier(net, view.images, numbers, job.train)
    held = list(view.parts.val)
    commonest = float(np.bincount(numbers[held]).max() / len(held))
    at_once = int(job.train.get("val_batch", 16))
    measure = Measure("val_accuracy", floor=commonest)
    return Plan(module, DrawnRows(view.parts.train), RowChunks(held, at_once), measure=measure)


def predict_classifier(job: Job, weights: Path | None, out: Path) -> None:
    """Write the folder ``out``: saliency of all frames, and the centre that each is taken for."""
    view = view_of(job, "testing")
    known = centres_of(view)
    options = {key: v for key, v in (job.method_options.get("net") or {}).items() if key != "pretrained"}
    net, device = ready(job, lambda: build(options, len(known)), weights)
    found = saliency_of(net, view.images, range(len(view.images)), device)
    with atomic(out) as part:
        part.mkdir()
        np.savez_compressed(part / FILE, **found)  # type: ignore[arg-type]
        parameters = sum(p.numel() for p in net.parameters())
        write_json(part / "about.json", {"centres": known, "parameters": parameters})
