"""The server's process: messages and averages of :mod:`mlmi2023.papers.fedicra.server` over Flower."""

import time
from typing import Any

import lightning.pytorch as pl

from mlmi2023.core.jobs import Job
from mlmi2023.papers.fedicra.cases import SiteImages
from mlmi2023.papers.fedicra.client import Update
from mlmi2023.papers.fedicra.flower.site import flwr, packed, unpacked
from mlmi2023.papers.fedicra.server import Server
from mlmi2023.papers.fedicra.strategies import State, state_of
from mlmi2023.papers.fedicra.train import build, learned
from mlmi2023.tasks.runs import start


def serve(job: Job, address: str, patience: float = 600.0) -> tuple[State, dict[str, Any]]:
    """Run all rounds; return the global weights, and what was exchanged.

    Args:
        job: what is trained.
        address: to listen at.
        patience: seconds in which all sites must be there at first.
    """
    start(job)
    pl.seed_everything(job.seed, verbose=False)  # initial weights, as in one process
    cases, keys = SiteImages(job), learned(job)
    rounds = int(job.train["steps"]) // int(job.train["round_steps"])
    server = Server(build(cases, keys), cases.sites, keys, rounds)
    names = list(server.net.state_dict())
    common, module = flwr("flwr.common"), flwr("flwr.server")
    told: list[dict[str, Any]] = []

    class Exchange(flwr("flwr.server.strategy").Strategy):  # type: ignore[misc]
        """One round: each site gets a message of its own, and answers with weights."""

        def __init__(self) -> None:
            self.site_of: dict[str, int] = {}

        def initialize_parameters(self, client_manager: Any) -> Any:
            if not client_manager.wait_for(len(cases.sites), int(patience)):
                there = client_manager.num_available()
                print(f"{there} of {len(cases.sites)} sites are there after {patience:.0f} s", flush=True)
            return common.ndarrays_to_parameters(packed(state_of(server.net)))

        def configure_fit(self, server_round: int, parameters: Any, client_manager: Any) -> list[Any]:
            number, asked = server_round - 1, []
            self.begun, self.sent = time.perf_counter(), 0
            for key, proxy in sorted(client_manager.all().items()):
                if key not in self.site_of:
                    question = common.GetPropertiesIns(config={})
                    found = proxy.get_properties(question, timeout=patience, group_id=server_round)
                    self.site_of[key] = int(found.properties["site"])
                message = common.ndarrays_to_parameters(packed(server.message(self.site_of[key], number)))
                self.sent += sum(map(len, message.tensors))
                asked.append((proxy, common.FitIns(message, {"round": number})))
            return asked

        def aggregate_fit(self, server_round: int, results: list[Any], failures: list[Any]) -> Any:
            updates, got = [], 0
            for _, answer in results:
                arrays = common.parameters_to_ndarrays(answer.parameters)
                got += sum(map(len, answer.parameters.tensors))
                site, count = int(answer.metrics["site"]), int(answer.num_examples)
                updates.append(Update(site, unpacked(arrays, names), count) if arrays else None)
            lost = server.gather(updates, server_round - 1)
            seconds = time.perf_counter() - self.begun
            told.append(
                {"bytes_out": self.sent, "bytes_in": got, "seconds": round(seconds, 3), "left_out": lost}
            )
            return common.ndarrays_to_parameters(packed(state_of(server.net))), {}

        def configure_evaluate(self, server_round: int, parameters: Any, client_manager: Any) -> list[Any]:
            return []

        def aggregate_evaluate(self, server_round: int, results: list[Any], failures: list[Any]) -> Any:
            return None, {}

        def evaluate(self, server_round: int, parameters: Any) -> None:
            return None

    module.start_server(
        server_address=address, config=module.ServerConfig(num_rounds=rounds), strategy=Exchange()
    )
    return state_of(server.net), {"rounds": told}
