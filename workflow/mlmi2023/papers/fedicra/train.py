"""Training (Sect. 3): sites that exchange weights, sites on their own, or all images in one place."""

import torch

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import keys_of, options
from mlmi2023.papers.fedicra.adaptive import Mix
from mlmi2023.papers.fedicra.cases import SiteImages
from mlmi2023.papers.fedicra.client import Client
from mlmi2023.papers.fedicra.model import Federation, SiteUnet
from mlmi2023.papers.fedicra.module import Federated, federation, site_data
from mlmi2023.papers.fedicra.options import Learned
from mlmi2023.papers.fedicra.samples import DrawnAtSites
from mlmi2023.papers.fedicra.server import Server
from mlmi2023.papers.fedicra.strategies import state_of, take
from mlmi2023.tasks.segmentation.module import DICE
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.weights import read_weights


def learned(job: Job) -> Learned:
    """Return the keys of a learned method; others, such as ``stages``, are the workflow's."""
    own = {key: value for key, value in job.method_options.items() if key in keys_of(Learned)}
    return options(Learned, own, "config", f"methods.{job.method}")


def build(cases: SiteImages, keys: Learned) -> SiteUnet:
    """Return an untrained network.

    Raises:
        InputError: the images cannot be halved four times.
    """
    net = keys.net
    return SiteUnet(
        cases.channels, 1 + len(cases.classes), cases.size, net.features, net.scr, len(cases.sites)
    )


def networks(cases: SiteImages, keys: Learned) -> Federation:
    """Return the server's network and those of the sites, all alike."""
    return federation(build(cases, keys), 1 if keys.strategy == "central" else len(cases.sites))


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Fine-tuning goes on from the global model of the federation before it, ``job.previous``.

    Raises:
        InputError: the cohort, or the weights of the stage before, do not serve.
    """
    cases, keys = SiteImages(job), learned(job)
    net, untrained = networks(cases, keys), None
    if job.previous is not None:
        untrained = networks(cases, keys)
        begin_from(net, job)
    clients, server = parties(job, cases, keys, net)
    module = Federated(net, clients, server, cases, job.train, untrained)
    val = RowChunks(cases.rows("val"), int(job.train.get("val_batch", 16)))
    size = sum(p.numel() for p in net.server.parameters())
    return Plan(module, DrawnAtSites([len(c.data) for c in clients]), val, parameters=size, measure=DICE)


def parties(job: Job, cases: SiteImages, keys: Learned, net: Federation) -> tuple[list[Client], Server]:
    """Return the clients and the server of a method, over the networks of ``net``."""
    pooled = keys.strategy == "central"
    data = site_data(cases, pooled, keys.labels == "full")
    clients = [
        Client(number, own, Mix(own), images, keys, cases.task, job.train, job.seed)  # type: ignore[arg-type]
        for number, (own, images) in enumerate(zip(net.sites, data))
    ]
    names = ["all sites"] if pooled else cases.sites
    return clients, Server(net.server, names, keys, clients[0].rounds)  # type: ignore[arg-type]


def begin_from(net: Federation, job: Job) -> None:
    """Give all networks the server's weights of the stage before.

    Raises:
        InputError: they are of another network.
    """
    assert job.previous is not None
    wanted, found = state_of(net.server), read_weights(job.previous)
    state: dict[str, torch.Tensor] = {
        name.removeprefix("server."): value for name, value in found.items() if name.startswith("server.")
    }
    if {n: v.shape for n, v in state.items()} != {n: v.shape for n, v in wanted.items()}:
        raise InputError(f"{job.previous}: weights of another network; give both stages one 'net'")
    for own in (net.server, *net.sites):
        take(own, state, list(state))
