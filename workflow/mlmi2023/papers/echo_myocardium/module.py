"""The module that trains every network of the paper, on the same clips in the same order."""

from collections.abc import Iterable, Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from mlmi2023.papers.echo_myocardium import losses
from mlmi2023.papers.echo_myocardium.clips import DeviceFrames
from mlmi2023.papers.echo_myocardium.discriminator import Discriminator
from mlmi2023.papers.echo_myocardium.distances import MYOCARDIUM, distances_of
from mlmi2023.papers.echo_myocardium.model import Answer, masks_of
from mlmi2023.papers.echo_myocardium.options import Learned
from mlmi2023.tasks.segmentation.module import mean_dice, overlap_counts
from mlmi2023.training.loop.optimisers import adam, build_optimiser


class ClipTraining(pl.LightningModule):
    """Networks of single images learn from the labelled frames of clips, the others from whole clips.

    The segmentation network has the optimiser of the config, what estimates flow and the discriminator have
    Adam. All are stepped here, and are part of checkpoints.

    Args:
        net: answers clips (:class:`.model.Answer`).
        source: of clips.
        keys: of the method.
        train: the ``train`` slice of the config.
        frames: that validate.
    """

    source: DeviceFrames

    def __init__(
        self, net: nn.Module, source: DeviceFrames, keys: Learned, train: Mapping[str, Any], frames: int
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.net, self.source, self.keys, self.settings, self.held = net, source, keys, dict(train), frames
        self.sees_clips = bool(net.sees_clips)
        self.critic = Discriminator(keys.shape_losses.width) if getattr(net, "shape", None) else None
        self._counts = torch.zeros(0)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Take a step of each optimiser; return the loss of the network."""
        clip, labels, marked = self.source(batch, True)
        if not self.sees_clips:
            clip, labels, marked = clip[marked][:, None], labels[marked][:, None], marked[marked][:, None]
        answer: Answer = self.net(clip)
        epoch_steps, steps = int(self.settings["epoch_steps"]), int(self.settings["steps"])
        loss = self.objective(
            clip, labels, marked, answer, (self.current_epoch * epoch_steps + batch_idx) / steps
        )
        several = self.optimizers()
        optimisers = list(several) if isinstance(several, list) else [several]
        of_critic = optimisers.pop() if self.critic is not None else None
        for optimiser in optimisers:
            optimiser.zero_grad()
        self.manual_backward(loss)
        for optimiser in optimisers:
            optimiser.step()
        if of_critic is not None and answer.distances is not None:
            of_critic.zero_grad()  # of what the network's loss has left there
            self.manual_backward(self.critic_loss(clip, labels, marked, answer.distances.detach()))
            of_critic.step()
        schedulers = self.lr_schedulers()
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            scheduler.step()  # type: ignore[union-attr, call-arg]
        return {"loss": loss.detach()}

    def objective(self, clip: Tensor, labels: Tensor, marked: Tensor, answer: Answer, done: float) -> Tensor:
        """Return L_gen + L_OF, as far as the network answers to them (Eqs. 6 and 8).

        Args:
            clip: (B, N, 1, H, W).
            labels: (B, N, H, W).
            marked: frames with labels (B, N).
            answer: of the network.
            done: share of the training that is behind.
        """
        total = losses.supervised(self.keys.loss, [own[marked] for own in answer.logits], labels[marked])
        if answer.distances is not None and self.critic is not None:
            keys = self.keys.shape_losses
            total = total + keys.distances * losses.distance_loss(answer.distances[marked], labels[marked])
            weight = losses.critic_weight(keys, done)
            total = total + weight * losses.fooling(self.critic, clip[~marked], answer.distances[~marked])
        if answer.forward is not None:
            total = total + losses.flow_terms(self.keys.flow_losses, clip, answer, done)
        return total

    def critic_loss(self, clip: Tensor, labels: Tensor, marked: Tensor, distances: Tensor) -> Tensor:
        """Return the loss of the discriminator (Eq. 10)."""
        true = self.keys.shape_losses.real == "true"
        shown = distances_of(labels[marked]) if true else distances[marked]
        return losses.telling_apart(self.critic, (clip[marked], shown), (clip[~marked], distances[~marked]))

    def on_validation_epoch_start(self) -> None:
        """Begin to count."""
        self._counts = torch.zeros((self.held, 1, 2), dtype=torch.int64, device=self.device)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count overlaps of the myocardium on ED and ES frames."""
        batch = {key: value[0] for key, value in batch.items()}
        clip, labels, _ = self.source(batch, False)
        at = torch.arange(len(clip), device=clip.device), batch["which"]
        if self.sees_clips:
            logits = self.net(clip).logits[0][at]
        else:
            logits = self.net(clip[at][:, None]).logits[0][:, 0]
        muscle = (masks_of(logits) == MYOCARDIUM).long()
        counts = overlap_counts(muscle, (labels[at] == MYOCARDIUM).long(), 1)
        self._counts.index_add_(0, batch["case"], counts)

    def on_validation_epoch_end(self) -> None:
        """Log the mean Dice of the myocardium over frames."""
        self.log("val_dice", mean_dice(self._counts))

    def configure_optimizers(self) -> Any:
        """Return the optimisers: of the segmentation network, of the flow's part, of the discriminator."""
        flow: nn.Module | None = getattr(self.net, "flow", None)
        others = {id(p) for p in flow.parameters()} if flow is not None else set()
        made = [build_optimiser([p for p in self.net.parameters() if id(p) not in others], self.settings)]
        if flow is not None:
            made.append(self._adam(flow.parameters(), "flow_rate"))
        if self.critic is not None:
            made.append(self._adam(self.critic.parameters(), "critic_rate", betas=(0.9, 0.99)))
        return made

    def _adam(self, parameters: Iterable[nn.Parameter], rate: str, **keys: Any) -> dict[str, Any]:
        return {"optimizer": adam(parameters, lr=float(self.settings.get(rate, 1e-4)), **keys)}
