"""How PiCIE learns: two views of each image, clustered apart, that must tell each other's clusters."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.jobs import Job
from mlmi2023.papers.ocm_vit.cases import PoolCases
from mlmi2023.papers.ocm_vit.keys import keys_of
from mlmi2023.papers.ocm_vit.options import Picie
from mlmi2023.papers.ocm_vit.picie import PicieNet, agreement, clustered, matched, view_losses
from mlmi2023.papers.ocm_vit.unlabelled import Numbered, Pool
from mlmi2023.papers.ocm_vit.views import CROP, LIGHT, boxes, crops, lit
from mlmi2023.training.loop.optimisers import build_optimiser
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure

#: agreement of the clusters of two views of held images
VAL = "val_agreement"
AT_ONCE = 8
#: random numbers of a sample: the geometry, and the light of both views
DRAWS = CROP + 2 * LIGHT


def picie_net(job: Job) -> tuple[PicieNet, Picie]:
    """Return the network of a job, and its keys."""
    keys = keys_of(Picie, job)
    return PicieNet(keys.net, keys.clusters), keys


def plan_picie(job: Job) -> Plan:
    """Return module and samples of PiCIE on the pool."""
    net, keys = picie_net(job)
    pool = Pool(PoolCases(job))
    held = range(pool.count, len(pool.images))
    val = Numbered(held, DRAWS, fixed=0, at_once=int(job.train.get("val_batch", 8)))
    module = Invariant(net, pool, keys, job.train, job.seed)
    train, measure = Numbered(range(pool.count), DRAWS), Measure(VAL, floor=0.0)
    return Plan(module, train, val, measure=measure)


class Invariant(pl.LightningModule):
    """Cluster the features of both views, then learn the clusters; again before every epoch.

    Args:
        net: the network.
        pool: the images.
        keys: of the method.
        train: the ``train`` slice of the config.
        seed: of the clusterings.
    """

    ready: Tensor

    def __init__(self, net: PicieNet, pool: Pool, keys: Picie, train: Mapping[str, Any], seed: int) -> None:
        super().__init__()
        self.net, self.pool, self.keys, self.settings, self.seed = net, pool, keys, dict(train), seed
        self.register_buffer("ready", torch.tensor(False))
        self._held: list[tuple[Tensor, Tensor]] = []

    def views(self, rows: Tensor, draw: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, D, h, w) of two views: the crop of features, and the features of the crop."""
        image = self.pool(rows)
        draw = draw.to(image.device)
        size = image.shape[2], image.shape[3]
        maps = boxes(draw[:, :CROP], self.keys.crop, 4 / 3).to(image.device)
        light = [lit(image, own, self.keys.jitter) for own in draw[:, CROP:].chunk(2, dim=1)]
        first = self.net.features(light[0])
        seen = self.net.features(crops(light[1], maps, size))
        first = torch.nn.functional.normalize(crops(first, maps, (first.shape[2], first.shape[3])), dim=1)
        return first, seen

    @torch.no_grad()
    def cluster(self) -> None:
        """Find the centres of both views' features in training images, matched to each other."""
        training = self.net.training
        self.net.eval()
        rng = torch.Generator().manual_seed(self.seed)
        rows = torch.randperm(self.pool.count, generator=rng)
        found: list[list[Tensor]] = [[], []]
        taken = 0
        for part in rows.split(AT_ONCE):
            pair = self.views(part.to(self.device), torch.rand(len(part), DRAWS, generator=rng))
            for view, maps in enumerate(pair):
                found[view].append(maps.permute(0, 2, 3, 1).flatten(0, 2).cpu())
            taken += len(found[0][-1])
            if taken >= self.keys.sampled:
                break
        centres: list[np.ndarray] = []
        for own in found:
            every = torch.cat(own)
            some = every[torch.randperm(len(every), generator=rng)[: self.keys.sampled]].numpy()
            centres.append(clustered(some, self.keys.clusters, self.seed))
        before = self.net.centres[0].cpu().numpy() if bool(self.ready) else centres[0]
        first = matched(centres[0], before)
        self.net.centres.copy_(torch.from_numpy(np.stack([first, matched(centres[1], first)])))
        self.ready.fill_(True)
        self.net.train(training)

    def on_fit_start(self) -> None:
        """Cluster features of the untrained network; a resumed run has its centres."""
        if not bool(self.ready):
            self.cluster()

    def on_train_epoch_end(self) -> None:
        """Cluster anew, for the next epoch or for good."""
        self.cluster()

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        pair = self.views(batch["row"], batch["draw"])
        likeness = [[self.net.likeness(maps, centres) for centres in range(2)] for maps in pair]
        labels = [likeness[view][view].detach().argmax(1) for view in range(2)]
        return view_losses(likeness, labels)

    def on_validation_epoch_start(self) -> None:
        """Begin anew."""
        self._held.clear()

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Name the clusters of two views of held images, always the same views."""
        pair = self.views(batch["row"][0], batch["draw"][0])
        first, second = (self.net.likeness(maps, 0).argmax(1).flatten() for maps in pair)
        self._held.append((first, second))

    def on_validation_epoch_end(self) -> None:
        """Log how well they agree."""
        first, second = (torch.cat(own) for own in zip(*self._held))
        self.log(VAL, torch.tensor(agreement(first, second, self.keys.clusters), dtype=torch.float32))

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        return build_optimiser(self.net.parameters(), self.settings)
