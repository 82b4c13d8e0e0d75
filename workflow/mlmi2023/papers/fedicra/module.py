"""The federation in one process: each training step is one local step of every site."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from mlmi2023.papers.fedicra.cases import SiteImages
from mlmi2023.papers.fedicra.client import Client
from mlmi2023.papers.fedicra.model import Federation, SiteUnet
from mlmi2023.papers.fedicra.samples import SiteData, data_of
from mlmi2023.papers.fedicra.server import Server
from mlmi2023.papers.fedicra.strategies import CLOSED, GLOBAL, OWN_MESSAGES, state_of
from mlmi2023.tasks.segmentation.module import decide, mean_dice, overlap_counts


class Federated(pl.LightningModule):
    """Rounds of all sites, and validation of what would be tested.

    A round begins at the first of its steps and ends with its last, so that between two epochs everything
    that goes on is in the networks, the weights W and the optimisers: a killed run goes on from there.

    Logged is ``val_dice``, the mean over sites, their held out images and structures.

    Args:
        net: the server's network and the sites'.
        clients: the sites.
        server: averages.
        cases: for validation.
        train: the ``train`` slice of the config.
        untrained: the network before the first step of all; None: ``net`` is that. What has been learned is
            counted from there.
    """

    def __init__(
        self, net: Federation, clients: Sequence[Client], server: Server, cases: SiteImages,
        train: Mapping[str, Any], untrained: Federation | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.automatic_optimization = False
        self.net, self.clients, self.server, self.cases = net, list(clients), server, cases
        self.mixes = nn.ModuleList(client.mix for client in clients)
        self.data = nn.ModuleList(client.data for client in clients)
        self.settings = dict(train)
        self.round_steps = clients[0].round_steps
        # in a tuple, so that it is no part of the module
        self._untrained = () if untrained is None else (untrained.eval(),)
        self._counts: dict[int, Tensor] = {}

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Take one step at every site; return the mean loss of those that have not left the round."""
        done = self.current_epoch * int(self.settings["epoch_steps"]) + batch_idx
        number, place = divmod(done, self.round_steps)
        optimisers = self.optimizers(use_pl_optimizer=True)
        if not isinstance(optimisers, list):
            optimisers = [optimisers]
        if place == 0:
            self._begin(number)
        losses = []
        for client, optimiser in zip(self.clients, optimisers):
            own = {key: batch[key][:, client.number] for key in ("row", "draw")}
            losses.append(client.step(own, optimiser).to(self.device))
        if place == self.round_steps - 1:
            self._end(number)
        found = torch.stack(losses)
        finite = found[found.isfinite()]
        return {"loss": finite.mean() if len(finite) else found.mean()}

    def _begin(self, number: int) -> None:
        if self.server.keys.strategy in OWN_MESSAGES and number:
            # also after a kill: what the server had of each site is what the site has
            self.server.own = {client.number: state_of(client.net) for client in self.clients}
        messages = [self.server.message(client.number, number) for client in self.clients]
        for client, message in zip(self.clients, messages):
            client.begin(message, number)

    def _end(self, number: int) -> None:
        self.server.gather([client.end() for client in self.clients], number)
        if self.server.keys.strategy in CLOSED:
            for client in self.clients:
                client.close(self.server.message(client.number, number + 1))

    def on_validation_epoch_start(self) -> None:
        """Begin to count."""
        shape = (len(self.cases.classes), 2)
        self._counts = {row: torch.zeros(shape, device=self.device) for row in self.cases.rows("val")}

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count overlaps of structures as they are judged, with the network of each image's site."""
        rows = batch["row"][0].tolist()
        net = (
            self._untrained[0].to(self.device)
            if self._untrained and self.trainer.sanity_checking
            else self.net
        )
        for site in sorted({self.cases.site_of[row] for row in rows}):
            own = [row for row in rows if self.cases.site_of[row] == site]
            image = (
                torch.from_numpy(self.cases.pictures(own)).to(self.device).permute(0, 3, 1, 2).float() / 255
            )
            found = decide(tested_at(net, site, self.server.keys.strategy)(image, site))
            truth = torch.stack([torch.from_numpy(self.cases.truth(row)) for row in own]).to(self.device)
            counts = counted(found, truth, len(self.cases.classes), self.cases.task.nested)
            for row, values in zip(own, counts):
                self._counts[row] = values

    def on_validation_epoch_end(self) -> None:
        """Log the mean over sites."""
        by_site: dict[int, list[Tensor]] = {}
        for row, counts in self._counts.items():
            by_site.setdefault(self.cases.site_of[row], []).append(counts)
        self.log("val_dice", torch.stack([mean_dice(torch.stack(own)) for own in by_site.values()]).mean())

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return one optimiser a site."""
        return [client.optimiser() for client in self.clients]


def counted(found: Tensor, truth: Tensor, classes: int, nested: bool) -> Tensor:
    """Return overlaps and volumes (B, classes, 2); a nested structure is all labels from its own on."""
    if not nested:
        return overlap_counts(found, truth, classes)
    return torch.cat([overlap_counts(found >= k, truth >= k, 1) for k in range(1, classes + 1)], dim=1)


def tested_at(net: Federation, site: int, strategy: str) -> SiteUnet:
    """Return the network that is tested at a site (:mod:`.strategies`)."""
    chosen = net.server if strategy in GLOBAL else net.sites[site]
    return chosen  # type: ignore[return-value]


def federation(first: SiteUnet, count: int) -> Federation:
    """Return a server's network and ``count`` copies of it."""
    return Federation(first, [copy.deepcopy(first) for _ in range(count)])


def site_data(cases: SiteImages, pooled: bool, full: bool) -> list[SiteData]:
    """Return the data of each site, or of one that has all images."""
    rows = [own["train"] for own in cases.parts.values()]
    return [data_of(cases, own, full) for own in ([[row for own in rows for row in own]] if pooled else rows)]
