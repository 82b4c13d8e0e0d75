"""A small network in FastSurfer's place: tissues of slices in three views, averaged to a volume."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.core.files import atomic
from mlmi2023.core.jobs import Job
from mlmi2023.losses.segmentation import build_loss
from mlmi2023.nets import registry
from mlmi2023.papers.hifi_diff.samples import padded
from mlmi2023.papers.hifi_diff.volumes import Volumes
from mlmi2023.tasks.runs import ready
from mlmi2023.tasks.segmentation.module import DICE, Segmentation
from mlmi2023.training.loop.plan import Plan

VIEWS = 3
#: how often a slice must halve: four levels down of the U-Nets
HALVINGS = 4
#: slices of a view that go through the network at once
AT_ONCE = 64


def view(volume: Tensor, number: int) -> Tensor:
    """Return a volume (N, H, W) as slices across one of its axes, that axis first."""
    return volume.movedim(number, 0)


def build_segmenter(task: Mapping[str, Any]) -> nn.Module:
    """Return the untrained network of ``task.segmenter``, (B, 1, H, W) -> (B, 1 + tissues, H, W)."""
    side = 2**HALVINGS
    return registry.build(task["segmenter"], 1, 1 + len(task["tissues"]), (side, side))


class Views(Dataset):
    """A random slice of a random view of each training volume, with its tissues, padded to one square."""

    def __init__(self, volumes: Volumes) -> None:
        self.volumes, self.own = volumes, volumes.indices("train")
        self.side = -(-max(volumes.rows, *volumes.size) // 2**HALVINGS) * 2**HALVINGS

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return ``image`` (1, S, S) and ``label`` (S, S)."""
        number = int(torch.randint(VIEWS, (1,)))
        images = view(self.volumes.part(self.own[index]), number)
        place = int(torch.randint(len(images), (1,)))
        label = view(self.volumes.labels(self.own[index]), number)[place]
        return {"image": self._squared(images[place])[None], "label": self._squared(label)}

    def _squared(self, image: Tensor) -> Tensor:
        made = image.new_zeros(self.side, self.side)
        made[: image.shape[0], : image.shape[1]] = image
        return made


class WholeViews(Dataset):
    """All slices of one view of each validation volume: a batch each."""

    def __init__(self, volumes: Volumes) -> None:
        self.volumes, self.own = volumes, volumes.indices("val")

    def __len__(self) -> int:
        return VIEWS * len(self.own)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """Return ``image`` (n, 1, H, W), ``label`` (n, H, W) and ``case`` (n,)."""
        case, own = divmod(number, VIEWS)
        images = padded(view(self.volumes.part(self.own[case]), own), HALVINGS)
        labels = padded(view(self.volumes.labels(self.own[case]), own), HALVINGS)
        return {"image": images[:, None], "label": labels, "case": torch.full((len(images),), case)}


def plan_segmenter(job: Job, volumes: Volumes) -> Plan:
    """Return module and samples of the segmenter, which learns on full volumes."""
    net, whole = build_segmenter(job.task), WholeViews(volumes)
    module = Segmentation(
        net,
        build_loss(job.train.get("loss")),
        job.train,
        classes=len(volumes.tissues),
        cases=len(whole.own),
    )
    if not len(whole):
        return Plan(module, Views(volumes))
    return Plan(module, Views(volumes), whole, measure=DICE)


def segment(net: nn.Module, volume: Tensor) -> Tensor:
    """Return the tissues of a volume (N, H, W), uint8: those with the highest mean probability over views."""
    total: Tensor | None = None
    for number in range(VIEWS):
        slices = view(volume, number)
        height, width = slices.shape[1:]
        parts = padded(slices, HALVINGS)[:, None].contiguous().split(AT_ONCE)
        found = torch.cat([net(part).softmax(1) for part in parts])
        back = found[..., :height, :width].transpose(0, 1)  # (classes, slices, ...)
        back = back.movedim(1, 1 + number)
        total = back if total is None else total + back
    assert total is not None
    return total.argmax(0).to(torch.uint8)


def predict_segmenter(job: Job, weights: Path | None, out: Path) -> None:
    """Write the tissues that the network finds in each test volume.

    ``<subject>.npz`` holds ``whole`` (N, H, W) and, for each tested factor, ``x<r>``: what it finds in the
    rows that thick slices cover, when it sees no others, as it will see the filled ones.
    """
    volumes = Volumes(job)
    net, device = ready(job, build_segmenter(job.task), weights)
    with atomic(out) as part, torch.inference_mode():
        part.mkdir()
        for index in volumes.indices("test"):
            found = {"whole": segment(net, volumes.part(index).to(device))}
            for factor in job.task["factors"]:
                found[f"x{factor}"] = segment(net, volumes.truth(index, factor).to(device))
            arrays = {name: labels.cpu().numpy() for name, labels in found.items()}
            np.savez_compressed(part / f"{volumes.name(index)}.npz", **arrays)  # type: ignore[arg-type]
