"""How each kind of method registers a pair: one method per group of a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.nets.registration.lapirn import LapIRN
from mlmi2023.papers.nio_reg.cases import Group
from mlmi2023.papers.nio_reg.instance import refine_field, refine_network
from mlmi2023.papers.nio_reg.measures import quality
from mlmi2023.papers.nio_reg.networks import Kept, build_network
from mlmi2023.papers.nio_reg.objective import Deformation, Objective
from mlmi2023.tasks.registration.methods import SHARED, Method, make_method, on_device
from mlmi2023.tasks.registration.volumes import Volumes
from mlmi2023.tasks.runs import kind_of, ready, start

NETWORKS = ("learned", "nio", "io")
Chosen = dict[str, Any]
#: moving and fixed image, (1, 1, X, Y, Z) -> field (1, 3, X, Y, Z)
Register = Callable[[Tensor, Tensor], Tensor]


def make_methods(
    job: Job, weights: Path | None, volumes: Volumes, found: list[Group]
) -> tuple[list[Method], list[Chosen]]:
    """Return the method of each group, and what its validation pairs have decided.

    Raises:
        InputError: an unknown kind, or weights, options or validation pairs that a kind needs are missing.
    """
    kind = kind_of(job, (*NETWORKS, *SHARED))
    if kind not in NETWORKS:
        start(job)
        method = make_method(job, volumes.packed.spacing, {})
        return [method] * len(found), [{} for _ in found]
    shape = volumes.packed.shape
    kept, device = ready(
        job, lambda: Kept(build_network(job.method_options["net"], shape), len(found)), _weights(job, weights)
    )
    assert isinstance(kept, Kept)
    deformation, objective = Deformation(job.task.get("deformation")), Objective(job.task["loss"])
    tools = objective, deformation, device
    made: list[tuple[Method, Chosen]] = []
    for net, group in zip(kept.nets, found):
        if kind == "io":
            made.append(_field_method(job, net, group, volumes, *tools))
        elif kind == "nio":
            made.append((_network_method(job, net, *tools), {}))
        else:
            made.append((on_device(_plain(net, deformation), device, warm=False), {}))
    return [method for method, _ in made], [chosen for _, chosen in made]


def _weights(job: Job, weights: Path | None) -> Path:
    """Return the weights of a network: the method's own, or those of the one method that it uses."""
    if job.method_options["kind"] == "learned":
        found = weights
    else:
        used = list(job.used.values())
        found = used[0].weights if len(used) == 1 else None
    if found is None:
        raise InputError(
            f"method '{job.method}' needs weights of a network: train it, or name one under 'uses'"
        )
    return found


def _plain(net: nn.Module, deformation: Deformation) -> Register:
    return lambda moving, fixed: deformation.smooth(net(moving, fixed).float())


def _network_method(
    job: Job, net: nn.Module, objective: Objective, deformation: Deformation, device: torch.device
) -> Method:
    """NIO and NIO_m: ``iterations`` of each level, coarsest first, at ``rate``."""
    if not isinstance(net, LapIRN):
        raise InputError(f"method '{job.method}': kind nio needs a pyramid, net.kind lapirn")
    begin = {name: value.clone() for name, value in net.state_dict().items()}
    iterations = [int(n) for n in job.method_options["iterations"]]
    rate = float(job.method_options["rate"])

    def register(moving: Tensor, fixed: Tensor) -> Tensor:
        with torch.enable_grad():
            return refine_network(net, begin, (moving, fixed), objective, iterations, rate, deformation)

    return on_device(register, device, warm=False)


def _field_method(
    job: Job,
    net: nn.Module,
    group: Group,
    volumes: Volumes,
    objective: Objective,
    deformation: Deformation,
    device: torch.device,
) -> tuple[Method, Chosen]:
    """IO: ``iterations`` at the one of ``rates`` that does best on at most ``search_pairs`` of validation."""
    options, packed = job.method_options, volumes.packed

    def at(rate: float) -> Method:
        def register(moving: Tensor, fixed: Tensor) -> Tensor:
            begin = net(moving, fixed).float()
            with torch.enable_grad():
                return refine_field(
                    begin, (moving, fixed), objective, int(options["iterations"]), rate, deformation
                )

        return on_device(register, device, warm=False)

    def score(rate: float) -> float:
        register = at(rate).register
        assert register is not None
        return float(np.mean([quality(pair, register(*volumes.arrays(pair)), packed) for pair in pairs]))

    rates = [float(r) for r in options["rates"]]
    pairs = group.val[: int(options.get("search_pairs", len(group.val)))]
    if len(rates) == 1 or not pairs:
        if len(rates) > 1:
            raise InputError(
                f"cohort '{packed.name}' has no validation pairs to choose the rate of '{job.method}' by; "
                "give 'rates' one number"
            )
        return at(rates[0]), {"rate": rates[0]}
    scores = {rate: score(rate) for rate in rates}
    best = max(scores, key=lambda rate: scores[rate])
    return at(best), {"rate": best, "scores": {f"{rate:g}": value for rate, value in scores.items()}}
