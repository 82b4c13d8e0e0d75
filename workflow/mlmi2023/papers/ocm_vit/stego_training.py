"""How STEGO learns: each image is paired with itself, with one near to it, and with any other."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.core.jobs import Job
from mlmi2023.papers.ocm_vit.cases import PoolCases
from mlmi2023.papers.ocm_vit.keys import keys_of
from mlmi2023.papers.ocm_vit.options import Stego
from mlmi2023.papers.ocm_vit.stego import (
    StegoNet,
    best_loss,
    cluster_loss,
    correspondence,
    correspondence_loss,
)
from mlmi2023.papers.ocm_vit.unlabelled import Numbered, Pool
from mlmi2023.papers.ocm_vit.vit import encoder, load_encoder, sizes_of
from mlmi2023.training.loop.optimisers import build_optimiser
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure

VAL = "val_correspondence"
#: images that go through the encoder in one go
AT_ONCE = 8
#: random numbers of a sample that are no places: which neighbour, which other image
OTHERS = 2


def stego_net(job: Job, size: tuple[int, int], pretrained: bool) -> tuple[StegoNet, Stego]:
    """Return the network of a job, and its keys.

    Args:
        job: of the method.
        size: of images.
        pretrained: fill its encoder with that of the method under ``uses``, or of ``net.pretrained``; else
            it is about to be filled.
    """
    keys = keys_of(Stego, job)
    given = [used.weights for used in job.used.values() if used.weights is not None]
    vit = encoder(sizes_of(job.method_options["net"], bare=not pretrained or bool(given)), size)
    if pretrained and given:
        load_encoder(vit, given[0])
    return StegoNet(vit, keys.code, keys.clusters), keys


def plan_stego(job: Job) -> Plan:
    """Return module and samples of STEGO on the pool."""
    cases = PoolCases(job, encoder=True)
    net, keys = stego_net(job, cases.size, pretrained=True)
    pool = Pool(cases)
    module = Corresponding(net, pool, keys, job.train)
    draws = OTHERS + 2 * keys.points
    held = range(pool.count, len(pool.images))
    val = Numbered(held, draws, fixed=0, at_once=max(2, int(job.train.get("val_batch", 8))))
    measure = Measure(VAL, "lower", ceiling=lambda: float(module.least), floor=0.0)
    return Plan(module, Numbered(range(pool.count), draws), val, measure=measure)


@torch.no_grad()
def nearest(net: StegoNet, pool: Pool, count: int) -> Tensor:
    """Return of each training image the numbers of the nearest ones by their mean features, (n, count)."""
    rows = torch.arange(pool.count)
    means = torch.cat([net.features(pool(part)).mean((2, 3)) for part in rows.split(AT_ONCE)])
    alike = F.normalize(means, dim=1) @ F.normalize(means, dim=1).T
    alike.fill_diagonal_(-2)
    return alike.topk(min(count, pool.count - 1), dim=1).indices


class Corresponding(pl.LightningModule):
    """Train the head and the clusters of STEGO.

    Batches hold ``row`` (B,) and ``draw`` (B, n): which neighbour and which other image, then places.

    Args:
        net: the network.
        pool: the images.
        keys: of the method.
        train: the ``train`` slice of the config.
    """

    near: Tensor
    least: Tensor

    def __init__(self, net: StegoNet, pool: Pool, keys: Stego, train: Mapping[str, Any]) -> None:
        super().__init__()
        self.net, self.pool, self.keys, self.settings = net, pool, keys, dict(train)
        self.register_buffer("near", nearest(net, pool, keys.neighbours), persistent=False)
        self.register_buffer("least", torch.tensor(0.0))
        self._held: list[Tensor] = []

    def places(self, maps: Tensor, draw: Tensor) -> Tensor:
        """Return columns (B, C, P) of maps (B, C, h, w) at places drawn by (B, P) numbers."""
        flat = maps.flatten(2)
        chosen = (draw * flat.shape[2]).long().clamp(max=flat.shape[2] - 1)
        return flat.gather(2, chosen[:, None].expand(-1, flat.shape[1], -1))

    def pairs(self, images: list[Tensor], draw: Tensor) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        """Return correspondences of features and of codes for the pairs, and the codes of the first image.

        Args:
            images: (B, 3, H, W) each: the images, and those that each is paired with, but for itself.
            draw: (B, 2 P) numbers of places.
        """
        own, other = draw.chunk(2, dim=1)
        maps = [self.net.features(image) for image in images]
        codes = [self.net.codes(found) for found in maps]
        first, code = self.places(maps[0], own), self.places(codes[0], own)
        found = [(correspondence(first, first), correspondence(code, code))]
        for one, made in zip(maps[1:], codes[1:]):
            both = self.places(one, other), self.places(made, other)
            found.append((correspondence(first, both[0]), correspondence(code, both[1])))
        return found, codes[0]

    def total(self, pairs: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Return the weighted loss of the pairs, and the lowest that it could be."""
        terms = [self.keys.itself, self.keys.near, self.keys.random]
        loss = sum(t.weight * correspondence_loss(f, s, t.shift) for t, (f, s) in zip(terms, pairs))
        least = sum(t.weight * best_loss(f, t.shift) for t, (f, _) in zip(terms, pairs))
        return torch.as_tensor(loss), torch.as_tensor(least)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        rows, draw = batch["row"], batch["draw"]
        choice = (draw[:, 0] * self.near.shape[1]).long()
        near = self.near[rows.to(self.near.device), choice.to(self.near.device)]
        # any other: not the image itself
        other = (rows + 1 + (draw[:, 1] * (self.pool.count - 1)).long()) % self.pool.count
        images = [self.pool(rows), self.pool(near), self.pool(other)]
        pairs, codes = self.pairs(images, draw[:, OTHERS:])
        return self.total(pairs)[0] + cluster_loss(codes, self.net.centres)

    def on_validation_epoch_start(self) -> None:
        """Begin anew."""
        self._held.clear()

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Compare held images with themselves, and with the next and the one before in their batch."""
        image = self.pool(batch["row"][0])
        pairs, _ = self.pairs([image, image.roll(1, 0), image.roll(-1, 0)], batch["draw"][0][:, OTHERS:])
        self._held.append(torch.stack(self.total(pairs)))

    def on_validation_epoch_end(self) -> None:
        """Log the loss; the lowest there could be is the same at every look."""
        loss, least = torch.stack(self._held).mean(0)
        self.least.copy_(least)
        self.log(VAL, loss)

    def configure_optimizers(self) -> Any:
        """Return what the config asks for; the encoder stays as it is."""
        own = [p for p in self.net.parameters() if p.requires_grad]
        return build_optimiser(own, self.settings)
