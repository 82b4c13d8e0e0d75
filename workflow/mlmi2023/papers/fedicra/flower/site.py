"""A site's process: what Flower asks, its client answers."""

import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.fedicra.adaptive import Mix
from mlmi2023.papers.fedicra.cases import SiteImages
from mlmi2023.papers.fedicra.client import Client
from mlmi2023.papers.fedicra.options import Learned
from mlmi2023.papers.fedicra.samples import DrawnAtSites, data_of
from mlmi2023.papers.fedicra.strategies import State
from mlmi2023.papers.fedicra.train import build, learned
from mlmi2023.tasks.runs import start
from mlmi2023.training.data.seeded import SeededSamples


def flwr(name: str) -> Any:
    """Return a module of Flower, with its telemetry off.

    Raises:
        InputError: it is not installed.
    """
    import importlib

    os.environ["FLWR_TELEMETRY_ENABLED"] = "0"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(f"Flower is not installed ({error}); pip install -r envs/flower.txt") from error


def rows_of(job: Job, cases: SiteImages, site: int) -> tuple[list[int], Learned]:
    """Return the training rows of a site, or of all for pooled training, and the method's keys."""
    keys = learned(job)
    if keys.strategy == "central":
        raise InputError(f"method '{job.method}' trains on pooled images; Flower joins sites")
    return cases.parts[cases.sites[site]]["train"], keys


def client_of(job: Job, site: int) -> Client:
    """Return the client of one site; no other site's image is read."""
    cases = SiteImages(job)
    rows, keys = rows_of(job, cases, site)
    net = build(cases, keys)
    data = data_of(cases, rows, keys.labels == "full")
    return Client(site, net, Mix(net), data, keys, cases.task, job.train, job.seed)


def batches(job: Job, client: Client, sites: int, number: int) -> Iterator[dict[str, Tensor]]:
    """Yield the batches of a round, those that the training in one process draws for this site."""
    size = int(job.train.get("batch", 1))
    samples = SeededSamples(DrawnAtSites([len(client.data)] * sites), job.seed)
    for step in range(number * client.round_steps, (number + 1) * client.round_steps):
        batch = default_collate(samples.__getitems__(list(range(step * size, (step + 1) * size))))
        yield {key: batch[key][:, client.number] for key in ("row", "draw")}


def packed(state: State) -> list[np.ndarray]:
    """Return a state as arrays, in the order of its names."""
    return [value.detach().cpu().numpy() for value in state.values()]


def unpacked(arrays: list[np.ndarray], names: list[str]) -> State:
    """Return the state of arrays in the order of names."""
    return {name: torch.from_numpy(np.array(array)) for name, array in zip(names, arrays, strict=True)}


def wait_for(address: str, patience: float = 600.0) -> None:
    """Wait until somebody listens at an address; Flower's client gives up at once where nobody does.

    Raises:
        InputError: nobody does in time.
    """
    host, port = address.rsplit(":", 1)
    until = time.monotonic() + patience
    while time.monotonic() < until:
        try:
            with socket.create_connection((host, int(port)), timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    raise InputError(f"{address}: no server listens after {patience:.0f} s; start it first")


def serve_site(job: Job, site: int, address: str) -> None:
    """Take part in all rounds of a server, then end."""
    start(job)
    client = client_of(job, site)
    optimiser, names, sites = client.optimiser(), list(client.net.state_dict()), len(job.task["sites"])
    leaves = os.environ.get("FEDICRA_LEAVES", "")  # of tests: "site:round" in which this process ends

    class Answers(flwr("flwr.client").NumPyClient):  # type: ignore[misc]
        """Flower's view of the client."""

        def get_properties(self, config: dict[str, Any]) -> dict[str, Any]:
            return {"site": site}

        def fit(
            self, parameters: list[np.ndarray], config: dict[str, Any]
        ) -> tuple[list[np.ndarray], int, dict[str, Any]]:
            number = int(config["round"])
            if leaves == f"{site}:{number}":
                os._exit(3)
            message = unpacked(parameters, names)
            update = client.fit(message, number, batches(job, client, sites, number), optimiser)
            if update is None:
                return [], 0, {"site": site}
            return packed(update.state), update.images, {"site": site}

    wait_for(address)
    flwr("flwr.client").start_client(server_address=address, client=Answers().to_client(), max_wait_time=60)
