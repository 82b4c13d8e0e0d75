"""Masked image modelling (Sect. 2.2): parts of an image are drawn from the others."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from transformers import ViTForMaskedImageModeling

from mlmi2023.core.jobs import Job
from mlmi2023.papers.ocm_vit.cases import PoolCases
from mlmi2023.papers.ocm_vit.encoder_options import Mim
from mlmi2023.papers.ocm_vit.keys import keys_of
from mlmi2023.papers.ocm_vit.masking import block_masks, blocks_of, masked_l1, on_pixels
from mlmi2023.papers.ocm_vit.stopping import StopRule
from mlmi2023.papers.ocm_vit.unlabelled import Numbered, Pool
from mlmi2023.papers.ocm_vit.views import CROP, boxes, crops
from mlmi2023.papers.ocm_vit.vit import masked_model, patch_features
from mlmi2023.training.loop.optimisers import build_optimiser
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure

#: the loss on images that nothing is learned from
VAL = "val_l1"


def plan_mim(job: Job) -> Plan:
    """Return module and samples of masked image modelling on the pool.

    Raises:
        InputError: the pool is too small, or patches or blocks do not fill images.
    """
    keys = keys_of(Mim, job)
    cases = PoolCases(job, encoder=True)
    pool, train = Pool(cases), dict(job.train)
    grid = cases.size[0] // keys.net.patch, cases.size[1] // keys.net.patch
    module = MaskedImages(masked_model(keys.net, cases.size), pool, keys, train)
    rows, columns = blocks_of(grid, keys.mask.patches)
    draws = CROP + rows * columns
    held = range(pool.count, len(pool.images))
    val = Numbered(held, draws, fixed=0, at_once=int(train.get("val_batch", 8)))
    floor, ceiling = bounds(cases.seen(cases.rows("pool")), cases.seen(cases.rows("held")))
    measure = Measure(VAL, "lower", ceiling=ceiling, floor=floor)
    return Plan(module, Numbered(range(pool.count), draws), val, measure=measure, selected_by="stop rule")


def bounds(pool: np.ndarray, held: np.ndarray) -> tuple[float, float]:
    """Return the loss on held images of a network that has learned nothing, and of one that has learned all.

    The first answers with the pool's median grey. The second draws images without their noise, which nothing
    around it tells: what is left of them by a median over 3 x 3 pixels is its loss.

    Args:
        pool: (N, H, W) uint8, images that train.
        held: likewise, those that do not.
    """
    images = held.astype(np.float32)
    quiet = ndimage.median_filter(images, (1, 3, 3))
    return float(np.abs(images - np.median(pool)).mean() / 255), float(np.abs(images - quiet).mean() / 255)


class MaskedImages(pl.LightningModule):
    """Crop, hide blocks, draw the image, compare what was hidden (Eq. 1); end by the rule of Sect. 2.3.

    Batches hold ``row`` (B,) and ``draw`` (B, n): numbers of the crop, then one for each block.

    Args:
        net: attributes ``vit`` and ``decoder``.
        pool: the images.
        keys: of the method.
        train: the ``train`` slice of the config.
    """

    def __init__(
        self, net: ViTForMaskedImageModeling, pool: Pool, keys: Mim, train: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.net, self.pool, self.keys, self.settings = net, pool, keys, dict(train)
        self.rule = StopRule(keys.stop)
        self._losses: list[Tensor] = []

    def loss(self, image: Tensor, noise: Tensor) -> Tensor:
        """Return the loss of images (B, 3, H, W), with blocks hidden by ``noise`` (B, blocks)."""
        patch = self.keys.net.patch
        grid = image.shape[2] // patch, image.shape[3] // patch
        hidden = block_masks(noise, grid, self.keys.mask.ratio, self.keys.mask.patches)
        found = self.net.decoder(patch_features(self.net.vit, image, hidden))
        return masked_l1(found, image, on_pixels(hidden, grid, patch))

    def on_train_start(self) -> None:
        """A run that had come to its end before it was killed does not go on."""
        if self.rule.stopped:
            self.trainer.should_stop = True

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        image, draw = self.pool(batch["row"]), batch["draw"]
        maps = boxes(draw[:, :CROP], self.keys.crop, self.keys.ratio).to(image.device)
        found = self.loss(crops(image, maps, (image.shape[2], image.shape[3])), draw[:, CROP:])
        self._losses.append(found.detach())
        return found

    def on_train_epoch_end(self) -> None:
        """Ask the rule; an epoch in which the rate still rises does not count."""
        loss = float(torch.stack(self._losses).mean())
        self._losses.clear()
        risen = self.global_step > int(self.settings.get("warmup", 0))
        if self.rule.look(loss, risen):
            print(f"pretraining ends: the loss has settled at {loss:.4f}", flush=True)
            self.trainer.should_stop = True

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log the loss on whole held images, always with the same blocks hidden."""
        rows, draw = batch["row"][0], batch["draw"][0]
        self.log(VAL, self.loss(self.pool(rows), draw[:, CROP:]), batch_size=len(rows))

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        return build_optimiser(self.net.parameters(), self.settings)
