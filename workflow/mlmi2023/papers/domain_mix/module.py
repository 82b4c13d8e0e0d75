"""The module that trains the student (Fig. 1): labelled images, mixed images, a teacher that follows."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mlmi2023.papers.domain_mix.losses import StudentLoss
from mlmi2023.papers.domain_mix.mixing import object_mask, pasted
from mlmi2023.papers.domain_mix.model import Student
from mlmi2023.papers.domain_mix.options import Learned
from mlmi2023.papers.domain_mix.pseudo import labelling, pseudo_labels, threshold_at
from mlmi2023.papers.domain_mix.samples import NONE, Pictures
from mlmi2023.tasks.segmentation.module import Segmentation, decide, overlap_counts
from mlmi2023.training.loop.ema import average_in, average_of


class Adapting(Segmentation):
    """A step of the strategy (Sect. 2.4): half of a batch has true labels, half is mixed.

    The teacher is the average of the student's segmenter; it is part of the module's state, so that a run
    that was killed goes on with it. Where nothing needs pseudo-labels there is none.

    Args:
        net: the student.
        loss: of its two outputs.
        train: the ``train`` slice of the config.
        source: the images.
        keys: of the method.
        classes: structures besides the background.
        nested: see :class:`~.options.Task`.
        cases: that validate.
        untrained: the student before the first step of all; None: ``net`` is that. What has been learned is
            counted from there, not from where the step before has ended.
    """

    net: Student
    source: Pictures

    def __init__(
        self, net: Student, loss: StudentLoss, train: Mapping[str, Any], source: Pictures, keys: Learned,
        classes: int, nested: bool, cases: int, untrained: nn.Module | None = None,
    ) -> None:  # fmt: skip
        super().__init__(net, loss, train, source, classes, cases)
        self.keys, self.nested = keys, nested
        # in a tuple, so that it is no part of the module
        self._untrained = () if untrained is None else (untrained.eval(),)
        pools = [] if keys.mix is None else [*keys.mix.origins, *keys.mix.to]
        follows = keys.labeller == "teacher" and "unlabelled" in pools
        self.teacher: nn.Module | None = average_of(net.segmenter).eval() if follows else None

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        image, label = self.batch_of(batch)
        return self.loss(self.net(image), label)  # type: ignore[no-any-return]

    def batch_of(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return images (B, C, H, W) and labels (B, H, W): first half mixed, the rest with true labels."""
        count = len(batch["row"])
        mixed = 0 if self.keys.mix is None else count // 2
        image, label = self.source.take(batch["row"][mixed:])
        if mixed:
            new = self.mixed({key: batch[key][:mixed] for key in ("to", "from", "object")})
            image, label = torch.cat([new[0], image]), torch.cat([new[1], label])
        return self.source.augment(image, label, batch["draw"])

    def mixed(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return images and labels with an object of the images ``from`` pasted into the images ``to``."""
        below = self.taken(batch["to"])
        if bool((batch["from"] == NONE).all()):
            return below
        above = self.taken(batch["from"])
        mask = object_mask(above[1], batch["object"], self.classes, self.nested)
        return pasted(mask, above, below)

    def taken(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return images and labels, pseudo-labels for those that have none."""
        image, label = self.source.take(rows)
        without = ~self.source.labelled[rows]
        if bool(without.any()):
            label = label.clone()
            label[without] = self.pseudo(image[without])
        return image, label

    @torch.no_grad()
    def pseudo(self, image: Tensor) -> Tensor:
        """Return pseudo-labels (B, H, W) by the teacher, or by the student where there is none."""
        labeller = self.net.segmenter if self.teacher is None else self.teacher
        with labelling(labeller):
            logits = labeller(image)
        keys = self.keys.threshold
        threshold = threshold_at(keys, self.global_step, int(self.settings["steps"]))
        return pseudo_labels(logits, threshold, keys.below)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Let the teacher follow."""
        if self.teacher is not None:
            average_in(self.teacher, self.net.segmenter, self.keys.ema, self.global_step)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count overlaps of structures as they are judged, on the device."""
        batch = {key: value[0] for key, value in batch.items()}
        image, target = self.source(batch, False)
        before = self._untrained if self.trainer.sanity_checking else ()
        net = before[0].to(self.device) if before else self.net
        logits = self.infer(net, image)
        found, classes = decide(logits), self.classes
        if self.nested:  # structure by structure, each with those inside of it
            each = [overlap_counts(found >= k, target >= k, 1) for k in range(1, classes + 1)]
            counts = torch.cat(each, dim=1)
        else:
            counts = overlap_counts(found, target, classes)
        self._counts.index_add_(0, batch["case"], counts)
        self.log("val_loss", self.loss(logits, target), batch_size=len(image))

    def configure_optimizers(self) -> Any:
        """Return what the config asks for; decoders have a rate of their own."""
        from mlmi2023.training.loop.optimisers import build_optimiser

        encoder = list(self.net.segmenter.encoder.parameters())
        others = [*self.net.segmenter.decoder.parameters(), *self.net.shape.parameters()]
        rate = float(self.settings["learning_rate"]) * float(self.settings.get("decoder_rate", 1.0))
        return build_optimiser([{"params": encoder}, {"params": others, "lr": rate}], self.settings)
