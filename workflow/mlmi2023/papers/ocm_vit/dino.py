"""DINO (Caron et al. 2021): a student answers small and large crops as its slow average answers large ones.

The paper takes published weights, learned on natural images; where no file has them, this learns them on the
pool.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import ViTModel

from mlmi2023.core.jobs import Job
from mlmi2023.papers.ocm_vit.cases import PoolCases
from mlmi2023.papers.ocm_vit.encoder_options import Dino
from mlmi2023.papers.ocm_vit.keys import keys_of
from mlmi2023.papers.ocm_vit.unlabelled import Numbered, Pool
from mlmi2023.papers.ocm_vit.views import CROP, LIGHT, boxes, crops, lit
from mlmi2023.papers.ocm_vit.vit import encoder, image_features
from mlmi2023.training.loop.ema import average_in, average_of
from mlmi2023.training.loop.optimisers import build_optimiser
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure

#: share of held images whose other crop is the nearest of all
VAL = "val_match"
#: ratio of a crop's sides, and change of light, of its views
RATIO, JITTER = 4 / 3, 0.4
LARGE = 2


def plan_dino(job: Job) -> Plan:
    """Return module and samples of DINO on the pool."""
    keys = keys_of(Dino, job)
    cases = PoolCases(job, encoder=True)
    pool = Pool(cases)
    module = Distillation(DinoNet(encoder(keys.net, cases.size), keys), pool, keys, job.train)
    draws = (LARGE + keys.crops) * (CROP + LIGHT)
    held = range(pool.count, len(pool.images))
    val = Numbered(held, draws, fixed=0, at_once=int(job.train.get("val_batch", 8)))
    return Plan(module, Numbered(range(pool.count), draws), val, measure=Measure(VAL, floor=1 / len(held)))


class DinoNet(nn.Module):
    """Encoder and projection head.

    Args:
        vit: the encoder.
        keys: sizes of the head.
    """

    def __init__(self, vit: ViTModel, keys: Dino) -> None:
        super().__init__()
        self.vit = vit
        width = int(vit.config.hidden_size)
        self.head = nn.Sequential(
            nn.Linear(width, keys.hidden), nn.GELU(), nn.Linear(keys.hidden, keys.hidden), nn.GELU(),
            nn.Linear(keys.hidden, keys.bottleneck),
        )  # fmt: skip
        self.prototypes = nn.Parameter(torch.empty(keys.prototypes, keys.bottleneck))
        nn.init.trunc_normal_(self.prototypes, std=0.02)

    def forward(self, image: Tensor) -> Tensor:
        """Return likenesses (B, K) of images (B, 3, H, W) to the prototypes, cosines."""
        code = F.normalize(self.head(image_features(self.vit, image)), dim=-1)
        return code @ F.normalize(self.prototypes, dim=-1).T


def distillation(
    student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor, temperature: tuple[float, float]
) -> Tensor:
    """Return the mean cross-entropy of the student's answers to the teacher's, over pairs of unlike crops.

    Args:
        student: (B, K) of each crop, the large ones first.
        teacher: (B, K) of each large crop.
        centre: (K,), subtracted from the teacher's.
        temperature: of the student, and of the teacher.
    """
    wanted = [((answer - centre) / temperature[1]).softmax(-1) for answer in teacher]
    said = [(answer / temperature[0]).log_softmax(-1) for answer in student]
    terms = [-(w * s).sum(-1).mean() for k, w in enumerate(wanted) for n, s in enumerate(said) if n != k]
    return torch.stack(terms).mean()


class Distillation(pl.LightningModule):
    """Train a student; what is kept is its average, the teacher.

    Args:
        net: becomes the teacher.
        pool: the images.
        keys: of the method.
        train: the ``train`` slice of the config.
    """

    centre: Tensor

    def __init__(self, net: DinoNet, pool: Pool, keys: Dino, train: Mapping[str, Any]) -> None:
        super().__init__()
        self.student = net
        self.net: Any = average_of(net)
        self.pool, self.keys, self.settings = pool, keys, dict(train)
        self.register_buffer("centre", torch.zeros(keys.prototypes))
        self._features: list[Tensor] = []

    def views(self, rows: Tensor, draw: Tensor, count: int) -> list[Tensor]:
        """Return ``count`` crops (B, 3, h, w) of the pool's images ``rows``, the large ones first."""
        image, keys = self.pool(rows), self.keys
        size = image.shape[2]
        found = []
        for number, own in enumerate(draw.unflatten(1, (-1, CROP + LIGHT)).unbind(1)[:count]):
            large = number < LARGE
            maps = boxes(own[:, :CROP], keys.large if large else keys.small, RATIO).to(image.device)
            patch = keys.net.patch
            side = size if large else max(patch, size // 2 // patch * patch)
            found.append(lit(crops(image, maps, (side, side)), own[:, CROP:].to(image.device), JITTER))
        return found

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch, and let the teacher's mean answer follow."""
        views = self.views(batch["row"], batch["draw"], LARGE + self.keys.crops)
        with torch.no_grad():
            wanted = self.net(torch.cat(views[:LARGE])).chunk(LARGE)
        said = list(self.student(torch.cat(views[:LARGE])).chunk(LARGE))
        if self.keys.crops:
            said += self.student(torch.cat(views[LARGE:])).chunk(self.keys.crops)
        loss = distillation(said, wanted, self.centre, self.keys.temperature)
        mean = torch.cat(list(wanted)).mean(0)
        self.centre.mul_(self.keys.centre).add_(mean, alpha=1 - self.keys.centre)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Let the teacher follow."""
        average_in(self.net, self.student, self.keys.ema, self.global_step)

    def on_validation_epoch_start(self) -> None:
        """Begin anew."""
        self._features.clear()

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Keep the features of two large crops of each held image, always the same."""
        views = self.views(batch["row"][0], batch["draw"][0], LARGE)
        found = [F.normalize(image_features(self.net.vit, view), dim=-1) for view in views]
        self._features.append(torch.stack(found))

    def on_validation_epoch_end(self) -> None:
        """Log the share of crops whose nearest among the other crops is of the same image."""
        first, second = torch.cat(self._features, dim=1)
        own = torch.arange(len(first), device=first.device)
        self.log(VAL, ((first @ second.T).argmax(1) == own).float().mean())

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        return build_optimiser(self.student.parameters(), self.settings)
