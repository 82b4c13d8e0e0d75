"""Stand-ins for published weights, trained here: CLIP, a second text encoder, and encoders of ERM.

At scale ``paper`` published weights take their place (:mod:`.published`).
"""

from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from mlmi2023.core.jobs import Job
from mlmi2023.papers.clip_dr.erm import Erm
from mlmi2023.papers.clip_dr.eyes import normalised
from mlmi2023.papers.clip_dr.grader import Grader
from mlmi2023.papers.clip_dr.losses import contrast
from mlmi2023.papers.clip_dr.options import Task
from mlmi2023.papers.clip_dr.pictures import draw_pictures
from mlmi2023.papers.clip_dr.sentences import LENGTH, draw_sentences
from mlmi2023.papers.clip_dr.towers import read, see, unit
from mlmi2023.papers.clip_dr.words import Words
from mlmi2023.training.data.numbers import Chunks, Counted
from mlmi2023.training.loop.optimisers import build_optimiser
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure

#: of the words of a sentence, that are hidden
HIDDEN = 0.15
#: seeds of pictures and sentences that validate lie this far from those that train
APART = 10_000
#: pictures or sentences that are compared at once when validating
COMPARED = 64
#: the scale s may not grow above this (CLIP)
MOST_SCALE = 100.0


class _Pretraining(pl.LightningModule):
    """What all three have in common: rows of arrays that lie on the device."""

    def __init__(self, net: torch.nn.Module, train: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.net, self.settings = net, train
        for name, values in arrays.items():
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    def image(self, split: str, rows: Tensor, kind: str) -> Tensor:
        """Return pictures (B, 3, H, W) as the network sees them."""
        x = getattr(self, f"images_{split}")[rows].permute(0, 3, 1, 2).float() / 255
        return normalised(x, kind)

    def configure_optimizers(self) -> Any:
        """All weights learn."""
        return build_optimiser(self.parameters(), self.settings)

    def said(self, name: str, values: Tensor) -> None:
        """Log the mean of values, one for each row of the batch."""
        self.log(name, values.float().mean(), batch_size=len(values))


class CaptionMatching(_Pretraining):
    """CLIP: pictures and their captions are matched within a batch."""

    net: Grader

    def __init__(self, net: Grader, job: Job, task: Task, size: int) -> None:
        words, length, arrays = Words(), net.own.net.text.length, {}
        for split, count, seed in _splits(job, task):
            images, shown = draw_pictures(count, size, seed)
            ids = words([picture.caption for picture in shown], length).numpy()
            arrays |= {f"images_{split}": images, f"ids_{split}": ids}
        super().__init__(net, job.train, arrays)
        self.kind = task.normalise

    def _both(self, split: str, rows: Tensor) -> tuple[Tensor, Tensor]:
        clip = self.net.clip
        visual = see(clip, self.image(split, rows, self.kind))[1]
        return unit(visual), unit(read(clip, getattr(self, f"ids_{split}")[rows]))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Return the mean of both directions."""
        visual, texts = self._both("train", batch)
        return contrast(visual, texts, self.net.scale.clamp_max(MOST_SCALE)) / 2

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log ``val_match``: pictures whose own caption, or one of the same words, is the most alike."""
        rows = batch["row"][0]
        visual, texts = self._both("val", rows)
        ids = self.get_buffer("ids_val")[rows]
        self.said("val_match", (ids[(visual @ texts.T).argmax(1)] == ids).all(1))


class HiddenWords(_Pretraining):
    """The second text encoder: hidden words of sentences are found."""

    net: Grader

    def __init__(self, net: Grader, job: Job, task: Task) -> None:
        assert net.reader is not None and net.own.reader is not None
        words, arrays = Words(), {}
        for split, count, seed in _splits(job, task):
            rng = np.random.default_rng([seed, 45])
            ids = words(draw_sentences(count, net.own.reader.corpus, seed), LENGTH).numpy()
            inner = (ids != 0) & (ids != words.start) & (ids != words.end)
            hidden = inner & (rng.random(ids.shape) < HIDDEN)
            # at least one of each sentence
            first = (rng.random(ids.shape) * inner).argmax(1)
            hidden[np.arange(len(ids)), first] = True
            arrays |= {f"ids_{split}": ids, f"hidden_{split}": hidden}
        super().__init__(net, job.train, arrays)
        self.mask = words.mask
        self.decoder = torch.nn.Linear(net.reader.bert.config.hidden_size, len(words))

    def _found(self, split: str, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and numbers of the hidden words."""
        ids, hidden = (getattr(self, f"{name}_{split}")[rows] for name in ("ids", "hidden"))
        assert self.net.reader is not None
        states = self.net.reader.states(ids.masked_fill(hidden, self.mask))
        return self.decoder(states[hidden]), ids[hidden]

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Return the cross-entropy of the hidden words."""
        return F.cross_entropy(*self._found("train", batch))

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log ``val_words``: the share of hidden words that are found."""
        logits, wanted = self._found("val", batch["row"][0])
        self.said("val_words", logits.argmax(1) == wanted)

    def configure_optimizers(self) -> Any:
        """CLIP, which lies beside it, stays as it is."""
        assert self.net.reader is not None
        self.net.clip.requires_grad_(False)
        return build_optimiser([*self.net.reader.parameters(), *self.decoder.parameters()], self.settings)


class Kinds(_Pretraining):
    """ERM's encoders: colour and shape of pictures, as one class."""

    net: Erm

    def __init__(self, net: Erm, job: Job, task: Task, size: int) -> None:
        arrays = {}
        for split, count, seed in _splits(job, task):
            images, shown = draw_pictures(count, size, seed)
            arrays |= {f"images_{split}": images, f"kinds_{split}": np.array([p.kind for p in shown])}
        super().__init__(net, job.train, arrays)
        self.kind = task.normalise

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Return the cross-entropy."""
        wanted = self.get_buffer("kinds_train")[batch]
        return F.cross_entropy(self.net(self.image("train", batch, self.kind)), wanted)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log ``val_kinds``: the share of pictures whose kind is found."""
        rows = batch["row"][0]
        found = self.net(self.image("val", rows, self.kind)).argmax(1)
        self.said("val_kinds", found == self.get_buffer("kinds_val")[rows])


def _splits(job: Job, task: Task) -> list[tuple[str, int, int]]:
    return [("train", task.pictures.train, job.seed), ("val", task.pictures.val, job.seed + APART)]


def pretraining(job: Job, net: Grader | Erm, task: Task, size: int) -> Plan:
    """Return the plan of a stage before the one that the paper trains.

    Args:
        job: of a stage ``clip``, ``text`` or ``encoder``.
        net: the network whose part is trained.
        task: the dataset's.
        size: of pictures.
    """
    module: _Pretraining
    if isinstance(net, Erm):
        module, name = Kinds(net, job, task, size), "val_kinds"
    elif job.stage == "clip":
        module, name = CaptionMatching(net, job, task, size), "val_match"
    else:
        module, name = HiddenWords(net, job, task), "val_words"
    val: Dataset = Chunks({"row": np.arange(task.pictures.val)}, COMPARED)
    return Plan(module, Counted(task.pictures.train), val, measure=Measure(name, "higher", floor=0.0))
