"""SAINT and RPLHR: networks on stacks, learned on other volumes as if slices never overlapped (Fig. 7)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.ct_stacks.reader import Stacks, open_stacks
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.sr4zct.data import scaled
from mlmi2023.papers.sr4zct.members import Member, members
from mlmi2023.papers.sr4zct.rplhr import Tvsrn
from mlmi2023.papers.sr4zct.saint import Saint
from mlmi2023.physics.slice_profile import interpolate
from mlmi2023.tasks.runs import ready
from mlmi2023.training.loop.optimisers import build_optimiser
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure

#: Blocks of each volume, from one end to the other, that tell how far a network has come.
WATCHED = 4


def build_slab_net(options: dict[str, Any], factor: int) -> nn.Module:
    """Return an untrained network that puts ``factor`` rows in the place of a slice."""
    net = {key: value for key, value in options["net"].items() if key != "slices"}
    if options["model"] == "saint":
        return Saint(factor, **net)
    return Tvsrn(factor, slices=int(options["net"]["slices"]), **net)


def factor_of(job: Job, found: list[Member]) -> int:
    """Return the whole number of rows that comes closest to the spacing of slices.

    Raises:
        InputError: the scans differ in it; a network serves one factor.
    """
    factors = {max(round(m.stack.spacing / m.stack.pixel), 1) for m in found}
    if len(factors) != 1:
        raise InputError(
            f"config key methods.{job.method}.settings: scans have {', '.join(map(str, sorted(factors)))} "
            "rows per slice; name scans with one spacing"
        )
    return factors.pop()


class SlabSamples(Dataset):
    """Random blocks of the references of other volumes, thin slices on the device of the module."""

    def __init__(self, sizes: list[tuple[int, ...]], rows: int, crop: int) -> None:
        self.sizes, self.rows, self.crop = sizes, rows, crop

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> dict[str, Any]:
        room = [n - m + 1 for n, m in zip(self.sizes[index], (self.rows, self.crop, self.crop))]
        corner = [int(torch.randint(max(r, 1), (1,))) for r in room]
        return {"volume": index, "corner": torch.tensor(corner)}


class WatchedBlocks(Dataset):
    """The same blocks at every look, so that the curve does not waver with the places that were drawn."""

    def __init__(self, sizes: list[tuple[int, ...]], rows: int, crop: int) -> None:
        self.blocks: list[tuple[int, Tensor]] = []
        for number, size in enumerate(sizes):
            room = torch.tensor([n - m for n, m in zip(size, (rows, crop, crop))])
            for share in torch.linspace(0, 1, WATCHED):
                self.blocks.append((number, (room * share).long()))

    def __len__(self) -> int:
        return len(self.blocks)

    def __getitem__(self, index: int) -> dict[str, Any]:
        number, corner = self.blocks[index]
        return {"volume": number, "corner": corner}


class SlabLearning(pl.LightningModule):
    """Mean absolute error on all thin slices, from a stack without overlap."""

    def __init__(self, net: nn.Module, volumes: list[Tensor], rows: int, crop: int, train: dict[str, Any]):
        super().__init__()
        self.net, self.rows, self.crop, self.settings = net, rows, crop, train
        for number, volume in enumerate(volumes):
            self.register_buffer(f"volume_{number}", volume, persistent=False)

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the mean absolute error over a batch of blocks."""
        losses = []
        for number, (z, y, x) in zip(batch["volume"].tolist(), batch["corner"].tolist()):
            volume: Any = getattr(self, f"volume_{number}")
            true = volume[z : z + self.rows, y : y + self.crop, x : x + self.crop].float()
            losses.append((self.net(thinned(true, self.net)) - true).abs().mean())
        return torch.stack(losses).mean()

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss over a batch of blocks drawn at random."""
        return self.loss(batch)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log the loss over the watched blocks; they choose no weights."""
        self.log("watched_loss", self.loss(batch), batch_size=len(batch["corner"]))

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        return build_optimiser(self.net.parameters(), self.settings)


def thinned(thin: Tensor, net: Any) -> Tensor:
    """Return the stack that a network learns from: every k-th thin slice, or means of k side by side."""
    if net.thins == "every":
        return thin[:: net.factor]
    return thin.unflatten(0, (-1, net.factor)).mean(dim=1)


def plan_slabs(job: Job) -> Plan:
    """Return module and samples of SAINT or RPLHR.

    Raises:
        InputError: no other volume has a reference.
    """
    cohort = open_stacks(job.data)
    found = members(job, cohort)
    net = build_slab_net(job.method_options, factor := factor_of(job, found))
    tested = {m.volume.name for m in found}
    usable = [v for v in cohort.volumes if v.name not in tested and v.reference_file and v.split != "test"]
    if not usable:
        raise InputError(
            f"cohort '{cohort.name}': method '{job.method}' learns from volumes that are not tested and have "
            "a reference, and there are none; give some the split train, or leave the method out"
        )
    volumes = [scaled(v.reference(), job.task).half() for v in usable]
    rows = factor * int(job.method_options["net"].get("slices", job.train.get("slices", 8)))
    crop = min(int(job.train.get("crop") or 64), *(min(v.shape[1:]) for v in volumes))
    if min(len(v) for v in volumes) < rows:
        raise InputError(f"config key methods.{job.method}: {rows} rows exceed a reference; lower net.slices")
    sizes = [tuple(v.shape) for v in volumes]
    module = SlabLearning(net, volumes, rows, crop, job.train)
    # before the first step both networks interpolate
    measure = Measure("watched_loss", "lower", ceiling=0.0)
    watched = WatchedBlocks(sizes, rows, crop)
    return Plan(module, SlabSamples(sizes, rows, crop), watched, measure=measure)


def enhancer(job: Job, weights: Path | None, cohort: Stacks) -> Callable[[Member], Tensor]:
    """Return what makes the volume of a member, the same for both views."""
    found = members(job, cohort)
    net, device = ready(job, build_slab_net(job.method_options, factor_of(job, found)), weights)

    def restore(member: Member) -> Tensor:
        stack = member.stack
        rows = net(scaled(stack.array(), job.task).to(device)).clamp(0, 1).cpu()
        places = net.places(torch.from_numpy(stack.centres()), stack.spacing)  # type: ignore[operator]
        return interpolate(places.numpy(), stack.rows, stack.pixel)(rows, 0)

    return restore
