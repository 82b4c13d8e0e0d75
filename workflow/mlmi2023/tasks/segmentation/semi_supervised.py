"""Segmentation that also learns from images without labels: entropy, mean teacher, ICT, cross pseudo-labels.

The loss is that of labelled images plus lambda(t) times that of as many images without labels, with lambda
rising as :func:`mlmi2023.losses.consistency.ramp_up` has it. A paper passes a network, its own source of
batches and two data sets; keys are those of :mod:`mlmi2023.tasks.semi_options`. It works in 2D and 3D, with
and without deep supervision, whose finest answer is the one that images without labels are judged by.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.core.errors import InputError
from mlmi2023.losses.consistency import agreement, entropy, pseudo_labels, ramp_up
from mlmi2023.tasks.segmentation.module import Infer, Segmentation, finest
from mlmi2023.tasks.semi_options import CrossPseudo, Entropy, Interpolation, MeanTeacher, SemiSupervised
from mlmi2023.training.loop.ema import average_in, average_of

#: what keys of the sample without labels begin with
PREFIX = "unlabelled_"
#: the random number of a step that ICT's share is made of
MIX = f"{PREFIX}mix"


class WithUnlabelled(Dataset):
    """Samples of a data set, each with one of another that is drawn evenly: its keys get :data:`PREFIX`.

    Args:
        labelled: samples are mappings.
        unlabelled: the same.
        alpha: of ICT: a share drawn from Beta(alpha, alpha) comes with each sample; None: no share.
    """

    def __init__(self, labelled: Dataset, unlabelled: Dataset, alpha: float | None = None) -> None:
        self.labelled, self.unlabelled, self.alpha = labelled, unlabelled, alpha
        if not len(unlabelled):  # type: ignore[arg-type]
            raise InputError("there are no images without labels to learn from; check the cohort's split")

    def __len__(self) -> int:
        return len(self.labelled)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = dict(self.labelled[index])
        other = self.unlabelled[int(torch.randint(len(self.unlabelled), ()))]  # type: ignore[arg-type]
        sample.update({f"{PREFIX}{key}": value for key, value in other.items()})
        if self.alpha is not None:
            alpha = torch.tensor(float(self.alpha))
            sample[MIX] = torch.distributions.Beta(alpha, alpha).sample()
        return sample


class SemiSupervisedSegmentation(Segmentation):
    """See the module; a teacher or a second network is part of the module's state and survives a kill.

    Args:
        net: the network that is kept.
        loss: of labelled images.
        train: the ``train`` slice of the config.
        source: called with the labelled half of a batch, and with the other; labels of the latter are not
            used.
        keys: of the method.
        second: of cross pseudo-labels: the other network, with initial weights of its own.
        classes: structures besides the background.
        cases: that validate.
        infer: see :class:`~.module.Segmentation`.
    """

    def __init__(
        self, net: nn.Module, loss: nn.Module, train: Mapping[str, Any], source: nn.Module,
        keys: SemiSupervised, second: nn.Module | None = None, classes: int = 1, cases: int = 0,
        infer: Infer | None = None,
    ) -> None:  # fmt: skip
        super().__init__(net, loss, train, source, classes, cases, infer)
        self.keys = keys
        if isinstance(keys, CrossPseudo) != (second is not None):
            raise ValueError("cross pseudo-labels take a second network, and nothing else does")
        self.second = second
        follows = isinstance(keys, MeanTeacher | Interpolation)
        self.teacher = average_of(net).eval() if follows else None

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        image, target = self._taken({k: v for k, v in batch.items() if not k.startswith(PREFIX)}, True)
        loss = self.loss(self.net(image), target)
        if self.second is not None:
            loss = loss + self.loss(self.second(image), target)
        weight = self.weight()
        if not weight:
            return loss
        other = {k.removeprefix(PREFIX): v for k, v in batch.items() if k.startswith(PREFIX) and k != MIX}
        return loss + weight * self.of_unlabelled(self._taken(other, True)[0], batch.get(MIX))

    def weight(self) -> float:
        """Return lambda(t) of the step that is being done."""
        return self.keys.weight * ramp_up(self.global_step, self.keys.ramp * float(self.settings["steps"]))

    def of_unlabelled(self, image: Tensor, share: Tensor | None = None) -> Tensor:
        """Return the loss of images (B, C, *grid) without labels; ``share`` (B,) is ICT's."""
        keys = self.keys
        if isinstance(keys, Entropy):
            return entropy(finest(self.net(image)))
        if isinstance(keys, CrossPseudo):
            assert self.second is not None
            first, second = finest(self.net(image)), finest(self.second(image))
            return pseudo_labels(first, second) + pseudo_labels(second, first)
        if isinstance(keys, MeanTeacher):
            # no generator of its own: the global one is seeded with each epoch
            noisy = [image + keys.noise * torch.randn_like(image) for _ in range(2)]
            return agreement(finest(self.net(noisy[0])), self._taught(noisy[1]))
        assert share is not None  # the data set has drawn it
        part = share.to(image.dtype).view(-1, *[1] * (image.ndim - 1))
        taught = self._taught(image)
        mixed = part * image + (1 - part) * image.roll(1, 0)
        return agreement(finest(self.net(mixed)), part * taught + (1 - part) * taught.roll(1, 0))

    @torch.no_grad()
    def _taught(self, image: Tensor) -> Tensor:
        """Return the teacher's chances, (B, C, *grid)."""
        assert self.teacher is not None
        self.teacher.eval()  # the trainer puts all of the module into training mode
        return finest(self.teacher(image)).float().softmax(1)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Let the teacher follow."""
        if self.teacher is not None and isinstance(self.keys, MeanTeacher | Interpolation):
            average_in(self.teacher, self.net, self.keys.ema, self.global_step)

    def configure_optimizers(self) -> Any:
        """Return what the config asks for, for both networks where there are two."""
        from mlmi2023.training.loop.optimisers import build_optimiser

        second = [] if self.second is None else list(self.second.parameters())
        return build_optimiser([*self.net.parameters(), *second], self.settings)
